//! The description of these routes.

use serde_json::{Value, json};
use shared::{
    domain::{
        Act,
        chatbot::{Profile, View},
    },
    openapi::{Api, CHATBOT, Operation},
};

use crate::{Page, create::Create, update::Update};

const TAG: &str = "Chatbots";

pub fn describe(api: &mut Api) {
    let (all, id) = ("/chatbots", "/chatbots/{chatbot_id}");
    api.add(
        Operation::new("POST", all, "createChatbot", TAG, Act::ChatbotWrite)
            .summary("Create a chatbot", "OpenAI is asked whether it has the models, and keeps the documents.")
            .idempotent()
            .body::<Create>(
                json!({ "name": "Robin", "model": "gpt-5-mini", "instructions": "You work for the shop. Be brief." }),
            )
            .answer::<View>(201, "The chatbot.", &example()),
    );
    api.add(
        Operation::new("GET", all, "listChatbots", TAG, Act::ChatbotRead)
            .summary("List chatbots", "Newest first, with the names of their documents but not the texts.")
            .paged()
            .answer::<Page>(200, "A page.", &json!({ "data": [example()], "next_cursor": null })),
    );
    api.add(
        Operation::new("GET", id, "getChatbot", TAG, Act::ChatbotRead)
            .summary("Read a chatbot", "With the texts of its documents.")
            .answer::<View>(200, "The chatbot.", &example()),
    );
    let profile = "/chatbots/{chatbot_id}/profile";
    api.add(
        Operation::new("GET", profile, "getChatbotProfile", TAG, Act::ProfileRead)
            .summary("Read a chatbot's profile", "Its name and greeting, for everybody who may talk to it.")
            .answer::<Profile>(
                200,
                "The profile.",
                &json!({ "id": CHATBOT, "name": "Robin", "greeting": "Hello! How can I help?" }),
            ),
    );
    api.add(
        Operation::new("PATCH", id, "updateChatbot", TAG, Act::ChatbotWrite)
            .summary(
                "Update a chatbot",
                "An absent field stays. With `version`, the change is refused if the chatbot was changed since that \
                 version was read.",
            )
            .body::<Update>(json!({ "greeting": "Hello! How can I help?", "version": 1 }))
            .answer::<View>(200, "The chatbot.", &example())
            .problem(409),
    );
    api.add(
        Operation::new("DELETE", id, "deleteChatbot", TAG, Act::ChatbotWrite)
            .summary("Delete a chatbot", "Its threads go to the queue at their next turn.")
            .no_content("It is deleted."),
    );
}

fn example() -> Value {
    json!({
        "id": "bot_01JD0000000000000000000000", "name": "Robin", "model": "gpt-5-mini",
        "instructions": "You work for the shop. Be brief.", "greeting": "", "temperature": null,
        "max_output_tokens": null, "reasoning_effort": null, "verbosity": null, "fallback_model": null, "tools": [],
        "memory": "conversation", "audience": "customers", "public": false, "origins": [], "webhook": null,
        "documents": [],
        "model_shutdown_date": null, "warnings": [], "version": 1, "created_at": "2026-11-30T10:00:00.000Z",
        "updated_at": "2026-11-30T10:00:00.000Z",
    })
}
