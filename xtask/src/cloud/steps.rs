//! The steps of a run, in the order of a deployment's life, and the table of their checks.

use std::{path::Path, time::Instant};

use super::{
    account::Account,
    names::{REGIONS, STACK},
    stack::Stack,
};
use crate::report::{Outcome, Report, check, count_tests};

const KEY: &str = "OpenAiApiKey";
const OPENAI: &str = "OpenAiBaseUrl";

/// The checks of a step that succeeded, or what went wrong.
type Checked = Result<Outcome, String>;

/// The report, and a row of the table a step.
#[derive(Default)]
struct Steps {
    report: Report,
    rows: Vec<(String, usize, f32)>,
}

impl Steps {
    fn step(&mut self, name: &str, step: impl FnOnce() -> Checked) {
        let begun = Instant::now();
        let mut checks = 0;
        self.report.step(name, || {
            let outcome = step().unwrap_or_else(|error| Outcome::failed(&error));
            checks = outcome.passed();
            outcome
        });
        self.rows.push((name.to_owned(), checks, begun.elapsed().as_secs_f32()));
    }

    fn concluded(self) -> Report {
        println!("\n| step | checks passed | seconds |\n|---|---|---|");
        for (name, checks, seconds) in &self.rows {
            println!("| {name} | {checks} | {seconds:.0} |");
        }
        self.report
    }
}

/// Runs all steps within the network; the later ones need the earlier ones.
pub(super) fn run(tests: &Path) -> Report {
    let mut steps = Steps::default();
    let mut account = None;
    steps.step("the account opens: permissions enforced, TLS under AWS's host names", || {
        account = Some(Account::open()?);
        Ok(Outcome::PASSED)
    });
    if let Some(account) = &account {
        deployed(&mut steps, account, tests);
    }
    steps.concluded()
}

/// Opens the account and a shell in it, until that ends.
pub(super) fn shell() -> Report {
    let mut report = Report::default();
    report.step("a shell in the account", || match Account::open() {
        Ok(account) => account.shell(REGIONS[0]).map_or_else(|error| Outcome::failed(&error), |mut sh| check(&mut sh)),
        Err(error) => Outcome::failed(&error),
    });
    report
}

fn deployed(steps: &mut Steps, account: &Account, tests: &Path) {
    let parameters = [(KEY, "sk-first"), (OPENAI, account.openai_url.as_str())];
    let mut earlier = None;
    steps.step("the last release's template is deployed, with the functions of now", || {
        earlier = Some(Stack::deploy(account, REGIONS[0], "earlier", &parameters)?);
        Ok(Outcome::PASSED)
    });
    let Some(earlier) = earlier else { return };
    driven(steps, &earlier, tests, "the last release answers", "deployed::first");
    driven(steps, &earlier, tests, "streams that the emulator lacks", "deployed::streams");
    let mut upgraded = None;
    steps.step("an upgrade keeps the table and the tokens' secret", || {
        let now = Stack::deploy(account, REGIONS[0], "now", &parameters)?;
        same("TableName", &earlier.outputs["TableName"], &now.outputs["TableName"])?;
        same("JwtSecretArn", &earlier.secret("JwtSecretArn")?, &now.secret("JwtSecretArn")?)?;
        upgraded = Some(now);
        Ok(Outcome::Ran { passed: 2, failed: 0 })
    });
    let Some(upgraded) = upgraded else { return };
    driven(steps, &upgraded, tests, "data from before the upgrade of the template", "deployed::upgraded");
    driven(steps, &upgraded, tests, "the contract, over REST and sockets", "deployed::contract");
    driven(steps, &upgraded, tests, "what the emulator lacks", "deployed::gaps");
    changed(steps, account, &upgraded, tests);
    second_region(steps, account, tests);
    deleted(steps, account, &upgraded);
    adopted(steps, account, &upgraded, tests);
}

/// A new OpenAI key and another parameter, which reach the functions with the next deployment.
fn changed(steps: &mut Steps, account: &Account, stack: &Stack, tests: &Path) {
    steps.step("a rotated key and a changed parameter", || {
        let parameters = [(KEY, "sk-second"), (OPENAI, account.openai_url.as_str()), ("RetentionDays", "7")];
        let now = Stack::deploy(account, REGIONS[0], "now", &parameters)?;
        same("OpenAiSecretArn", "sk-second", &now.secret("OpenAiSecretArn")?)?;
        let after = now.environment("ChatFunction")?;
        same("RETENTION_DAYS", "7", after["RETENTION_DAYS"].as_str().unwrap_or_default())?;
        // Either the environment has the new key, or it names the secret.
        if after.to_string().contains("sk-first") {
            return Err("the chat function still has the old key".to_owned());
        }
        Ok(Outcome::Ran { passed: 3, failed: 0 })
    });
    driven(steps, stack, tests, "answers after that", "deployed::contract::a_customer");
}

