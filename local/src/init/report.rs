//! The text that `switchboard init` prints: the URLs, tokens or their claims, and a conversation to paste into a shell.

use super::chatbot::Outcome;
use crate::{
    Tokens, greeting,
    stack::{Issuer, Stack, StackError},
    tokens::STACK_TOKEN_LIFETIME,
};

/// The URLs of a stack.
pub(super) struct Urls<'a> {
    pub(super) pages: &'a str,
    rest: &'a str,
    sockets: &'a str,
}

impl<'a> Urls<'a> {
    pub(super) fn of(stack: &'a Stack) -> Result<Self, StackError> {
        Ok(Self {
            pages: stack.output("PagesUrl")?,
            rest: stack.output("RestUrl")?,
            sockets: stack.output("SocketUrl")?,
        })
    }
}

pub(super) fn introduction(stack: &Stack, tenant: &str, issuer: &Issuer, urls: &Urls<'_>, chatbot: &Outcome) -> String {
    let Urls { pages, rest, sockets } = urls;
    let (sign_in, tokens) = match issuer {
        Issuer::Secret(tokens) => {
            let agent = tokens.token(tenant, "agent", "ana");
            (format!("#token={agent}"), signed(stack, tenant, tokens, rest, chatbot))
        }
        Issuer::Provider(keys) => ("#token=TOKEN".to_owned(), provided(stack, tenant, keys)),
    };
    format!(
        "
  Demo page  {pages}/
  Console    {pages}/console{sign_in}
  REST       {rest}
  WebSocket  {sockets}
  Chatbot    {note}

{tokens}",
        note = chatbot.note,
    )
}

/// Tokens, and a conversation with them.
fn signed(stack: &Stack, tenant: &str, tokens: &Tokens, url: &str, chatbot: &Outcome) -> String {
    let hours = STACK_TOKEN_LIFETIME.as_secs() / 3600;
    // Without a chatbot, its place is left to fill.
    let example = chatbot.example.as_deref().unwrap_or("bot_…");
    format!(
        "Tokens of the tenant {tenant}, valid for {hours} hours. `switchboard token --stack {name} --help` says how to \
         print\nothers; a server of yours signs them with the secret in the output JwtSecretArn.\n\n{conversation}",
        name = stack.name,
        conversation = greeting::conversation(url, tokens, tenant, example),
    )
}

/// The claims that tokens need.
fn provided(stack: &Stack, tenant: &str, keys: &str) -> String {
    let (issuer, audience) = stack.issuer_and_audience();
    format!(
        "Tokens are issued by your identity provider, with the keys at
{keys}
Ask it for tokens signed by RS256, ES256 or EdDSA with these claims:

  iss        {issuer}
  aud        {audience}
  exp        the time at which the token expires, in seconds since 1970
  sub        the user's id
  tenant     {tenant}
  role       customer, agent or admin
"
    )
}
