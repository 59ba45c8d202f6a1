//! The findings about one chatbot, from its view in the API. Fields that are absent, or not as expected, say nothing:
//! the deployment may be older or newer than this program.

use serde_json::Value;
use shared::domain::{At, Chatbot};

use super::server::Server;
use crate::models::end_notice;

/// A chatbot of the table as the API would show it, with its tenant.
pub(super) fn shown(chatbot: &Chatbot, now: At) -> Value {
    let mut view = serde_json::to_value(chatbot.view(None, now)).unwrap_or_default();
    view["tenant"] = chatbot.tenant.clone().into();
    view
}

/// A chatbot's models by the fields that name them.
pub(super) fn models(chatbot: &Value) -> impl Iterator<Item = (&'static str, &str)> {
    ["model", "fallback_model"].into_iter().filter_map(|field| Some((field, chatbot[field].as_str()?)))
}

pub(super) fn findings(chatbot: &Value, now: At, server: &Server) -> Vec<String> {
    let text = |field: &str| chatbot[field].as_str().unwrap_or_default();
    let tenant = chatbot["tenant"].as_str().map(|tenant| format!(", tenant {tenant}")).unwrap_or_default();
    let subject = format!("chatbot {} (\"{}\"{tenant})", text("id"), text("name"));
    let warnings: Vec<&Value> = chatbot["warnings"].as_array().into_iter().flatten().collect();
    let warnings_and_more = warnings
        .iter()
        .map(|warning| of_warning(warning))
        .chain(models(chatbot).filter_map(|(field, model)| of_model(chatbot, (field, model), &warnings, now, server)));
    warnings_and_more.map(|finding| format!("{subject}: {finding}")).collect()
}

fn of_warning(warning: &Value) -> String {
    let (detail, code) = (warning["detail"].as_str(), warning["code"].as_str());
    detail.or(code).map_or_else(|| warning.to_string(), str::to_owned)
}

/// A finding that the warnings do not hold: the chatbot's own check of its model may be a day old.
fn of_model(
    chatbot: &Value,
    (field, model): (&'static str, &str),
    warnings: &[&Value],
    now: At,
    server: &Server,
) -> Option<String> {
    let is_warned = |code: &str| warnings.iter().any(|warning| warning["code"] == code);
    if server.lacks(model) && !is_warned("model_missing") {
        return Some(format!("the server does not have the model `{model}`; set `{field}` to one that it has"));
    }
    let viewed = if field == "model" { chatbot["model_shutdown_date"].as_str() } else { None };
    let end = end_notice(server.shutdown_date(model).or(viewed), now).filter(|_| !is_warned("model_ends"))?;
    Some(format!("the model `{model}` {end}; set `{field}` to another one"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// 2026-11-29.
    const NOW: At = At::from_seconds(1_795_953_600);

    fn found(chatbot: &Value) -> Vec<String> {
        findings(chatbot, NOW, &Server::default())
    }

    #[test]
    fn a_chatbot_is_reported_by_its_warnings_and_its_date() {
        let mut view = json!({
            "id": "bot_1", "name": "Robin", "model": "m", "model_shutdown_date": "2026-12-11",
            "warnings": [{ "code": "model_ends", "detail": "the model ends" }, { "code": "other" }, 7],
        });
        let of = |finding: &str| format!("chatbot bot_1 (\"Robin\"): {finding}");
        assert_eq!(found(&view), [of("the model ends"), of("other"), of("7")], "the end is said once");
        view["warnings"] = json!([{ "code": "other" }]);
        assert_eq!(found(&view)[1..], [of("the model `m` shuts down on 2026-12-11; set `model` to another one")]);
        view["model_shutdown_date"] = json!("2027-12-11");
        assert_eq!(found(&view), [of("other")]);
    }

    #[test]
    fn what_is_not_as_expected_says_nothing() {
        for odd in [
            json!({}),
            json!({ "id": "bot_1", "model": 5, "warnings": "none", "model_shutdown_date": 5 }),
            json!({ "model": "m", "model_shutdown_date": null, "warnings": null }),
        ] {
            assert_eq!(found(&odd), [""; 0], "{odd}");
        }
    }
}
