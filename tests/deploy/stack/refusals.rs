//! Errors of the commands on a stack, and what they say to do.

use reqwest::header::AUTHORIZATION;
use serde_json::json;
use tests::stage::Stage;
use tokio::process::Command;

use super::cloud::{Cloud, FOR_EVER, Outputs, complaint, stage, template, waiting};

fn init(cloud: &Cloud, stack: &str) -> Command {
    let mut command = cloud.switchboard("init");
    command.args(["--stack", stack]);
    command
}

/// Asserts that the message begins and ends like this.
#[track_caller]
fn assert_says(said: &str, start: &str, end: &str) {
    assert!(said.starts_with(start) && said.ends_with(end), "{said}");
}

#[tokio::test]
async fn an_account_that_cannot_be_used_is_named() {
    let Some(cloud) = Cloud::start().await else { return };
    let said = complaint(init(&cloud, "board").env_remove("AWS_ACCESS_KEY_ID")).await;
    assert_says(&said, "no AWS credentials (", "or choose a profile with --profile");
    let said = complaint(init(&cloud, "board").args(["--profile", "nobody"]).env_remove("AWS_ACCESS_KEY_ID")).await;
    assert_says(&said, "no AWS credentials (", "or choose a profile with --profile");
    let said = complaint(init(&cloud, "board").env_remove("AWS_REGION")).await;
    assert_eq!(said, "no AWS region: set AWS_REGION, or name the stack's region with --region");
    let said = complaint(init(&cloud, "board").env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")).await;
    let start = "cannot reach AWS for cloudformation:DescribeStacks in eu-central-1 (";
    assert_says(&said, start, "and AWS_ENDPOINT_URL if it is set");
    let said = complaint(init(&cloud, "board").args(["--region", "eu-west-1"])).await;
    let start = "there is no stack board in eu-west-1: `sam deploy` prints its name";
    assert_says(&said, start, "another account with --profile");
}

#[tokio::test]
async fn a_stack_that_is_not_whole_is_named() {
    let Some(cloud) = Cloud::start().await else { return };
    let stage = stage().await;
    let template = || template(stage.board.tokens().secret(), Outputs::of(&stage));
    assert_eq!(cloud.create("new", &waiting(template(), FOR_EVER), &[]).await, "CREATE_IN_PROGRESS");
    let said = complaint(&mut init(&cloud, "new")).await;
    assert_eq!(
        said,
        "the stack new is being deployed (CREATE_IN_PROGRESS): wait until `sam deploy` ends, then try again"
    );
    assert_eq!(cloud.create("bad", &waiting(template(), "1"), &[]).await, "ROLLBACK_COMPLETE");
    let said = complaint(&mut init(&cloud, "bad")).await;
    let start = "the stack bad could not be created (ROLLBACK_COMPLETE";
    assert_says(&said, start, "delete what is left with `sam delete --stack-name bad`, then deploy again");

    for output in Outputs::NAMES.into_iter().filter(|output| *output != "TableName") {
        let stack = format!("no-{output}");
        cloud.deploy(&stack, &stage, Outputs::of(&stage).without(output), &[]).await;
        let said = complaint(&mut init(&cloud, &stack)).await;
        let start = format!("the stack {stack} has no output {output}: ");
        assert_says(&said, &start, "deploy this one with `sam build && sam deploy`");
    }
    cloud.deploy("odd", &stage, Outputs::of(&stage).with("PagesConfig", json!("none")), &[]).await;
    let said = complaint(&mut init(&cloud, "odd")).await;
    assert!(said.starts_with("the output PagesConfig of the stack odd is no JSON object: deploy"), "{said}");
}

#[tokio::test]
async fn parts_that_fail_are_named() {
    let Some(cloud) = Cloud::start().await else { return };
    let stage = stage().await;
    let failing = async |name: &str, output: &'static str, value: &str| {
        cloud.deploy(name, &stage, Outputs::of(&stage).with(output, json!(value)), &[]).await;
        complaint(&mut init(&cloud, name)).await
    };
    let said = failing("bucketless", "PagesBucketName", "not-there").await;
    assert_says(&said, "the pages' bucket not-there does not exist: ", "deploy again with `sam build && sam deploy`");
    let said = failing("secretless", "JwtSecretArn", "not-there").await;
    assert_says(&said, "the secret not-there does not exist: restore it", "or deploy again");

    let nobody = "http://127.0.0.1:9";
    let said = failing("silent", "RestUrl", nobody).await;
    let start = format!("the REST API at {nobody} gives no answer of Switchboard (");
    assert_says(&said, &start, "check that the stack is whole, and the network");
    // A path that is not the API's; and a server that answers in XML.
    let elsewhere = format!("{}/nowhere", stage.board.url());
    let said = failing("other", "RestUrl", &elsewhere).await;
    assert!(
        said.starts_with(&format!("the REST API at {elsewhere} gives no answer of Switchboard (status 404 ")),
        "{said}"
    );
    let said = failing("xml", "RestUrl", &cloud.emulator.url).await;
    assert!(
        said.starts_with(&format!("the REST API at {} gives no answer of Switchboard (", cloud.emulator.url)),
        "{said}"
    );

    // The functions have another secret than the stack.
    let stranger = Stage::start().await;
    let said = failing("rotated", "RestUrl", stranger.board.url()).await;
    let start = format!("the REST API at {} rejects the token that the stack's secret signed (", stranger.board.url());
    assert_says(&said, &start, "the functions take it up within ten minutes: try again then");
    let short = template("short", Outputs::of(&stage));
    assert_eq!(cloud.create("short", &short, &[]).await, "CREATE_COMPLETE");
    let said = complaint(&mut init(&cloud, "short")).await;
    assert_says(&said, "the secret short-", "which no function accepts: replace it");
}

