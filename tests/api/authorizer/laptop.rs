//! A laptop with an identity provider's settings: it lets in that provider's tokens beside its own.

use ::authorizer::{Keys, RefreshPolicy, Rules};
use local::Options;
use serde_json::{Value, json};
use tests::stage::Stage;

use super::{ISSUER, issuer::Issuer, signer::Signer};

#[tokio::test]
async fn a_laptop_lets_in_a_providers_tokens_beside_its_own() {
    let signer = Signer::rsa("rsa");
    let issuer = Issuer::of(&[&signer]).await;
    let settings = [
        ("JWT_ISSUER", ISSUER),
        ("JWT_AUTHORIZED_PARTY", "https://app.example"),
        ("JWT_ROLE_CLAIM", "realm_access.roles"),
        ("JWT_DEFAULT_ROLE", "customer"),
        ("JWT_DEFAULT_TENANT", "acme"),
    ];
    let rules = Rules::read(|name| settings.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).into()));
    let keys = Keys::published(&issuer.url, rules.unwrap(), RefreshPolicy::default()).unwrap();
    let stage = Stage::with(Options { identity_provider: Some(keys), ..Options::default() }).await;
    let token = |changes: Value| {
        let mut claims = json!({ "sub": "cara", "iss": ISSUER, "azp": "https://app.example", "name": "Cara",
            "exp": 4_102_444_800_u64 });
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        signer.signs(&claims)
    };
    let chatbot = stage.chatbot().await;
    let cara = stage.bearing(Some(token(json!({}))));
    let thread = stage.thread_of(&cara, &chatbot).await;
    assert_eq!(cara.reads(&thread).await["customer_name"], "Cara");
    let mut socket = cara.listens(&thread).await;
    let ana = stage.bearing(Some(token(json!({ "sub": "ana", "realm_access": { "roles": ["agent"] } }))));
    ana.claims(&thread).await.expect(200);
    assert_eq!(socket.hears_of("thread.updated").await["thread"]["agent"]["id"], "ana");
    stage.customer().get("/threads").await.expect(200);

    let stranger = stage.bearing(Some(token(json!({ "azp": "https://evil.example" }))));
    stranger.get("/threads").await.problem(401, "unauthenticated");
    // The laptop's own secret does not sign for the provider, nor the provider for the laptop.
    let forged = stage.board.tokens().sign(&json!({ "sub": "cara", "iss": ISSUER, "azp": "https://app.example",
        "exp": 4_102_444_800_u64 }));
    stage.bearing(Some(forged)).get("/threads").await.problem(401, "unauthenticated");
    let forged = token(json!({ "iss": "switchboard", "aud": "switchboard", "role": "admin", "tenant": "acme" }));
    stage.bearing(Some(forged)).get("/threads").await.problem(401, "unauthenticated");
}
