//! The data directory: the table, the token secret, and the endpoints of a running instance.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use dynoxide::Database;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use shared::domain::chatbot::Memory;

use crate::{Error, Tokens, demo::DemoRecord, dynamo, tokens::new_secret};

const LOCK_FILE: &str = "lock";
const ENDPOINTS_FILE: &str = "running.json";
const SECRET_FILE: &str = "secret";
const DEMO_FILE: &str = "demo.json";
/// The file of the table, and the two that `SQLite` keeps beside it.
const TABLE_FILES: [&str; 3] = ["table.sqlite", "table.sqlite-wal", "table.sqlite-shm"];

/// The data directory of one running instance, locked as long as this lives; or memory only.
pub struct DataDir(Option<Owned>);

struct Owned {
    path: PathBuf,
    /// Released by the operating system when the process ends, even after a crash.
    _lock: File,
}

/// The URLs at which the parts of a running instance listen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoints {
    pub url: String,
    pub database_url: Option<String>,
    /// The base URL, including `/v1`.
    pub openai_url: String,
    /// True for the stand-in.
    #[serde(default)]
    pub is_standin: bool,
    /// The memory of the OpenAI server, set or found at the start.
    #[serde(default)]
    pub memory: Memory,
}

impl Endpoints {
    /// The same parts under another host, for a process that reaches this machine by another name. A server of OpenAI
    /// other than the stand-in keeps its URL.
    pub(crate) fn seen_as(self, host: &str) -> Self {
        let rename = |url: String| {
            let Ok(mut parsed) = url.parse::<Url>() else { return url };
            if parsed.set_host(Some(host)).is_err() {
                return url;
            }
            parsed.as_str().trim_end_matches('/').to_owned()
        };
        Self {
            url: rename(self.url),
            database_url: self.database_url.map(rename),
            openai_url: if self.is_standin { rename(self.openai_url) } else { self.openai_url },
            ..self
        }
    }
}

impl DataDir {
    /// Locks the directory for this process, and creates it if missing. `reset` empties the table but keeps the
    /// secret, so that tokens issued before stay valid.
    pub fn open(path: Option<&Path>, reset: bool) -> Result<Self, Error> {
        let Some(path) = path else { return Ok(Self(None)) };
        create(path)?;
        let lock = lock_with_retries(path)?.ok_or_else(|| Error::InUse(path.to_owned()))?;
        if reset {
            for name in TABLE_FILES {
                match fs::remove_file(path.join(name)) {
                    Err(error) if error.kind() != ErrorKind::NotFound => {
                        return Err(file_error(&path.join(name), error));
                    }
                    _ => {}
                }
            }
        }
        Ok(Self(Some(Owned { path: path.to_owned(), _lock: lock })))
    }

    /// Locks a directory that already holds a table; creates nothing.
    pub(crate) fn existing(path: &Path) -> Result<Self, Error> {
        if !path.join(TABLE_FILES[0]).exists() {
            return Err(Error::NoTable(path.to_owned()));
        }
        Self::open(Some(path), false)
    }

    pub(crate) fn database(&self) -> Result<Database, Error> {
        Ok(match &self.0 {
            Some(owned) => dynamo::file(&owned.path.join(TABLE_FILES[0]))?,
            None => dynamo::memory()?,
        })
    }

    pub(crate) fn tokens(&self) -> Result<Tokens, Error> {
        match &self.0 {
            Some(owned) => tokens(&owned.path),
            None => Tokens::random(),
        }
    }

    pub(crate) fn write(&self, endpoints: &Endpoints) -> Result<(), Error> {
        self.write_json(ENDPOINTS_FILE, endpoints)
    }

    /// The demo chatbot that an earlier start created or updated here.
    pub(crate) fn demo_record(&self) -> Option<DemoRecord> {
        let owned = self.0.as_ref()?;
        serde_json::from_slice(&fs::read(owned.path.join(DEMO_FILE)).ok()?).ok()
    }

    pub(crate) fn write_demo_record(&self, record: &DemoRecord) -> Result<(), Error> {
        self.write_json(DEMO_FILE, record)
    }

    /// Writes nothing where the data is in memory only.
    fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), Error> {
        let Some(owned) = &self.0 else { return Ok(()) };
        let path = owned.path.join(name);
        let text = serde_json::to_vec_pretty(value).map_err(|error| file_error(&path, error.into()))?;
        fs::write(&path, text).map_err(|error| file_error(&path, error))
    }
}

/// The endpoints of the instance that is running on `path`, if there is one.
pub(crate) fn endpoints(path: &Path) -> Result<Endpoints, Error> {
    let not_running = || Error::NotRunning(path.to_owned());
    if !path.join(LOCK_FILE).exists() || lock(path)?.is_some() {
        return Err(not_running());
    }
    let text = fs::read(path.join(ENDPOINTS_FILE)).map_err(|_| not_running())?;
    serde_json::from_slice(&text).map_err(|_| not_running())
}

/// The signer of this directory's tokens; its secret is created at first use.
pub(crate) fn tokens(path: &Path) -> Result<Tokens, Error> {
    let secret = path.join(SECRET_FILE);
    match fs::read_to_string(&secret) {
        Ok(text) => return Ok(Tokens::new(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(file_error(&secret, error)),
    }
    create(path)?;
    let text = new_secret()?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(&secret).and_then(|mut file| file.write_all(text.as_bytes())) {
        Ok(()) => Ok(Tokens::new(text)),
        Err(error) => Err(file_error(&secret, error)),
    }
}

/// Creates the directory if missing, readable by its owner only because it holds conversations.
fn create(path: &Path) -> Result<(), Error> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| file_error(path, error))
}

/// Tries to lock for a short time: a process that has just released the lock may have been spawning a child, which
/// holds a copy of the lock until it executes its own program.
fn lock_with_retries(path: &Path) -> Result<Option<File>, Error> {
    for _ in 0..10 {
        if let Some(lock) = lock(path)? {
            return Ok(Some(lock));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(None)
}

/// Locks the directory; `None` if another process has it locked.
fn lock(path: &Path) -> Result<Option<File>, Error> {
    let path = path.join(LOCK_FILE);
    let lock = OpenOptions::new().create(true).write(true).truncate(false).open(&path);
    let lock = lock.map_err(|error| file_error(&path, error))?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(file_error(&path, error)),
    }
}

fn file_error(path: &Path, error: std::io::Error) -> Error {
    Error::File { path: path.to_owned(), error }
}
