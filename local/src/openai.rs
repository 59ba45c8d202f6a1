//! The OpenAI server that the laptop uses: the stand-in, or the server that the environment names.

use std::net::IpAddr;

use reqwest::Url;
use shared::{domain::chatbot::Memory, openai::parse_base_url};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{
    Error,
    environment::variable,
    inspection::{Inspection, OPENAI_BASE_URL},
    reachable,
    standin::{self, Standin},
};

/// The server that answers OpenAI requests.
#[derive(Clone, Debug)]
pub enum Upstream {
    /// OpenAI's stand-in, on a free port.
    Standin(standin::Options),
    /// A server of `/v1/responses`; its base URL includes the version.
    Server { base_url: String, api_key: String },
}

impl Default for Upstream {
    fn default() -> Self {
        Self::Standin(standin::Options::default())
    }
}

impl Upstream {
    /// The stand-in, unless `OPENAI_API_KEY` or `OPENAI_BASE_URL` is set. An empty variable counts as unset.
    pub fn from_env() -> Self {
        match (variable("OPENAI_BASE_URL"), variable("OPENAI_API_KEY")) {
            // Only the user reads the request log of a laptop's stand-in, and looks at the newest entries.
            (None, None) => Self::Standin(standin::Options { keep_requests: 100, ..standin::Options::default() }),
            (base_url, api_key) => Self::Server {
                base_url: base_url.unwrap_or_else(|| OPENAI_BASE_URL.to_owned()),
                api_key: api_key.unwrap_or_default(),
            },
        }
    }

    /// Asks a server other than the stand-in for what it offers, and uses the address at which it has its API.
    pub(crate) async fn inspected(self, memory: Option<Memory>) -> Result<(Self, Option<Inspection>), Error> {
        let Self::Server { base_url, api_key } = self else { return Ok((self, None)) };
        let inspection = Inspection::of(parsed(&base_url)?, &api_key, memory).await?;
        Ok((Self::Server { base_url: inspection.base_url.to_string(), api_key }, Some(inspection)))
    }

    /// Starts the stand-in on the address `listen`, if it is the server to use.
    pub(crate) async fn serve(
        self,
        listen: IpAddr,
        tasks: &mut JoinSet<()>,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<OpenAiServer, Error> {
        let options = match self {
            Self::Server { base_url, api_key } => {
                return Ok(OpenAiServer { base_url: parsed(&base_url)?, api_key, standin: None });
            }
            Self::Standin(options) => options,
        };
        let listener = TcpListener::bind((listen, 0)).await?;
        let base_url = parsed(&format!("http://{}/v1", reachable(listener.local_addr()?)))?;
        let standin = Standin::new(options);
        let serving = standin::serve(listener, standin.clone(), async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        });
        tasks.spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the server of the OpenAI stand-in stopped");
            }
        });
        Ok(OpenAiServer { base_url, api_key: "standin".to_owned(), standin: Some(standin) })
    }
}

/// An OpenAI server that is ready for requests.
pub(crate) struct OpenAiServer {
    pub(crate) base_url: Url,
    pub(crate) api_key: String,
    pub(crate) standin: Option<Standin>,
}

fn parsed(base_url: &str) -> Result<Url, Error> {
    parse_base_url(base_url).map_err(|_| Error::OpenAiUrl(base_url.to_owned()))
}
