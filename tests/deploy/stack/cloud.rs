//! The emulated AWS account, its stacks, and the program `switchboard` on them.

use std::{
    collections::BTreeMap,
    env,
    process::{Output, Stdio},
    time::Duration,
};

use aws_sdk_cloudformation::types::{Capability, Parameter};
use aws_sdk_s3::{
    config::{BehaviorVersion, Credentials, Region},
    primitives::ByteStream,
    types::Object as Listed,
};
use local::Options;
use serde_json::{Value, json};
use tests::{runtime_api::binary, stage::Stage};
use tokio::{process::Command, time::timeout};

use crate::deploy::emulator::Emulator;

/// Timeout: nothing takes this long unless it hangs.
const TIMEOUT: Duration = Duration::from_mins(1);

const REGION: &str = "eu-central-1";
const SERVICES: &str = "cloudformation,s3,secretsmanager,iam,sts";

/// The parameters of the template that the commands read.
pub(super) const PARAMETERS: [&str; 4] = ["OpenAiBaseUrl", "JwtJwksUrl", "JwtIssuer", "JwtAudience"];

/// An AWS account. Dropping it ends it.
pub(super) struct Cloud {
    pub(super) emulator: Emulator,
    formation: aws_sdk_cloudformation::Client,
    s3: aws_sdk_s3::Client,
}

