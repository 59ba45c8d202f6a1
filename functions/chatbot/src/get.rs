//! Reading a chatbot.

use shared::{
    App, Error,
    domain::{Act, Chatbot, ChatbotId, Identity, chatbot, identity::VisitorAccess},
};

/// The chatbot with its documents.
pub(crate) async fn get(app: &App, identity: &Identity, id: &ChatbotId) -> Result<chatbot::View, Error> {
    identity.may(Act::ChatbotRead)?;
    let chatbot = read(app, identity, id).await?;
    let documents = app.store.documents_get(&chatbot).await?;
    Ok(chatbot.view(Some(&documents), app.now()))
}

/// The chatbot as those see it who may talk to it.
pub(crate) async fn profile(app: &App, identity: &Identity, id: &ChatbotId) -> Result<chatbot::Profile, Error> {
    identity.may(Act::ProfileRead)?;
    identity.may_have(id)?;
    let chatbot = read(app, identity, id).await?;
    if identity.access != Some(VisitorAccess::Trial) {
        chatbot.admits(identity)?;
    }
    Ok(chatbot.profile())
}

/// Loads a chatbot of the caller's tenant.
pub(crate) async fn read(app: &App, identity: &Identity, id: &ChatbotId) -> Result<Chatbot, Error> {
    app.store.chatbot_get(&identity.tenant, id).await?.ok_or(Error::NotFound("chatbot"))
}
