//! Warnings about a chatbot: conditions that an admin should know of, though it still answers.

use serde::Serialize;

use super::{Chatbot, ModelInUse, Shutdown};
use crate::domain::At;

/// A warning about a chatbot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Warning {
    pub code: WarningCode,
    /// The condition and its remedy, for people.
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum WarningCode {
    /// The model shuts down within 60 days, or has shut down.
    ModelEnds,
    /// The server does not have the model.
    ModelMissing,
    /// The server did not say whether it has the model.
    ModelUndetermined,
    /// The server refuses a request parameter.
    ParameterRefused,
}

impl Chatbot {
    /// The warnings as of `now`: of the model, of the fallback model, and one of each refused parameter.
    pub fn warnings(&self, now: At) -> Vec<Warning> {
        let mut warnings: Vec<Warning> = self.models().flat_map(|model| model.warnings(now)).collect();
        warnings.extend(self.refused_parameters.iter().map(|parameter| Warning {
            code: WarningCode::ParameterRefused,
            detail: format!("the server refuses the parameter `{parameter}`; it is left out of requests"),
        }));
        warnings
    }
}

impl ModelInUse<'_> {
    fn warnings(self, now: At) -> Vec<Warning> {
        let Self { field, name, status } = self;
        let mut warnings = Vec::new();
        let mut warn = |code, detail| warnings.push(Warning { code, detail });
        let date = status.shutdown_date.as_deref().unwrap_or_default();
        match status.shutdown(now) {
            Some(Shutdown::Near) => warn(
                WarningCode::ModelEnds,
                format!("the model `{name}` shuts down on {date}; set `{field}` to another one before that day"),
            ),
            Some(Shutdown::Past) => warn(
                WarningCode::ModelEnds,
                format!("the model `{name}` has reached its shutdown date, {date}; set `{field}` to another one"),
            ),
            None => {}
        }
        if status.is_missing {
            let detail = format!("the server does not have the model `{name}`; set `{field}` to one that it has");
            warn(WarningCode::ModelMissing, detail);
        }
        if status.is_undetermined {
            let detail =
                format!("the server did not say whether it has the model `{name}`; send the chatbot a test message");
            warn(WarningCode::ModelUndetermined, detail);
        }
        warnings
    }
}
