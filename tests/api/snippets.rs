//! Code that the docs give for other languages, run where the language is installed.
//!
//! `NODE` and `OPENAI_PYTHON` name the programs that `cargo xtask test` installs; Go, Ruby and PHP are looked up.

use std::{env, ffi::OsString, fs, path::Path, process::Stdio, time::Duration};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::Command,
    sync::mpsc::{UnboundedSender, unbounded_channel},
    task::JoinSet,
    time::timeout,
};

use tests::{openai::brisk, stage::Stage};

/// Timeout: nothing takes this long unless it hangs.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The first code block of this language in a file of `docs/` that names a test.
pub(super) fn block(file: &str, language: &str, name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(file);
    let text = fs::read_to_string(path).unwrap();
    let fence = format!("\n```{language} tested-by=\"{name}\"\n");
    let (_, rest) = text.split_once(&fence).unwrap_or_else(|| panic!("{file} has no {language} for {name}"));
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
        let code = block("tokens.md", language, "every_language_signs_a_token");
        let Some(runner) = runner(language) else { continue };
        let token = run(&runner, file, &code, &secret).await;
        let caller = stage.bearing(Some(token));
        let thread = caller.post("/threads", json!({ "chatbot_id": chatbot })).await.expect(201).body;
        assert_eq!(thread["customer_id"], "cus", "{language}");
    }
}

/// Starts code that listens for ever, and returns once it has printed each of these, in this order.
pub(super) async fn prints(mut command: Command, expected: &[&str]) {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut printed = String::new();
    for expected in expected {
        let begun = printed.len();
        while !printed[begun..].contains(expected) {
            let line = timeout(TIMEOUT, lines.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("no {expected} after {printed}")).unwrap();
            printed += &line.unwrap_or_else(|| panic!("it ended without {expected}: {printed}"));
            printed += "\n";
        }
    }
}

#[tokio::test]
async fn python_prints_the_words_as_they_come() {
    let Some(runner) = runner("python") else { return };
    let stage = Stage::start().await;
    let thread = stage.thread().await;
    let token = stage.customer().token.unwrap();
    let code = block("clients.md", "python", "python_prints_the_words_as_they_come");
    let variables = [("URL", stage.board.url()), ("THREAD", &thread), ("CUSTOMER", &token)];
    let printed = run(&runner, "stream.py", &code, &variables).await;
    let log = stage.customer().log(&thread).await;
    assert_eq!(log[1]["text"], printed);
}

#[tokio::test]
async fn javascript_hears_a_thread() {
    let Some(runner) = runner("js") else { return };
    let stage = Stage::start().await;
    let (thread, folder) = (stage.thread().await, tempfile::tempdir().unwrap());
    let (token, client) =
        (stage.customer().token.unwrap(), concat!(env!("CARGO_MANIFEST_DIR"), "/../web/switchboard.js"));
    for file in ["../README.md", "clients.md"] {
        let code = block(file, "js", "javascript_hears_a_thread")
            .replace("./switchboard.js", client)
            .replace("http://127.0.0.1:3000", stage.board.url())
            .replace("ws://127.0.0.1:3000/ws", &stage.board.socket_url())
            .replace("thr_…", &thread)
            .replace("eyJ0…", &token);
        let path = folder.path().join("listen.mjs");
        fs::write(&path, format!("globalThis.token = process.env.TOKEN;\n{code}")).unwrap();
        let mut node = Command::new(&runner[0]);
        node.arg(path).env("TOKEN", &token);
        prints(node, &["customer Where is my order?", "bot This is"]).await;
    }
}

#[tokio::test]
async fn each_frame_of_the_docs_is_accepted() {
    let stage = Stage::start().await;
    let thread = stage.thread().await;
    // The frames name a `seq` of up to 9.
    for _ in 0..5 {
        stage.customer().says(&thread, "Where is my order?").await.expect(200);
    }
    let mut socket = stage.agent().connects().await;
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/clients.md")).unwrap();
    let frames: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("| `{\"action\"")).collect();
    assert!(frames.len() > 5, "the table of frames in docs/clients.md");
    for line in frames {
        let frame = format!("{{\"action\"{}", line.split('`').next().unwrap()).replace("thr_…", &thread);
        socket.says(serde_json::from_str(&frame).unwrap()).await;
        let heard = socket.heard_so_far().await;
        assert!(heard.iter().all(|event| event["type"] != "error"), "{line}: {heard:?}");
    }
}

type Delivered = (Value, String);

async fn keep(State(delivered): State<UnboundedSender<Delivered>>, headers: HeaderMap, body: Bytes) {
    let headers = headers.iter().map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap()))).collect();
    delivered.send((headers, String::from_utf8(body.to_vec()).unwrap())).unwrap();
}

#[tokio::test]
async fn python_verifies_webhooks_with_either_kind_of_secret() {
    let code = block("webhooks.md", "python", "python_verifies_webhooks_with_either_kind_of_secret");
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
