//! AWS in a build without the feature `stack`: no command reaches it.

use aws_config::SdkConfig;

use super::{Description, StackError};
use crate::{account::Account, pages::Page};

/// There is none.
pub(crate) enum Cloud {}

impl Cloud {
    #[expect(clippy::unused_async, reason = "the same signature as with the feature")]
    pub(crate) async fn connect(_: &Account) -> Result<Self, StackError> {
        Err(StackError::NotBuilt)
    }

    pub(crate) fn config(&self) -> &SdkConfig {
        match *self {}
    }

    pub(crate) fn region(&self) -> &str {
        match *self {}
    }

    pub(crate) async fn describe(&self, _: &str) -> Result<Description, StackError> {
        match *self {}
    }

    pub(crate) async fn secret(&self, _: &str) -> Result<String, StackError> {
        match *self {}
    }

    pub(crate) async fn page(&self, _: &str, _: &str) -> Result<Option<Vec<u8>>, StackError> {
        match *self {}
    }

    pub(crate) async fn put_page_if_changed(&self, _: &str, _: &Page) -> Result<bool, StackError> {
        match *self {}
    }
}