fn second_region(steps: &mut Steps, account: &Account, tests: &Path) {
    let mut other = None;
    steps.step("a stack of the same name in a second region, by `--guided` and Enter", || {
        other = Some(Stack::guided(account, REGIONS[1], "sk-other")?);
        Ok(Outcome::PASSED)
    });
    let Some(other) = other else { return };
    driven(steps, &other, tests, "the second region answers", "deployed::first");
    steps.step("the second stack is deleted, the first one stays", || {
        other.delete()?;
        account.aws(REGIONS[0], &["cloudformation", "describe-stacks", "--stack-name", STACK])?;
        Ok(Outcome::PASSED)
    });
}

fn deleted(steps: &mut Steps, account: &Account, stack: &Stack) {
    steps.step("a deleted stack leaves its table, the pages' bucket and the tokens' secret", || {
        account.documented(REGIONS[0], "Delete a stack", &stack.outputs)?;
        if account.aws(REGIONS[0], &["cloudformation", "describe-stacks", "--stack-name", STACK]).is_ok() {
            return Err("the stack is still there".to_owned());
        }
        let table = &stack.outputs["TableName"];
        let found = account.aws(REGIONS[0], &["dynamodb", "scan", "--table-name", table, "--select", "COUNT"])?;
        if found["Count"].as_u64().unwrap_or_default() == 0 {
            return Err("the table is empty".to_owned());
        }
        let buckets = account.aws(REGIONS[0], &["s3api", "list-buckets"])?;
        let mut buckets = buckets["Buckets"].as_array().into_iter().flatten();
        if !buckets.any(|bucket| bucket["Name"] == stack.outputs["PagesBucketName"]) {
            return Err("the pages' bucket is gone".to_owned());
        }
        // Else no token that it has signed could be verified again.
        stack.secret("JwtSecretArn")?;
        Ok(Outcome::Ran { passed: 4, failed: 0 })
    });
}

/// The commands of the docs, on the table that the deleted stack has left.
fn adopted(steps: &mut Steps, account: &Account, deleted: &Stack, tests: &Path) {
    let restored = format!("{}-restored", deleted.outputs["TableName"]);
    steps.step("a table is restored from its backup", || {
        account.documented(REGIONS[0], "Restore a table", &deleted.outputs)?;
        let table = account.aws(REGIONS[0], &["dynamodb", "describe-table", "--table-name", &restored])?;
        same("TableStatus", "ACTIVE", table["Table"]["TableStatus"].as_str().unwrap_or_default())?;
        Ok(Outcome::PASSED)
    });
    let mut adopting = None;
    steps.step("a new stack adopts it", || {
        let names = [("TableName".to_owned(), restored.clone())].into();
        account.documented(REGIONS[0], "Adopt a table", &names)?;
        let secret = deleted.outputs["JwtSecretArn"].as_str();
        let parameters = [
            (KEY, "sk-third"),
            (OPENAI, account.openai_url.as_str()),
            ("TokenKeys", "secret"),
            ("JwtSecretArn", secret),
        ];
        let stack = Stack::deploy(account, REGIONS[0], "now", &parameters)?;
        same("TableName", &restored, &stack.outputs["TableName"])?;
        same("JwtSecretArn", secret, &stack.outputs["JwtSecretArn"])?;
        adopting = Some(stack);
        Ok(Outcome::Ran { passed: 2, failed: 0 })
    });
    let Some(adopting) = adopting else { return };
    driven(steps, &adopting, tests, "the adopted data", "deployed::adopted");
}

/// Runs the tests of a name on a stack.
fn driven(steps: &mut Steps, stack: &Stack, tests: &Path, step: &str, name: &str) {
    steps.step(step, || match count_tests(&mut stack.tests(tests, name)?) {
        Outcome::Ran { passed: 0, .. } => Err(format!("no test is named {name}")),
        outcome => Ok(outcome),
    });
}

fn same(name: &str, expected: &str, found: &str) -> Result<(), String> {
    if expected == found { Ok(()) } else { Err(format!("{name} is {found}, not {expected}")) }
}
