//! `switchboard token`, `verify` and `doctor` on a stack.

use serde_json::Value;

use super::cloud::{Cloud, Outputs, failed, printed, stage};

#[tokio::test]
async fn a_token_is_signed_with_the_secret_of_the_stack() {
    let Some(cloud) = Cloud::start().await else { return };
    let stage = stage().await;
    cloud.deploy("board", &stage, Outputs::of(&stage), &[]).await;
    let caller = ["--stack", "board", "--tenant", "shop", "--role", "agent", "--sub", "ana"];
    let token = printed(cloud.switchboard("token").args(caller)).await;
    let agent = stage.bearing(Some(token.trim_end().to_owned()));
    agent.get("/threads?status=queued").await.expect(200);
    assert_eq!(hours(&token), 8);
    let token = printed(cloud.switchboard("token").args(caller).args(["--hours", "1"])).await;
    assert_eq!(hours(&token), 1);

    // The issuer and the audience are those that the stack's functions require.
    let parameters = [("JwtIssuer", "https://shop.example"), ("JwtAudience", "chat")];
    cloud.deploy("other", &stage, Outputs::of(&stage), &parameters).await;
    let caller = ["--stack", "other", "--tenant", "shop", "--role", "agent", "--sub", "ana"];
    let claims = claims(&printed(cloud.switchboard("token").args(caller)).await);
    assert_eq!((&claims["iss"], &claims["aud"]), (&"https://shop.example".into(), &"chat".into()));
}

#[tokio::test]
async fn the_table_of_a_stack_is_verified_and_examined() {
    let Some(cloud) = Cloud::start().await else { return };
    let stage = stage().await;
    cloud.deploy("board", &stage, Outputs::of(&stage), &[]).await;
    let thread = stage.thread().await;
    stage.customer().says(&thread, "Hello").await.expect(200);
    let database = stage.board.endpoints().database_url.clone().unwrap();
    let command = |name: &str, stack: &str| {
        let mut command = cloud.switchboard(name);
        let key = stage.board.tokens().access_key();
        command.env("AWS_ENDPOINT_URL_DYNAMODB", &database).args(["--stack", stack]);
        command.env("AWS_ACCESS_KEY_ID", key.id()).env("AWS_SECRET_ACCESS_KEY", key.secret());
        command
    };
    assert_eq!(printed(&mut command("verify", "board")).await, "1 thread, 2 messages: every invariant holds.\n");
    assert_eq!(printed(&mut command("doctor", "board")).await, "Nothing found.\n");

    let nobody = "http://127.0.0.1:9";
    cloud.deploy("silent", &stage, Outputs::of(&stage).with("RestUrl", nobody.into()), &[]).await;
    let (found, summary) = failed(&mut command("doctor", "silent")).await;
    assert!(found.starts_with(&format!("the REST API at {nobody} gives no answer of Switchboard (")), "{found}");
    assert_eq!(summary, "1 thing needs attention");
}

/// The claims of a token, unverified.
fn claims(token: &str) -> Value {
    jsonwebtoken::dangerous::insecure_decode_claims(token.trim_end()).unwrap()
}

/// The hours for which a token is valid from now on, rounded.
fn hours(token: &str) -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    (claims(token)["exp"].as_u64().unwrap() - now + 1800) / 3600
}
