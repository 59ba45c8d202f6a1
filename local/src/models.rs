//! Models of an OpenAI server: the choice of one for the demo chatbot, and those that end soon.

use shared::{
    domain::{
        At,
        chatbot::{ModelStatus, Shutdown},
    },
    openai::Model,
};

/// Parts of the names of models that do not chat: words that occur nowhere else.
const OTHER_PURPOSES: [&str; 11] = [
    "embed",
    "whisper",
    "transcribe",
    "moderation",
    "realtime",
    "rerank",
    "dall-e",
    "diffusion",
    "minilm",
    "deep-research",
    "turbo-instruct",
];

/// The same as whole words, or their beginnings: inside other words they mean nothing.
const OTHER_PURPOSE_WORDS: [&str; 15] = [
    "tts", "image", "audio", "video", "sora", "clip", "bge", "gte", "flux", "babbage", "davinci", "guard", "speech",
    "kokoro", "parakeet",
];

/// The model to chat with among those that a server lists: the newest small GPT, else the first one that chats.
pub(crate) fn default_model(models: &[Model], now: At) -> Option<&Model> {
    let has_ended = |model: &Model| shutdown(model.shutdown_date.as_deref(), now) == Some(Shutdown::Past);
    let chats: Vec<&Model> = models.iter().filter(|model| chats(&model.id) && !has_ended(model)).collect();
    let is_small = |model: &&&Model| model.id.starts_with("gpt-") && model.id.ends_with("-mini");
    let newest = chats.iter().filter(is_small).max_by_key(|model| (model.created, &model.id));
    newest.or(chats.first()).copied()
}

/// False for models that embed, draw, speak or transcribe.
fn chats(id: &str) -> bool {
    let id = id.to_lowercase();
    let mut words = id.split(|c: char| !c.is_alphanumeric());
    let is_other_purpose = |word: &str| OTHER_PURPOSE_WORDS.iter().any(|purpose| word.starts_with(purpose));
    !OTHER_PURPOSES.iter().any(|purpose| id.contains(purpose)) && !words.any(is_other_purpose)
}

/// True if one of the models may be the one of this name.
pub(crate) fn is_listed(models: &[Model], id: &str) -> bool {
    models.iter().any(|model| model.may_answer_to(id))
}

/// The end of a model in words, if it has ended or ends within 60 days. `date` is `YYYY-MM-DD`.
pub(crate) fn end_notice(date: Option<&str>, now: At) -> Option<String> {
    Some(match (shutdown(date, now)?, date.unwrap_or_default()) {
        (Shutdown::Near, date) => format!("shuts down on {date}"),
        (Shutdown::Past, date) => format!("has reached its shutdown date, {date}"),
    })
}

fn shutdown(date: Option<&str>, now: At) -> Option<Shutdown> {
    ModelStatus { shutdown_date: date.map(str::to_owned), ..ModelStatus::default() }.shutdown(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-29.
    const NOW: At = At::from_seconds(1_795_953_600);

    fn model(id: &str) -> Model {
        Model { id: id.to_owned(), created: None, shutdown_date: None }
    }

    fn chosen(models: &[Model]) -> Option<&str> {
        default_model(models, NOW).map(|model| model.id.as_str())
    }

    #[test]
    fn the_newest_small_gpt_comes_first_then_the_first_model_that_chats() {
        let at = |id, created| Model { created: Some(created), ..model(id) };
        let models = [at("gpt-7", 9), at("gpt-4-mini", 4), at("gpt-5-mini", 5), at("gpt-6-mini-tts", 6)];
        assert_eq!(chosen(&models), Some("gpt-5-mini"));
        assert_eq!(chosen(&models[..1]), Some("gpt-7"));
        assert_eq!(chosen(&[model("gpt-5-mini"), model("gpt-4-mini")]), Some("gpt-5-mini"), "the server says no times");
        assert_eq!(chosen(&[]), None);
    }

    #[test]
    fn a_model_for_another_purpose_is_never_chosen() {
        let others = [
            "text-embedding-3-small",
            "nomic-embed-text:latest",
            "whisper-1",
            "distil-whisper",
            "tts-1-hd",
            "gpt-4o-mini-tts",
            "gpt-4o-mini-transcribe",
            "gpt-image-1-mini",
            "dall-e-3",
            "imagen-4",
            "all-minilm:22m",
            "omni-moderation-latest",
            "gpt-realtime-mini",
            "gpt-audio-mini",
            "bge-m3",
            "Qwen3-Reranker-4B",
            "sora-2",
            "stable-diffusion-xl",
            "llama-guard3:8b",
            "gpt-3.5-turbo-instruct",
            "davinci-002",
            "o4-mini-deep-research",
        ];
        let others: Vec<Model> = others.into_iter().map(model).collect();
        assert_eq!(chosen(&others), None);
        for chat in ["llama-3.1-8b-instruct", "gemma-3-270m-it-Q4_K_M.gguf", "qwen3.5:4b", "mistral-small", "o4-mini"] {
            let models: Vec<Model> = others.iter().cloned().chain([model(chat)]).collect();
            assert_eq!(chosen(&models), Some(chat));
        }
    }

    #[test]
    fn a_model_that_has_ended_is_never_chosen() {
        let ending = |date: &str| Model { shutdown_date: Some(date.to_owned()), ..model("gpt-5-mini") };
        assert_eq!(chosen(&[ending("2026-11-29"), model("gpt-6")]), Some("gpt-6"));
        assert_eq!(chosen(&[ending("2026-11-30"), model("gpt-6")]), Some("gpt-5-mini"));
    }

    #[test]
    fn an_end_is_put_in_words() {
        assert_eq!(end_notice(None, NOW), None);
        assert_eq!(end_notice(Some("2027-11-29"), NOW), None);
        assert_eq!(end_notice(Some("2026-12-11"), NOW).unwrap(), "shuts down on 2026-12-11");
        assert_eq!(end_notice(Some("2026-11-28"), NOW).unwrap(), "has reached its shutdown date, 2026-11-28");
    }
}
