//! A deployed stack, by its REST and WebSocket APIs: run by `cargo xtask cloud` against an emulator of AWS.
//!
//! The variable `CLOUD` names the file that describes the stack. `cargo xtask test` skips these tests.

mod adopted;
mod contract;
mod first;
mod gaps;
mod streams;
mod upgraded;

use std::{env, fs, time::Duration};

use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use tests::persona::Persona;
use tokio::process::Command;

/// The longest time for something that comes by itself, such as the bot's reply after a release.
const TIMEOUT: Duration = Duration::from_mins(2);
const INTERVAL: Duration = Duration::from_millis(300);

/// The stack that is tested.
struct Cloud {
    description: Value,
    secret: String,
}

impl Cloud {
    fn get() -> Self {
        let path = env::var_os("CLOUD").expect("`cargo xtask cloud` deploys a stack, and runs this test on it");
        let description: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let secret = description["secret"].as_str().unwrap().to_owned();
        Self { description, secret }
    }

    fn output(&self, name: &str) -> &str {
        self.description["outputs"][name].as_str().unwrap_or_else(|| panic!("no output {name}"))
    }

    fn persona(&self, role: &str, sub: &str) -> Persona {
        let claims = json!({
            "iss": "switchboard", "aud": "switchboard", "exp": 4_102_444_800_u64,
            "sub": sub, "tenant": "acme", "role": role,
        });
        let key = EncodingKey::from_secret(self.secret.as_bytes());
        self.bearing(Some(jsonwebtoken::encode(&Header::default(), &claims, &key).unwrap()))
    }

    fn bearing(&self, token: Option<String>) -> Persona {
        Persona::of(self.output("RestUrl"), self.output("SocketUrl"), token)
    }

    fn customer(&self) -> Persona {
        self.persona("customer", "cus")
    }

    fn agent(&self) -> Persona {
        self.persona("agent", "ana")
    }

    fn admin(&self) -> Persona {
        self.persona("admin", "root")
    }

    async fn chatbot(&self, fields: Value) -> String {
        let mut body = json!({ "name": "Robin", "model": "gpt-5-mini", "instructions": "Be brief." });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.admin().post("/chatbots", body).await.expect(201).id()
    }

    async fn thread(&self) -> String {
        let body = json!({ "chatbot_id": self.chatbot(json!({})).await });
        self.customer().post("/threads", body).await.expect(201).id()
    }

    /// The AWS CLI's JSON, or its error.
    async fn aws(&self, arguments: &[&str]) -> Result<Value, String> {
        let program = env::var_os("AWS_CLI").expect("`cargo xtask cloud` names the AWS CLI");
        let output = Command::new(program).args(arguments).args(["--output", "json"]).output().await.unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
    }

    /// The name of the function with this logical id.
    async fn function(&self, logical_id: &str) -> String {
        let stack = self.description["stack"].as_str().unwrap();
        let resource = ["describe-stack-resource", "--stack-name", stack, "--logical-resource-id", logical_id];
        let found = self.aws(&[&["cloudformation"], &resource[..]].concat()).await.unwrap();
        found["StackResourceDetail"]["PhysicalResourceId"].as_str().unwrap().to_owned()
    }
}

/// Waits until `look` finds something.
async fn eventually<T>(look: impl AsyncFn() -> Option<T>) -> T {
    let found = tokio::time::timeout(TIMEOUT, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(INTERVAL).await;
        }
    });
    found.await.expect("it comes in time")
}
