//! The text that a start prints: a description, the URLs, tokens, and a conversation to paste into a shell.

use std::path::Path;

use crate::{
    DEFAULT_PORT, MemoryChoice, Switchboard, Tokens,
    demo::{DemoChatbot, DemoError, TENANT},
};

/// The facts that a start found out, beside those of the instance.
pub struct Introduction<'a> {
    pub data_dir: &'a Path,
    pub memory: MemoryChoice,
    pub demo: &'a Result<DemoChatbot, DemoError>,
    /// One line for each problem, with what to do about it.
    pub problems: &'a [String],
}

/// The first line, printed as soon as the port is open.
pub fn listening(switchboard: &Switchboard, any_port: bool) -> String {
    let note = if any_port && switchboard.address.port() != DEFAULT_PORT { " (port 3000 is in use)" } else { "" };
    format!("Switchboard is listening on {}{note}", switchboard.url())
}

/// The text after the first line.
pub fn introduction(switchboard: &Switchboard, facts: &Introduction<'_>) -> String {
    let endpoints = switchboard.endpoints();
    let openai = match switchboard.standin() {
        Some(_) => format!(
            "a stand-in, not a model, at {}; set OPENAI_API_KEY or OPENAI_BASE_URL to use a real one",
            endpoints.openai_url
        ),
        None => endpoints.openai_url.clone(),
    };
    let database = endpoints.database_url.as_deref().unwrap_or("in this process; `switchboard env` opens it to others");
    let (model, conversation) = match facts.demo {
        Ok(chatbot) => {
            (chatbot.model.as_str(), conversation(switchboard.url(), switchboard.tokens(), TENANT, &chatbot.id))
        }
        Err(error) => ("none", format!("The demo chatbot was not created: {error}\n")),
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
  Model      {model} (the demo chatbot's)
  Memory     {memory}
  DynamoDB   {database}, table {table}
  Data       {data_dir}, kept until a start with --reset
{problems}
Tokens of the tenant {TENANT}, valid for 30 days; `cargo run -- token --help` says how to print others.

{conversation}
Ctrl-C ends it.
",
        url = endpoints.url,
        agent = switchboard.token(TENANT, "agent", "ana"),
        socket_url = switchboard.socket_url(),
        memory = facts.memory,
        table = crate::TABLE,
        data_dir = facts.data_dir.display(),
        problems = problems(facts.problems),
    )
}

fn problems(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    format!("\nNeeds attention:\n  - {}\n", lines.join("\n  - "))
}

/// A conversation as lines for any POSIX shell with curl and sed.
pub fn conversation(url: &str, tokens: &Tokens, tenant: &str, chatbot: &str) -> String {
    let token = |role: &str, subject: &str| tokens.token(tenant, role, subject);
    let thread_id = r#"sed 's/.*"id":"\(thr_[^"]*\)".*/\1/'"#;
    format!(
        r#"URL={url}
CUSTOMER={customer}
AGENT={agent}
ADMIN={admin}
CHATBOT={chatbot}

THREAD=$(curl -s $URL/threads -H "Authorization: Bearer $CUSTOMER" -d "{{\"chatbot_id\": \"$CHATBOT\"}}" | {thread_id})
curl -sw '\n' $URL/threads/$THREAD/chat -H "Authorization: Bearer $CUSTOMER" -d '{{"text": "Hello! Who are you?"}}'
curl -sw '\n' $URL/threads/$THREAD/chat -H "Authorization: Bearer $AGENT" -d '{{"text": "I am Ana, and I take over."}}'
curl -sw '\n' $URL/threads/$THREAD/messages -H "Authorization: Bearer $CUSTOMER"
curl -sw '\n' -X POST $URL/threads/$THREAD/end -H "Authorization: Bearer $CUSTOMER"
"#,
        customer = token("customer", "cleo"),
        agent = token("agent", "ana"),
        admin = token("admin", "ada"),
    )
}
