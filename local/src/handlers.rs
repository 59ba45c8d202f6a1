//! The handlers of the template's functions, each with its app, as `main` would set it up on Lambda.

use std::sync::Arc;

use lambda_http::lambda_runtime::Diagnostic;
use shared::App;
use visitor::Visitors;

use crate::gateway::Functions;

/// The template's functions with `app`, and the authorizer with its keys.
pub(crate) fn functions(app: &Arc<App>, keys: authorizer::Keys, visitor_settings: Visitors) -> Functions {
    macro_rules! with_app {
        ($function:ident) => {{
            let app = Arc::clone(app);
            move |request| {
                let app = Arc::clone(&app);
                async move { $function::handle(&app, request).await }
            }
        }};
    }
    let authorize = move |event| {
        let keys = keys.clone();
        async move {
            let decision = authorizer::handle(&keys, event).await;
            decision.map_err(|refusal| Diagnostic::from(refusal).error_message.into())
        }
    };
    let visitors = Arc::clone(app);
    let visit = move |request| {
        let (app, visitor_settings) = (Arc::clone(&visitors), visitor_settings.clone());
        async move { visitor::handle(&app, &visitor_settings, request).await }
    };
    let sockets = Arc::clone(app);
    let connect = move |event| {
        let app = Arc::clone(&sockets);
        async move { socket::answer(&app, event).await }
    };
    Functions::guarded_by("authorizer", authorize)
        .with("visitor", visit)
        .with("thread", with_app!(thread))
        .with("chatbot", with_app!(chatbot))
        .streaming("chat", with_app!(chat))
        .with("chat-end", with_app!(chat_end))
        .with("handoff", with_app!(handoff))
        .streaming("customer", with_app!(customer))
        .plain("socket", connect)
        .with("sweep", with_app!(sweep))
}