/// The outputs of a stack by their names, as CloudFormation's expressions.
pub(super) struct Outputs(pub(super) BTreeMap<&'static str, Value>);

/// A stored object: its type, its `Cache-Control`, and its content.
pub(super) type Object = (String, String, Vec<u8>);

impl Cloud {
    /// `None` without an emulator.
    pub(super) async fn start() -> Option<Self> {
        Some(Self::of(Emulator::ministack(&env::var_os("MINISTACK")?, SERVICES).await))
    }

    /// An account in which the key `test` alone may do everything.
    pub(super) async fn with_permissions() -> Option<Self> {
        Some(Self::of(Emulator::ministack_with_permissions(&env::var_os("MINISTACK")?, SERVICES).await))
    }

    fn of(emulator: Emulator) -> Self {
        let credentials = || Credentials::new("test", "test", None, None, "test");
        let formation = aws_sdk_cloudformation::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(credentials())
            .endpoint_url(&emulator.url);
        let s3 = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(credentials())
            .endpoint_url(&emulator.url);
        let formation = aws_sdk_cloudformation::Client::from_conf(formation.build());
        Self { formation, s3: aws_sdk_s3::Client::from_conf(s3.build()), emulator }
    }

    /// Creates a stack, and waits until it is created or has failed; one that waits for ever is left alone. Returns its
    /// last status.
    pub(super) async fn create(&self, name: &str, template: &Value, parameters: &[(&str, &str)]) -> String {
        let parameters = parameters
            .iter()
            .map(|(key, value)| Parameter::builder().parameter_key(*key).parameter_value(*value).build());
        let create = self.formation.create_stack().stack_name(name).template_body(template.to_string());
        create.capabilities(Capability::CapabilityIam).set_parameters(Some(parameters.collect())).send().await.unwrap();
        let is_waiting = template["Resources"]["Wait"]["Properties"]["Timeout"] == FOR_EVER;
        let ended = async {
            loop {
                let described = self.formation.describe_stacks().stack_name(name).send().await.unwrap();
                let status = described.stacks()[0].stack_status().unwrap().as_str().to_owned();
                if is_waiting || !status.ends_with("_IN_PROGRESS") {
                    return status;
                }
            }
        };
        timeout(TIMEOUT, ended).await.expect("the stack is created or fails")
    }

    /// Creates a stack that is whole, with the REST API and the OpenAI server of this stage.
    pub(super) async fn deploy(&self, name: &str, stage: &Stage, outputs: Outputs, parameters: &[(&str, &str)]) {
        let template = template(stage.board.tokens().secret(), outputs);
        let openai = stage.board.endpoints().openai_url.clone();
        let mut parameters = parameters.to_vec();
        if !parameters.iter().any(|(name, _)| *name == "OpenAiBaseUrl") {
            parameters.push(("OpenAiBaseUrl", &openai));
        }
        assert_eq!(self.create(name, &template, &parameters).await, "CREATE_COMPLETE");
    }

    /// The value of an output.
    pub(super) async fn output(&self, stack: &str, name: &str) -> String {
        let described = self.formation.describe_stacks().stack_name(stack).send().await.unwrap();
        let outputs = described.stacks()[0].outputs();
        let found =
            outputs.iter().find(|output| output.output_key() == Some(name)).and_then(|found| found.output_value());
        found.unwrap_or_else(|| panic!("no output {name}")).to_owned()
    }

    /// The objects in the pages' bucket by their keys.
    pub(super) async fn objects(&self, stack: &str) -> BTreeMap<String, Object> {
        let bucket = self.output(stack, "PagesBucketName").await;
        let listed = self.s3.list_objects_v2().bucket(&bucket).send().await.unwrap();
        assert_ne!(listed.is_truncated(), Some(true));
        let mut objects = BTreeMap::new();
        for key in listed.contents().iter().filter_map(Listed::key) {
            let found = self.s3.get_object().bucket(&bucket).key(key).send().await.unwrap();
            let text = |header: Option<&str>| header.unwrap_or_default().to_owned();
            let (kind, cache) = (text(found.content_type()), text(found.cache_control()));
            objects.insert(key.to_owned(), (kind, cache, found.body.collect().await.unwrap().to_vec()));
        }
        objects
    }

    /// Puts an object into the pages' bucket as another tool would, without our headers.
    pub(super) async fn put(&self, stack: &str, key: &str, content: &[u8]) {
        let bucket = self.output(stack, "PagesBucketName").await;
        self.s3.put_object().bucket(bucket).key(key).body(ByteStream::from(content.to_vec())).send().await.unwrap();
    }

    /// The program `switchboard` as the account's root, with no other environment.
    pub(super) fn switchboard(&self, command: &str) -> Command {
        let mut switchboard = Command::new(binary("switchboard"));
        switchboard.env_clear().stdin(Stdio::null()).kill_on_drop(true).arg(command);
        switchboard.env("AWS_ENDPOINT_URL", &self.emulator.url).env("AWS_EC2_METADATA_DISABLED", "true");
        switchboard.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").env("AWS_REGION", REGION);
        switchboard
    }
}

impl Outputs {
    pub(super) const NAMES: [&str; 8] = [
        "RestUrl",
        "SocketUrl",
        "PagesUrl",
        "PagesBucketName",
        "PagesConfig",
        "TableName",
        "OpenAiSecretArn",
        "JwtSecretArn",
    ];

    /// Those of a stack whose REST API and table are this stage's.
    pub(super) fn of(stage: &Stage) -> Self {
        let (url, sockets) = (stage.board.url(), stage.board.socket_url());
        let values = [
            json!(url),
            json!(sockets),
            json!("https://pages.example"),
            json!({ "Ref": "PagesBucket" }),
            json!(json!({ "url": url, "socketUrl": sockets }).to_string()),
            json!(local::TABLE),
            json!({ "Ref": "OpenAiSecret" }),
            json!({ "Ref": "JwtSecretStore" }),
        ];
        Self(Self::NAMES.into_iter().zip(values).collect())
    }

    pub(super) fn with(mut self, name: &'static str, value: Value) -> Self {
        self.0.insert(name, value);
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }
}

/// The seconds that a stack waits which no test outlasts.
pub(super) const FOR_EVER: &str = "3600";

/// A Switchboard whose table other processes can read.
pub(super) async fn stage() -> Stage {
    Stage::with(Options { share: true, ..Options::default() }).await
}

/// A stack's template: a bucket, the secrets, and these outputs.
pub(super) fn template(secret_text: &str, outputs: Outputs) -> Value {
    let text = |default: &str| json!({ "Type": "String", "Default": default });
    let secret = |text: &str| json!({ "Type": "AWS::SecretsManager::Secret", "Properties": { "SecretString": text } });
    let outputs: BTreeMap<_, _> =
        outputs.0.into_iter().map(|(name, value)| (name, json!({ "Value": value }))).collect();
    json!({
        "Parameters": {
            "OpenAiBaseUrl": text("https://api.openai.com/v1"),
            "JwtJwksUrl": text(""),
            "JwtIssuer": text("switchboard"),
            "JwtAudience": text("switchboard"),
        },
        "Resources": {
            "PagesBucket": { "Type": "AWS::S3::Bucket" },
            "OpenAiSecret": secret("any key"),
            "JwtSecretStore": secret(secret_text),
        },
        "Outputs": outputs,
    })
}

/// The same stack with a resource that nobody ever reports as made: it fails after this many seconds.
pub(super) fn waiting(mut template: Value, seconds: &str) -> Value {
    template["Resources"]["Handle"] = json!({ "Type": "AWS::CloudFormation::WaitConditionHandle" });
    let properties = json!({ "Handle": { "Ref": "Handle" }, "Timeout": seconds });
    template["Resources"]["Wait"] = json!({ "Type": "AWS::CloudFormation::WaitCondition", "Properties": properties });
    template
}

async fn run(command: &mut Command) -> Output {
    timeout(TIMEOUT, command.output()).await.expect("it ends by itself").unwrap()
}

/// The standard output of a command that succeeds.
pub(super) async fn printed(command: &mut Command) -> String {
    let output = run(command).await;
    let (said, complained) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{complained}");
    said
}

/// The output and the error message of a command that fails.
pub(super) async fn failed(command: &mut Command) -> (String, String) {
    let output = run(command).await;
    let (said, complained) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(1), "{said}{complained}");
    let complaint = complained.trim_end().strip_prefix("switchboard: ");
    (said, complaint.unwrap_or_else(|| panic!("{complained}")).to_owned())
}

/// The error message of a command that fails.
pub(super) async fn complaint(command: &mut Command) -> String {
    failed(command).await.1
}

/// The value of `NAME=value` among printed lines.
pub(super) fn variable<'a>(said: &'a str, name: &str) -> &'a str {
    let value = said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("no {name} in {said}"))
}
