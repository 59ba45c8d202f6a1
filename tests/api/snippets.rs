//! Code that the docs give for other languages, run where the language is installed.
//!
//! `NODE` and `OPENAI_PYTHON` name the programs that `cargo xtask test` installs; Go, Ruby and PHP are looked up.

use std::{env, ffi::OsString, fs, path::Path, process::Stdio};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    process::Command,
    sync::mpsc::{UnboundedSender, unbounded_channel},
    task::JoinSet,
};

use tests::{openai::brisk, stage::Stage};

/// The first code block of this language in a file of `docs/`.
pub(super) fn block(file: &str, language: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(file);
    let text = fs::read_to_string(path).unwrap();
    let (_, rest) =
        text.split_once(&format!("\n```{language}\n")).unwrap_or_else(|| panic!("{file} has no {language}"));
    rest.split_once("\n```").unwrap().0.to_owned()
}

/// The program and the arguments that come before the file.
fn runner(language: &str) -> Option<Vec<OsString>> {
    let found = |name: &str| {
        let folders = env::var_os("PATH")?;
        env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
    };
    Some(match language {
        "js" => vec![env::var_os("NODE")?],
        "python" => vec![env::var_os("OPENAI_PYTHON")?],
        "go" => vec![found("go")?.into(), "run".into()],
        other => vec![found(other)?.into()],
    })
}

/// Runs code, and returns its output.
async fn run(runner: &[OsString], file: &str, code: &str, variables: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(file);
    fs::write(&path, code).unwrap();
    let mut command = Command::new(&runner[0]);
    command.args(&runner[1..]).arg(&path).envs(variables.iter().copied()).stdin(Stdio::null());
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[tokio::test]
async fn every_language_signs_a_token() {
    let stage = Stage::start().await;
    let chatbot = stage.chatbot().await;
    let secret = [("JWT_SECRET", stage.board.tokens().secret())];
    for (language, file) in
        [("js", "token.js"), ("python", "token.py"), ("go", "token.go"), ("ruby", "token.rb"), ("php", "token.php")]
    {
        let code = block("tokens.md", language);
        let Some(runner) = runner(language) else { continue };
        let token = run(&runner, file, &code, &secret).await;
        let caller = stage.bearing(Some(token));
        let thread = caller.post("/threads", json!({ "chatbot_id": chatbot })).await.expect(201).body;
        assert_eq!(thread["customer_id"], "cus", "{language}");
    }
}

type Delivered = (Value, String);

async fn keep(State(delivered): State<UnboundedSender<Delivered>>, headers: HeaderMap, body: Bytes) {
    let headers = headers.iter().map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap()))).collect();
    delivered.send((headers, String::from_utf8(body.to_vec()).unwrap())).unwrap();
}

#[tokio::test]
async fn python_verifies_webhooks_with_either_kind_of_secret() {
    let code = block("webhooks.md", "python");
    let Some(runner) = runner("python") else { return };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (sender, mut delivered) = unbounded_channel();
    let mut server = JoinSet::new();
    let routes = Router::new().fallback(keep).with_state(sender);
    server.spawn(async move { axum::serve(listener, routes).await.unwrap() });

    let stage = Stage::with(brisk()).await;
    let check = "\nimport json, os\nheaders, body = json.loads(os.environ['DELIVERED'])\n\
                 print(verify(headers, body.encode(), os.environ['SECRET']), \
                 verify(headers, body.encode() + b' ', os.environ['SECRET']))\n";
    for secret in ["a secret of plain text", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
        let webhook = json!({ "url": url, "secret": secret });
        let chatbot = stage.chatbot_with(json!({ "webhook": webhook })).await;
        let thread = stage.thread_of(&stage.customer(), &chatbot).await;
        stage.customer().escalates(&thread).await.expect(200);
        let delivery = serde_json::to_string(&delivered.recv().await.unwrap()).unwrap();
        let variables = [("DELIVERED", delivery.as_str()), ("SECRET", secret)];
        assert_eq!(run(&runner, "verify.py", &(code.clone() + check), &variables).await, "True False", "{secret}");
    }
}
