//! Visitors: people without a token, who get one from a public chatbot.

use reqwest::{Method, header::ORIGIN};
use serde_json::{Value, json};

use crate::{
    persona::{Answer, Persona},
    stage::Stage,
};

/// The origin of the page that visitors are on.
pub const SHOP: &str = "https://shop.example";

impl Persona {
    pub async fn visits(&self, chatbot: &str) -> Answer {
        self.visits_on(SHOP, chatbot).await
    }

    /// Asks for a visitor's token as a browser does on a page of this origin.
    pub async fn visits_on(&self, origin: &str, chatbot: &str) -> Answer {
        let ask = json!({ "tenant": "acme", "chatbot_id": chatbot });
        Answer::of(self.request(Method::POST, "/visitors").header(ORIGIN, origin).json(&ask)).await
    }

    pub async fn posts_on(&self, origin: &str, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::POST, path).header(ORIGIN, origin).json(&body)).await
    }
}

impl Stage {
    pub async fn public_chatbot(&self) -> String {
        self.chatbot_with(json!({ "greeting": "Welcome!", "public": true, "origins": [SHOP] })).await
    }

    pub fn visitor(&self, visit: &Answer) -> Persona {
        self.bearing(Some(visit.body["token"].as_str().unwrap().to_owned()))
    }
}
