//! Stub.
pub mod openai;
#[derive(Clone)]
pub struct App;
impl App { pub async fn from_env() -> Result<Self, std::env::VarError> { Ok(App) } }
