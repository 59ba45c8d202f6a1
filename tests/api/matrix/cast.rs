//! The callers, and the objects that their requests are about.

use aws_sdk_dynamodb::types::AttributeValue::S;
use local::TABLE;
use reqwest::{Method, header::ORIGIN};
use serde_json::json;
use shared::{domain::ErasureId, store::key};
use tests::{
    persona::{Persona, opened},
    stage::Stage,
    visitors::SHOP,
};
use ulid::Ulid;

use super::{Caller, Cell, Expected, Owner};

const TENANT: &str = "acme";
pub(super) const OTHER_TENANT: &str = "rival";

/// The customer with a token. The other tenant has one of the same name.
const CUSTOMER: &str = "cus";
const OTHER_CUSTOMER: &str = "cleo";
/// A customer that only the other tenant has.
const RIVALS_CUSTOMER: &str = "rita";

/// In titles and messages of threads, to see whose an answer shows.
const OWNS: &str = "sealed-own";
const OTHERS: &str = "sealed-other-customer";
const RIVALS: &str = "sealed-other-tenant";

/// Objects of one customer.
#[derive(Clone)]
pub(super) struct Objects {
    pub(super) customer: String,
    pub(super) thread: String,
    pub(super) chatbot: String,
    pub(super) erasure: String,
}

/// The callers, and objects for the requests that are refused.
pub(super) struct Cast {
    visitor_id: String,
    /// In the order of [`super::CALLERS`].
    callers: [Persona; 5],
    visitors: Objects,
    customers: Objects,
    other_customers: Objects,
    other_tenants: Objects,
}

impl Objects {
    /// A chatbot, an erasure, and a thread of this customer.
    async fn of(stage: &Stage, tenant: &str, customer: &Persona, id: &str, seal: &str) -> Self {
        let chatbot = public_chatbot(&stage.persona(tenant, "admin", "root")).await;
        Self::with_chatbot(stage, tenant, customer, id, seal, chatbot).await
    }

    async fn with_chatbot(
        stage: &Stage,
        tenant: &str,
        customer: &Persona,
        id: &str,
        seal: &str,
        chatbot: String,
    ) -> Self {
        let begin = json!({ "chatbot_id": chatbot, "title": seal });
        let thread = posts(customer, "/threads", begin).await["id"].as_str().unwrap().to_owned();
        Self { customer: id.to_owned(), thread, chatbot, erasure: erasure(stage, tenant).await }
    }

    /// The same with a message in the thread.
    async fn after_a_message(self, customer: &Persona, seal: &str) -> Self {
        posts(customer, &format!("/threads/{}/chat", self.thread), json!({ "text": seal })).await;
        self
    }
}

impl Cast {
    pub(super) async fn on(stage: &Stage) -> Self {
        let chatbot = public_chatbot(&stage.admin()).await;
        let visit = stage.anon().visits(&chatbot).await.expect(201);
        let (visitor, visitor_id) = (stage.visitor(&visit), visit.body["visitor"]["id"].as_str().unwrap().to_owned());
        let visitors = Objects::with_chatbot(stage, TENANT, &visitor, &visitor_id, OWNS, chatbot).await;
        let known = async |tenant, id, seal| {
            let customer = stage.persona(tenant, "customer", id);
            Objects::of(stage, tenant, &customer, id, seal).await.after_a_message(&customer, seal).await
        };
        // A thread of the caller's namesake, and a customer's id that the caller's tenant has not.
        let mut other_tenants = known(OTHER_TENANT, CUSTOMER, RIVALS).await;
        other_tenants.customer = known(OTHER_TENANT, RIVALS_CUSTOMER, RIVALS).await.customer;
        Self {
            visitors: visitors.after_a_message(&visitor, OWNS).await,
            customers: known(TENANT, CUSTOMER, OWNS).await,
            other_customers: known(TENANT, OTHER_CUSTOMER, OTHERS).await,
            other_tenants,
            callers: [stage.anon(), visitor, stage.customer(), stage.agent(), stage.admin()],
            visitor_id,
        }
    }

