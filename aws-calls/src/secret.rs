//! Secrets of a function: a text in its environment, or a secret in AWS Secrets Manager that its environment names.
//!
//! A variable whose value begins with `arn:` names a secret there, whose whole text counts. It is read when the
//! function starts, and again when it is older than [`MAX_AGE`]: a rotated secret takes effect without a deployment.
//! Any other value is the secret itself, as for `cargo run`.

use std::{
    env,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::{Misconfigured, SecretsManager, Unavailable, signed::MAX_ATTEMPTS};

/// Age at which a secret is read again. API Gateway keeps an authorizer's decision for as long.
pub const MAX_AGE: Duration = Duration::from_mins(5);

/// Time between a read that failed and the next one, if an earlier value can be used meanwhile.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// A secret. Clones share what was read.
#[derive(Clone)]
pub struct Secret(Source);

#[derive(Clone)]
enum Source {
    Text(Arc<str>),
    Stored(Arc<Stored>),
}

/// A secret in Secrets Manager.
struct Stored {
    manager: SecretsManager,
    arn: String,
    max_age: Duration,
    known: Mutex<Option<Known>>,
    /// Held by the one caller who reads.
    reading: tokio::sync::Mutex<()>,
}

struct Known {
    text: Arc<str>,
    read_again_at: Instant,
}

fn is_arn(value: &str) -> bool {
    value.starts_with("arn:")
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Source::Text(text.into()))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(Source::Text(text.into()))
    }
}

impl Secret {
    /// Reads environment variables, once, at start-up; one that is absent is an empty secret. The error says that one
    /// names a secret by its ARN while there are no credentials.
    pub fn from_env<const COUNT: usize>(names: [&str; COUNT]) -> Result<[Self; COUNT], Misconfigured> {
        let values = names.map(|name| env::var(name).unwrap_or_default());
        if !values.iter().any(|value| is_arn(value)) {
            return Ok(values.map(Self::from));
        }
        let manager = SecretsManager::from_env()?;
        let stored = |value: String| Self::stored(manager.clone(), value, MAX_AGE);
        Ok(values.map(|value| if is_arn(&value) { stored(value) } else { value.into() }))
    }

    /// The secret with this ARN, read again when it is older than `max_age`.
    pub fn stored(manager: SecretsManager, arn: String, max_age: Duration) -> Self {
        Self(Source::Stored(Arc::new(Stored {
            manager,
            arn,
            max_age,
            known: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
        })))
    }

    /// False if the environment had none.
    pub fn is_set(&self) -> bool {
        match &self.0 {
            Source::Text(text) => !text.is_empty(),
            Source::Stored(_) => true,
        }
    }

    /// True if it is kept in Secrets Manager, so that its text has to be read first.
    pub fn is_stored(&self) -> bool {
        matches!(self.0, Source::Stored(_))
    }

    /// The secret's text; reads it if the one known is too old. If it cannot be read, an earlier one is used; the error
    /// says that there is none yet.
    pub async fn value(&self) -> Result<Arc<str>, Unavailable> {
        match &self.0 {
            Source::Text(text) => Ok(Arc::clone(text)),
            Source::Stored(stored) => stored.value().await,
        }
    }

    /// The text as last read; empty before the first time.
    pub fn current(&self) -> Arc<str> {
        match &self.0 {
            Source::Text(text) => Arc::clone(text),
            Source::Stored(stored) => stored.known(|known| Arc::clone(&known.text)).unwrap_or_default(),
        }
    }
}

impl Stored {
    async fn value(&self) -> Result<Arc<str>, Unavailable> {
        if let Some(text) = self.fresh() {
            return Ok(text);
        }
        // Whoever finds another reading takes the old text, and waits only if there is none.
        let _reading = match (self.reading.try_lock(), self.known(|known| Arc::clone(&known.text))) {
            (Ok(reading), _) => reading,
            (Err(_), Some(text)) => return Ok(text),
            (Err(_), None) => self.reading.lock().await,
        };
        if let Some(text) = self.fresh() {
            return Ok(text);
        }
        let known = self.known(|known| Arc::clone(&known.text));
        // The caller has a request to answer: with a known text, one attempt is enough.
        let attempts = if known.is_some() { 1 } else { MAX_ATTEMPTS };
        match (self.manager.read(&self.arn, attempts).await, known) {
            (Ok(text), _) => Ok(self.keep(text.into(), self.max_age)),
            (Err(error), Some(text)) => {
                tracing::warn!(%error, "a secret could not be read again; the known one is used");
                Ok(self.keep(text, AFTER_FAILURE))
            }
            (Err(error), None) => Err(error),
        }
    }

    fn fresh(&self) -> Option<Arc<str>> {
        self.known(|known| (Instant::now() < known.read_again_at).then(|| Arc::clone(&known.text))).flatten()
    }

    fn known<T>(&self, look: impl FnOnce(&Known) -> T) -> Option<T> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(look)
    }

    fn keep(&self, text: Arc<str>, age: Duration) -> Arc<str> {
        let known = Known { text: Arc::clone(&text), read_again_at: Instant::now() + age };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        text
    }
}
