//! `cargo xtask test`: everything that says whether Switchboard works.

use crate::{
    bugs,
    report::{Outcome, Report, check, count_tests},
    schedules::{self, Schedules},
    tools::{Browser, Node, Python},
    web,
};
use clap::{Args, ValueEnum};
use std::{env, path::Path, process::Command};

const TEMPLATE: &str = "template.yaml";
/// Reads the template as SAM transforms it, where `sam validate` is silent about a streaming route that would buffer.
const TRANSFORMED: &str = "tests/deploy/transformed_template.py";

#[derive(Args)]
pub(crate) struct Options {
    /// Leave a part out on purpose (may be repeated)
    #[arg(long, value_name = "PART")]
    without: Vec<Part>,
    /// Run only the Rust tests whose name contains this, and no other check
    #[arg(last = true)]
    filter: Option<String>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Part {
    /// What needs a browser: the client in a page
    Browser,
    /// What needs Node: the client, the Vercel AI SDK's transport, AsyncAPI's schema
    Node,
    /// What needs Python: the checks of the template, OpenAI's own client, cargo-lambda
    Python,
}

/// Runs every step, also after a failure: one run names everything that is wrong.
pub(crate) fn run(options: &Options) -> Report {
    let mut report = Report::default();
    let with = |part| !options.without.contains(&part);
    let python = with(Part::Python).then(|| install(&mut report, "Python tools", Python::ready));
    let tools = Tools {
        node: with(Part::Node).then(|| install(&mut report, "Node tools", Node::ready)),
        browser: (with(Part::Browser) && with(Part::Node)).then(|| install(&mut report, "Chromium", Browser::ready)),
        python,
    };
    rust(&mut report, &tools, options.filter.as_deref());
    if options.filter.is_none() {
        report.step("the seeded bugs still apply", bugs::apply);
        schedules::step(&mut report, &Schedules::default());
        report.step("what the pages weigh", web::sizes);
        template(&mut report, tools.python.as_ref());
    }
    report
}

/// The error says how to install what is missing.
pub(crate) type Installed<Tool> = Result<Tool, String>;

/// What is left out is `None`.
struct Tools {
    python: Option<Installed<Python>>,
    node: Option<Installed<Node>>,
    browser: Option<Installed<Browser>>,
}

pub(crate) fn install<Tool>(
    report: &mut Report,
    name: &str,
    ready: impl FnOnce() -> Installed<Tool>,
) -> Installed<Tool> {
    let mut tool = Err(String::new());
    report.step(name, || {
        tool = ready();
        match &tool {
            Ok(_) => Outcome::PASSED,
            Err(how) => Outcome::CouldNotRun { how: how.clone() },
        }
    });
    tool
}

/// `cargo test` builds a function's `main` only as a test of itself; the events are played through the plain binaries too.
/// Asking for both at once resolves the same features as `cargo test`, so nothing is built twice.
fn rust(report: &mut Report, tools: &Tools, filter: Option<&str>) {
    report.step("cargo build", || check(cargo().args(["build", "--workspace", "--bins", "--tests"])));
    report.step("cargo test", || {
        let mut tests = cargo();
        tests.args(["test", "--workspace", "--no-fail-fast"]);
        if let Some(Ok(python)) = &tools.python {
            tests.env("OPENAI_PYTHON", python.path());
        }
        if let Some(Ok(node)) = &tools.node {
            tests.env("NODE_TOOLS", node.folder());
        }
        if let Some(Ok(browser)) = &tools.browser {
            tests.env("CHROMIUM", browser.program());
        }
        if let Some(filter) = filter {
            tests.args(["--", filter]);
        }
        count_tests(&mut tests)
    });
}

fn template(report: &mut Report, python: Option<&Installed<Python>>) {
    let mut check_with = |name: &str, command: fn(&Python) -> Command| match python {
        None => report.left_out(name),
        Some(Ok(python)) => report.step(name, || check(&mut command(python))),
        Some(Err(_)) => report.step(name, || Outcome::CouldNotRun { how: "needs the Python tools above".to_owned() }),
    };
    check_with("cfn-lint", |python| {
        let mut cfn_lint = python.command("cfn-lint");
        cfn_lint.arg(TEMPLATE);
        cfn_lint
    });
    check_with("sam validate --lint", |python| {
        let mut sam = python.sam();
        sam.args(["validate", "--lint", "--template", TEMPLATE]);
        sam
    });
    if Path::new(TRANSFORMED).exists() {
        check_with(TRANSFORMED, |python| {
            let mut transformed = python.command("python");
            transformed.args([TRANSFORMED, TEMPLATE]);
            transformed
        });
    }
    check_with("cargo lambda", |python| {
        let mut cargo_lambda = python.command("cargo-lambda");
        cargo_lambda.args(["lambda", "--version"]);
        cargo_lambda
    });
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
