//! A stack whose tokens an identity provider issues.

use serde_json::{Value, json};

use super::cloud::{Cloud, Outputs, complaint, failed, printed, stage};

const KEYS: &str = "https://id.example/keys.json";

#[tokio::test]
async fn tokens_of_a_provider_are_asked_for_not_made() {
    let Some(cloud) = Cloud::start().await else { return };
    let stage = stage().await;
    let parameters = [("JwtJwksUrl", KEYS), ("JwtIssuer", "https://id.example/"), ("JwtAudience", "chat")];
    cloud.deploy("board", &stage, Outputs::of(&stage).without("JwtSecretArn"), &parameters).await;
    let init = || {
        let mut init = cloud.switchboard("init");
        init.args(["--stack", "board"]);
        init
    };

    let said = printed(&mut init()).await;
    for line in [
        "  Console    https://pages.example/console#token=TOKEN",
        "  Chatbot    none yet: run this again with --token and an admin's token of your provider",
        "  iss        https://id.example/",
        "  aud        chat",
        "  tenant     acme",
        KEYS,
    ] {
        assert!(said.lines().any(|said| said == line), "{line} in {said}");
    }
    assert!(!said.contains("ADMIN="), "{said}");
    assert_eq!(demo(&cloud).await, Value::Null);
    let token = ["--stack", "board", "--tenant", "acme", "--role", "agent", "--sub", "ana"];
    let refused = complaint(cloud.switchboard("token").args(token)).await;
    let asks =
        format!("keys at {KEYS}: ask it for one with iss \"https://id.example/\", aud \"chat\", exp, sub, tenant");
    assert!(refused.contains(&asks), "{refused}");

    // Signed by the provider, as far as the REST API is concerned.
    let (_, refused) = failed(init().args(["--token", "no token"])).await;
    let start = format!("the REST API at {} rejects --token (", stage.board.url());
    assert!(refused.starts_with(&start) && refused.ends_with("it needs a valid token of an admin"), "{refused}");
    let agent = stage.board.token("acme", "agent", "ana");
    let (_, refused) = failed(init().args(["--token", &agent])).await;
    assert!(refused.contains("rejects --token") || refused.contains("could not be created"), "{refused}");
    let admin = stage.board.token("acme", "admin", "ada");
    let said = printed(init().args(["--token", &admin])).await;
    assert!(said.contains("(created, with the model "), "{said}");
    let shown = demo(&cloud).await;
    assert_eq!(shown["tenant"], "acme");

    // Without a token, the demo page stays as it is.
    let said = printed(&mut init()).await;
    assert!(said.contains(", nothing uploaded, "), "{said}");
    assert_eq!(demo(&cloud).await, shown);
}

/// The chatbot of the demo page.
async fn demo(cloud: &Cloud) -> Value {
    let objects = cloud.objects("board").await;
    let config: Value = serde_json::from_slice(&objects["config.json"].2).unwrap();
    json!(config)["demo"].take()
}