#[tokio::test]
async fn permissions_that_lack_are_named() {
    let Some(cloud) = Cloud::with_permissions().await else { return };
    let stage = stage().await;
    cloud.deploy("board", &stage, Outputs::of(&stage), &[]).await;
    let denied = async |actions: &[&str]| {
        let user = format!("user{}", actions.len());
        let (id, secret) = user_who_may(&cloud, &user, actions).await;
        let mut init = init(&cloud, "board");
        complaint(init.env("AWS_ACCESS_KEY_ID", id).env("AWS_SECRET_ACCESS_KEY", secret)).await
    };
    let mut actions = vec![];
    let said = denied(&actions).await;
    assert_says(&said, "AWS denies cloudformation:DescribeStacks (", "the credentials need that permission");
    actions.push("cloudformation:DescribeStacks");
    let said = denied(&actions).await;
    assert_says(&said, "AWS denies secretsmanager:GetSecretValue on board-", "the credentials need that permission");
    actions.push("secretsmanager:GetSecretValue");
    let may_not_write = "the credentials need s3:GetObject, s3:PutObject and s3:ListBucket on it";
    let said = denied(&actions).await;
    assert_says(&said, "cannot read and write the pages' bucket board-", may_not_write);
    actions.extend(["s3:GetObject", "s3:ListBucket"]);
    let said = denied(&actions).await;
    assert_says(&said, "cannot read and write the pages' bucket board-", may_not_write);
    assert!(said.contains("s3:PutObject because no"), "{said}");

    let said = complaint(init(&cloud, "board").env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")).await;
    assert_says(&said, "AWS rejects the credentials (", "choose another profile with --profile");
}

/// Creates a user with these permissions; returns the id and the secret of an access key.
async fn user_who_may(cloud: &Cloud, name: &str, actions: &[&str]) -> (String, String) {
    iam(cloud, "CreateUser", name, &[]).await;
    if !actions.is_empty() {
        let statement = json!({ "Effect": "Allow", "Action": actions, "Resource": "*" });
        let policy = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
        iam(cloud, "PutUserPolicy", name, &[("PolicyName", "may"), ("PolicyDocument", &policy)]).await;
    }
    let key = iam(cloud, "CreateAccessKey", name, &[]).await;
    let between = |tag: &str| {
        let (_, rest) = key.split_once(&format!("<{tag}>")).unwrap();
        rest.split_once('<').unwrap().0.to_owned()
    };
    (between("AccessKeyId"), between("SecretAccessKey"))
}

/// Calls IAM as the account's root, whose signature the emulator does not check.
async fn iam(cloud: &Cloud, action: &str, user: &str, more: &[(&str, &str)]) -> String {
    let root = "AWS4-HMAC-SHA256 Credential=test/20261129/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0";
    let mut form = vec![("Action", action), ("Version", "2010-05-08"), ("UserName", user)];
    form.extend(more);
    let body = form_urlencoded(&form);
    let request = reqwest::Client::new().post(&cloud.emulator.url).header(AUTHORIZATION, root);
    let response = request.header("content-type", "application/x-www-form-urlencoded").body(body).send().await.unwrap();
    let (status, body) = (response.status(), response.text().await.unwrap());
    assert!(status.is_success(), "{action}: {body}");
    body
}

fn form_urlencoded(fields: &[(&str, &str)]) -> String {
    let url = reqwest::Url::parse_with_params("http://form", fields).unwrap();
    url.query().unwrap().to_owned()
}
