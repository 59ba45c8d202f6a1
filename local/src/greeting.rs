//! What a start prints: what this is, where it listens, who may speak, and a conversation to paste.

use std::path::Path;

use crate::{
    DEFAULT_PORT, Switchboard,
    demo::{DemoError, TENANT},
};

/// One line, as soon as it is true.
pub fn listening(switchboard: &Switchboard, any_port: bool) -> String {
    let taken = if any_port && switchboard.address.port() != DEFAULT_PORT { " (port 3000 is in use)" } else { "" };
    format!("Switchboard is listening on {}{taken}", switchboard.url())
}

/// The rest of it.
pub fn introduction(switchboard: &Switchboard, data_dir: &Path, demo: &Result<String, DemoError>) -> String {
    let endpoints = switchboard.endpoints();
    let openai = match switchboard.standin() {
        Some(_) => format!(
            "a stand-in, not a model, at {}; set OPENAI_API_KEY or OPENAI_BASE_URL to use a real one",
            endpoints.openai_url
        ),
        None => endpoints.openai_url.clone(),
    };
    let database = endpoints.database_url.as_deref().unwrap_or("in this process only");
    let conversation = match demo {
        Ok(chatbot) => conversation(switchboard, chatbot),
        Err(why) => format!("The demo chatbot was not created: {why}\n"),
    };
    format!(
        "
A chat backend in which an AI answers first, a person can take over, and exactly one of them holds the line.

  Widget     {url}/
  Console    {url}/console#token={agent}
             (signed in as the agent ana; for an admin, put ADMIN's token in place of hers)
  REST       {url}
  WebSocket  {socket_url}
  OpenAI     {openai}
  DynamoDB   {database}, table {table}
  Data       {data_dir}, kept until a start with --reset

Tokens of the tenant {TENANT}, valid for 30 days. For others: `cargo run -- token --tenant {TENANT} --role agent --sub ana`.

{conversation}
Ctrl-C ends it.
",
        url = endpoints.url,
        agent = switchboard.token(TENANT, "agent", "ana"),
        socket_url = switchboard.socket_url(),
        table = crate::TABLE,
        data_dir = data_dir.display(),
    )
}

/// Lines for any POSIX shell with curl and sed.
pub fn conversation(switchboard: &Switchboard, chatbot: &str) -> String {
    let token = |role: &str, subject: &str| switchboard.token(TENANT, role, subject);
    format!(
        r#"URL={url}
CUSTOMER={customer}
AGENT={agent}
ADMIN={admin}

THREAD=$(curl -s $URL/threads -H "Authorization: Bearer $CUSTOMER" -d '{{"chatbot_id": "{chatbot}"}}' | sed 's/.*"id":"\(thr_[^"]*\)".*/\1/')
curl -sw '\n' $URL/threads/$THREAD/chat -H "Authorization: Bearer $CUSTOMER" -d '{{"text": "Hello! Who are you?"}}'
curl -sw '\n' $URL/threads/$THREAD/chat -H "Authorization: Bearer $AGENT" -d '{{"text": "I am Ana, and I take over from here."}}'
curl -sw '\n' $URL/threads/$THREAD/messages -H "Authorization: Bearer $CUSTOMER"
curl -sw '\n' -X POST $URL/threads/$THREAD/end -H "Authorization: Bearer $CUSTOMER"
"#,
        url = switchboard.url(),
        customer = token("customer", "cleo"),
        agent = token("agent", "ana"),
        admin = token("admin", "ada"),
    )
}
