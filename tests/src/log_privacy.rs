//! The privacy of the logs: everything that the functions log in this process is kept, and searched for what people
//! sent and were answered: texts, titles, metadata, names, instructions, tokens.
//!
//! What counts as public is listed here, so that a new field is private by itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write},
    path::Path,
    sync::{Mutex, MutexGuard, Once, PoisonError},
};

use serde_json::Value;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// The levels that a deployment logs, and our own finer one.
const FILTER: &str = "info,shared=debug";

/// Fields of requests and answers that a log may show, besides ids (`…_id`), times (`…_at`) and dates.
#[rustfmt::skip]
const PUBLIC_FIELDS: [&str; 23] = [
    "action", "client_id", "code", "cursor", "data_type", "day", "encoding_format", "fallback_model", "id", "include",
    "memory", "model", "next_cursor", "object", "origins", "parameters", "role", "status", "to", "tools", "type", "url",
    "warnings",
];

/// The shortest text that is searched for, in characters. Shorter ones occur by chance.
const MIN_CHARS: usize = 8;

/// The beginning of a text that is searched for, in characters: a log may have cut the text.
const SEARCHED_CHARS: usize = 32;

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// The private texts by the base URL of the Switchboard that they were sent to.
static TEXTS: Mutex<BTreeMap<String, PrivateTexts>> = Mutex::new(BTreeMap::new());

/// Texts that no log may show.
#[derive(Clone, Debug, Default)]
pub struct PrivateTexts(BTreeSet<String>);

impl PrivateTexts {
    /// Adds the private strings of a JSON value.
    pub fn add(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.add_text(text),
            Value::Array(values) => values.iter().for_each(|value| self.add(value)),
            Value::Object(fields) => {
                fields.iter().filter(|(name, _)| !is_public(name)).for_each(|(_, value)| self.add(value));
            }
            _ => {}
        }
    }

    fn add_text(&mut self, text: &str) {
        let is_word = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if text.chars().count() < MIN_CHARS || is_word || is_id(text) {
            return;
        }
        let start: String = text.chars().take(SEARCHED_CHARS).collect();
        // As `Debug` and JSON write it.
        let escaped = format!("{start:?}");
        self.0.insert(escaped.trim_matches('"').to_owned());
        self.0.insert(start);
    }

    /// Adds a bearer token, of which no part but the header may be shown either.
    pub fn add_token(&mut self, token: &str) {
        token.split('.').skip(1).for_each(|part| self.add_text(part));
    }

    /// The texts that a log shows, each with the end of the line before it.
    pub fn shown_in(&self, log: &str) -> Vec<String> {
        let around = |text: &String| {
            let at = log.find(text.as_str())?;
            let line = log[..at].rfind('\n').map_or(0, |end| end + 1);
            Some(format!("{text:?} in: {}", log[line..].lines().next().unwrap_or_default()))
        };
        self.0.iter().filter_map(around).collect()
    }
}

fn is_public(field: &str) -> bool {
    PUBLIC_FIELDS.contains(&field) || ["_id", "_at", "_date", "Id"].iter().any(|end| field.ends_with(end))
}

/// True for ids of our own and of OpenAI: a short prefix, and letters and digits.
fn is_id(text: &str) -> bool {
    let Some((prefix, rest)) = text.split_once('_') else { return false };
    prefix.len() <= 6 && rest.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Keeps from now on what all threads log that have no subscriber of their own.
pub fn keep_logs() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(FILTER))
            .with_writer(Log)
            .with_ansi(false)
            .finish();
        tracing::subscriber::set_global_default(subscriber).expect("nobody else keeps the logs of all threads");
    });
}

/// The length of the log so far.
pub fn log_bytes() -> usize {
    locked(&LOG).len()
}

/// Lets no log of the Switchboard at `url` show what `add` adds.
pub fn forbid(url: &str, add: impl FnOnce(&mut PrivateTexts)) {
    add(locked(&TEXTS).entry(url.to_owned()).or_default());
}

/// The private texts of the Switchboard at `url` that the log shows after its first `since` bytes.
pub fn shown_of(url: &str, since: usize) -> Vec<String> {
    let texts = locked(&TEXTS).remove(url).unwrap_or_default();
    let log = String::from_utf8_lossy(&locked(&LOG)[since..]).into_owned();
    texts.shown_in(&log)
}

/// The part of the log file of a process that shows private texts.
pub fn shown_in_file(texts: &PrivateTexts, file: &Path) -> Vec<String> {
    texts.shown_in(&String::from_utf8_lossy(&fs::read(file).expect("the log of a process can be read")))
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The writer of the kept log.
#[derive(Clone, Copy)]
pub struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        locked(&LOG).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        *self
    }
}