    /// The objects for a request that succeeds: new ones where it names some, since it may delete them.
    pub(super) async fn objects_for(&self, stage: &Stage, (operation, caller, owner): Cell<'_>) -> Objects {
        let known = self.known(caller, owner);
        if operation.kinds().is_empty() || owner == Owner::OtherTenant {
            return known.clone();
        }
        let persona = &self.callers[caller as usize];
        match (owner, caller) {
            (Owner::Caller, Caller::Visitor) => {
                let chatbot = known.chatbot.clone();
                Objects::with_chatbot(stage, TENANT, persona, &self.visitor_id, OWNS, chatbot).await
            }
            (Owner::Caller, Caller::Customer) => Objects::of(stage, TENANT, persona, CUSTOMER, OWNS).await,
            _ => {
                let id = format!("new-{}", Ulid::generate());
                let customer = stage.persona(TENANT, "customer", &id);
                let seal = if owner == Owner::Caller { OWNS } else { OTHERS };
                Objects::of(stage, TENANT, &customer, &id, seal).await
            }
        }
    }

    /// The objects of this owner that all refused requests are about.
    pub(super) fn known(&self, caller: Caller, owner: Owner) -> &Objects {
        match owner {
            Owner::Caller if caller == Caller::Visitor => &self.visitors,
            Owner::Caller => &self.customers,
            Owner::OtherCustomer => &self.other_customers,
            Owner::OtherTenant => &self.other_tenants,
        }
    }

    /// Sends the request of a cell. Returns the difference to what was expected.
    pub(super) async fn plays(&self, cell: Cell<'_>, expected: Expected, objects: &Objects) -> Option<String> {
        let (operation, caller, owner) = cell;
        let (method, path, mut body) = operation.about(objects);
        if operation.id == "createThread" && caller.is_staff() {
            // They begin no thread of their own.
            body.as_mut().unwrap()["customer_id"] = json!(objects.customer);
        }
        let mut request = self.callers[caller as usize].request(method, &path).header(ORIGIN, SHOP);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = opened(request).await;
        let (status, text) = (response.status().as_u16(), response.text().await.unwrap());
        let shown = [(Owner::Caller, OWNS), (Owner::OtherCustomer, OTHERS), (Owner::OtherTenant, RIVALS)];
        let leaked = shown
            .iter()
            .find(|(owner, seal)| text.contains(seal) && (expected != Expected::Success || !caller.sees(*owner)));
        if let Some((owner, _)) = leaked {
            return Some(format!("{operation}, {caller:?}: the answer shows a thread of {owner:?}: {text}"));
        }
        let wanted = || format!("{operation}, {caller:?}, objects of {owner:?}: {status}, not {expected:?}: {text}");
        (!expected.is(status)).then(wanted)
    }
}

async fn public_chatbot(admin: &Persona) -> String {
    let chatbot = json!({ "name": "Robin", "model": "gpt-5-mini", "public": true, "origins": [SHOP] });
    posts(admin, "/chatbots", chatbot).await["id"].as_str().unwrap().to_owned()
}

async fn posts(by: &Persona, path: &str, body: serde_json::Value) -> serde_json::Value {
    let response = opened(by.request(Method::POST, path).header(ORIGIN, SHOP).json(&body)).await;
    assert!(response.status().is_success(), "{path}: {}", response.status());
    response.json().await.unwrap()
}

/// Writes an erasure's receipt; returns its id.
async fn erasure(stage: &Stage, tenant: &str) -> String {
    let id: ErasureId = format!("era_{}", Ulid::generate()).parse().unwrap();
    let key = key::erasure(tenant, &id);
    let put = stage.board.table().put_item().table_name(TABLE).item("pk", S(key.pk)).item("sk", S(key.sk));
    let put = put.item("id", S(id.to_string())).item("requested_at", S("2026-11-30T10:00:00.000Z".into()));
    put.send().await.unwrap();
    id.to_string()
}
