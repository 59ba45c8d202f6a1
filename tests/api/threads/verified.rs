//! What a customer's token vouches for, told from what the customer says.

use serde_json::{Value, json};

use tests::{persona::Persona, stage::Stage};

fn person(stage: &Stage, claims: &Value) -> Persona {
    let mut all = json!({
        "iss": "switchboard", "aud": "switchboard", "exp": 4_102_444_800_u64, "tenant": "acme", "role": "customer",
        "sub": "cus",
    });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    stage.bearing(Some(stage.board.tokens().sign(&all)))
}

#[tokio::test]
async fn a_threads_customer_name_is_the_tokens_and_never_the_metadatas() {
    let stage = Stage::start().await;
    let (chatbot, agent) = (stage.chatbot().await, stage.agent());
    let cara = person(&stage, &json!({ "name": "Cara" }));
    let body = json!({ "chatbot_id": chatbot, "metadata": { "name": "Boss" } });
    let thread = cara.post("/threads", body).await.expect(201);
    assert_eq!(thread.body["customer_name"], "Cara");
    assert_eq!(thread.body["metadata"], json!({ "name": "Boss" }));

    // The name that they have when they write; an agent's does not take its place.
    let path = thread.id();
    person(&stage, &json!({ "name": "Cara C." })).says(&path, "Hello").await.expect(200);
    person(&stage, &json!({})).says(&path, "Hello").await.expect(200);
    person(&stage, &json!({ "role": "agent", "sub": "ana", "name": "Ana" })).says(&path, "Hi").await.expect(202);
    assert_eq!(agent.reads(&path).await["customer_name"], "Cara C.");

    let nameless = stage.customer().post("/threads", json!({ "chatbot_id": chatbot })).await.expect(201);
    assert_eq!(nameless.body.get("customer_name"), None);
    let staff = person(&stage, &json!({ "role": "agent", "sub": "ana", "name": "Ana" }));
    let made = staff.post("/threads", json!({ "chatbot_id": chatbot, "customer_id": "cus" })).await.expect(201);
    assert_eq!(made.body.get("customer_name"), None);
}

#[tokio::test]
async fn customers_cannot_write_verified_metadata() {
    let stage = Stage::start().await;
    let (chatbot, customer, admin) = (stage.chatbot().await, stage.customer(), stage.admin());
    let refusal = "metadata.verified.plan: can be changed by agents, admins and signed tokens only";
    let forged = json!({ "chatbot_id": chatbot, "metadata": { "verified.plan": "gold" } });
    assert_eq!(customer.post("/threads", forged.clone()).await.invalid(), refusal);
    let visitor = {
        let open = stage.public_chatbot().await;
        let visitor = stage.visitor(&stage.anon().visits(&open).await.expect(201));
        (visitor, json!({ "chatbot_id": open, "metadata": { "verified.plan": "gold" } }))
    };
    assert_eq!(visitor.0.post("/threads", visitor.1).await.invalid(), refusal);

    let mut given = forged;
    given["customer_id"] = json!("cus");
    let thread = stage.agent().post("/threads", given).await.expect(201);
    let path = format!("/threads/{}", thread.id());
    for value in [json!("platinum"), json!(null)] {
        let change = json!({ "metadata": { "verified.plan": value } });
        assert_eq!(customer.patch(&path, change).await.invalid(), refusal);
    }
    let changed = customer.patch(&path, json!({ "metadata": { "name": "Bob" } })).await.expect(200).body;
    assert_eq!(changed["metadata"], json!({ "name": "Bob", "verified.plan": "gold" }));
    let changed = admin.patch(&path, json!({ "metadata": { "verified.plan": null } })).await.expect(200).body;
    assert_eq!(changed["metadata"], json!({ "name": "Bob" }));
}

#[tokio::test]
async fn a_tokens_claim_verified_becomes_metadata_of_its_threads() {
    let stage = Stage::start().await;
    let chatbot = stage.chatbot().await;
    let body = json!({ "chatbot_id": chatbot, "metadata": { "page": "/cart" } });
    let customer = person(&stage, &json!({ "verified": { "plan": "gold", "email": "cara@example.com" } }));
    let thread = customer.post("/threads", body.clone()).await.expect(201).body;
    let metadata = json!({ "page": "/cart", "verified.email": "cara@example.com", "verified.plan": "gold" });
    assert_eq!(thread["metadata"], metadata);
    let mirrored = stage.asked_of_openai("POST", "/v1/conversations").pop().unwrap();
    assert_eq!(mirrored.body["metadata"]["verified.plan"], "gold");

    // Another provider's claim of that name is left alone.
    let thread = person(&stage, &json!({ "verified": true })).post("/threads", body.clone()).await.expect(201).body;
    assert_eq!(thread["metadata"], json!({ "page": "/cart" }));
    // An agent's token vouches for the agent.
    let agent = person(&stage, &json!({ "role": "agent", "sub": "ana", "verified": { "plan": "gold" } }));
    let mut given = body;
    given["customer_id"] = json!("cus");
    assert_eq!(agent.post("/threads", given).await.expect(201).body["metadata"], json!({ "page": "/cart" }));
}
