//! The findings about one chatbot, from its item in the table or from its view in the API. Fields that are absent, or
//! not as expected, say nothing: the deployment may be older or newer than this program.

use serde_json::Value;
use shared::domain::chatbot::ModelStatus;
use time::Date;

use super::server::Server;
use crate::models::end_notice;

/// A chatbot's models by the fields that name them.
pub(super) fn models(chatbot: &Value) -> impl Iterator<Item = (&'static str, &str)> {
    ["model", "fallback_model"].into_iter().filter_map(|field| Some((field, chatbot[field].as_str()?)))
}

pub(super) fn findings(chatbot: &Value, today: Date, server: &Server) -> Vec<String> {
    let text = |field: &str| chatbot[field].as_str().unwrap_or_default();
    let tenant = chatbot["tenant"].as_str().map(|tenant| format!(", tenant {tenant}")).unwrap_or_default();
    let subject = format!("chatbot {} (\"{}\"{tenant})", text("id"), text("name"));
    let warnings: Vec<&Value> = chatbot["warnings"].as_array().into_iter().flatten().collect();
    let mut said: Vec<String> = warnings.iter().map(|warning| of_warning(warning)).collect();
    // The API warns of the model itself, the item does not.
    if warnings.is_empty() {
        said.extend(models(chatbot).filter_map(|(field, model)| of_model(chatbot, field, model, today, server)));
        let refused = chatbot["refused_parameters"].as_array().into_iter().flatten().filter_map(Value::as_str);
        said.extend(
            refused.map(|name| format!("the server refuses the parameter {name}, so it is left out; unset it")),
        );
    }
    said.into_iter().map(|said| format!("{subject}: {said}")).collect()
}

fn of_warning(warning: &Value) -> String {
    let (detail, code) = (warning["detail"].as_str(), warning["code"].as_str());
    detail.or(code).map_or_else(|| warning.to_string(), str::to_owned)
}

fn of_model(chatbot: &Value, field: &'static str, model: &str, today: Date, server: &Server) -> Option<String> {
    let status = if field == "model" { "model_status" } else { "fallback_status" };
    let status: ModelStatus = serde_json::from_value(chatbot[status].clone()).unwrap_or_default();
    if status.is_missing || server.lacks(model) {
        return Some(format!("the server does not have the model {model}; set {field} to one that it has"));
    }
    let viewed = if field == "model" { chatbot["model_shutdown_date"].as_str() } else { None };
    let date = server.shutdown_date(model).or(viewed).or(status.shutdown_date.as_deref())?;
    let end = end_notice(date, today)?;
    Some(format!("the model {model} {end}; set {field} to another one"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::date;

    use super::*;

    const TODAY: Date = date!(2026 - 11 - 29);

    fn found(chatbot: &Value) -> Vec<String> {
        findings(chatbot, TODAY, &Server::default())
    }

    #[test]
    fn a_view_is_reported_by_its_warnings_or_its_date() {
        let mut view = json!({
            "id": "bot_1", "name": "Robin", "model": "m", "model_shutdown_date": "2026-12-11",
            "warnings": [{ "code": "model_ends", "detail": "the model ends" }, { "code": "other" }, 7],
        });
        let of = |said: &str| format!("chatbot bot_1 (\"Robin\"): {said}");
        assert_eq!(found(&view), [of("the model ends"), of("other"), of("7")]);
        view["warnings"] = json!([]);
        assert_eq!(found(&view), [of("the model m is shut down on 2026-12-11; set model to another one")]);
        view["model_shutdown_date"] = json!("2027-12-11");
        assert_eq!(found(&view), [""; 0]);
    }

    #[test]
    fn an_item_is_reported_by_the_status_of_its_models() {
        let item = json!({
            "tenant": "acme", "id": "bot_1", "name": "Robin", "model": "m", "fallback_model": "f",
            "model_status": { "is_missing": true }, "fallback_status": { "shutdown_date": "2026-11-01" },
            "refused_parameters": ["temperature"],
        });
        let of = |said: &str| format!("chatbot bot_1 (\"Robin\", tenant acme): {said}");
        assert_eq!(
            found(&item),
            [
                of("the server does not have the model m; set model to one that it has"),
                of("the model f was shut down on 2026-11-01; set fallback_model to another one"),
                of("the server refuses the parameter temperature, so it is left out; unset it"),
            ]
        );
    }

    #[test]
    fn what_is_not_as_expected_says_nothing() {
        for odd in [
            json!({}),
            json!({ "id": "bot_1", "model": 5, "warnings": "none", "model_shutdown_date": 5, "model_status": [] }),
            json!({ "model": "m", "model_shutdown_date": null, "refused_parameters": {}, "warnings": null }),
        ] {
            assert_eq!(found(&odd), [""; 0], "{odd}");
        }
    }
}
