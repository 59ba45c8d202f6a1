//! `cargo xtask test`: every test and check.

use std::{path::Path, process::Command};

use clap::{Args, ValueEnum};

use crate::{
    bugs,
    emulators::Emulators,
    engines, fuzz, imports, package,
    report::{Outcome, Report, check, count_tests},
    sam_local,
    schedules::{self, Schedules},
    schemathesis,
    tools::{Browser, Engine, Installed, Nginx, Node, Python, cargo, install},
    upstreams, web,
};

const TEMPLATE: &str = "template.yaml";
/// Reads the template as SAM transforms it. `sam validate` does not notice a streaming route that would buffer.
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
    /// The tests of the pages in a browser; and `firefox` and `webkit`
    Browser,
    /// The stories of the pages in Firefox
    Firefox,
    /// The stories of the pages in `WebKit`, whose driver and display are Debian's `webkit2gtk-driver` and `xvfb`
    Webkit,
    /// The test of streams behind nginx
    Nginx,
    /// The tests that need Node: the client, the Vercel AI SDK's transport, AsyncAPI's schema, the npm package; and
    /// `browser`
    Node,
    /// The tests that need Python: the checks of the template, OpenAI's own client, cargo-lambda, Schemathesis, `sam
    /// local`; and `node`, which is installed with the Python tools; `emulators` and `upstreams`
    Python,
    /// The test of `sam local`, which needs a Docker daemon of its own, and so root's rights on Debian
    Docker,
    /// The replay of the requests to the table, and the commands on a stack, on emulators of AWS, which Python runs
    Emulators,
    /// The story with a real model, on a llama.cpp server that Python brings
    Upstreams,
}

/// Runs every step, also after a failure: one run names everything that is wrong.
pub(crate) fn run(options: &Options) -> Report {
    let mut report = Report::default();
    let tools = Tools::install(&mut report, &options.without);
    rust(&mut report, &tools, options.filter.as_deref());
    if options.filter.is_none() {
        engines(&mut report, &tools);
        fuzz::step(&mut report, tools.node.as_ref());
        report.step("the seeded bugs still apply", bugs::apply);
        schedules::step(&mut report, &Schedules::default());
        report.step("sizes of the pages", web::sizes);
        report.step("import circles", imports::check);
        match &tools.node {
            Some(node) => package::step(&mut report, node, tools.chromium()),
            None => report.left_out("the npm package", "--without node"),
        }
        template(&mut report, tools.python.as_ref());
        schemathesis(&mut report, &tools);
        sam_local(&mut report, &tools, &options.without);
        upstreams(&mut report, &options.without);
    }
    report
}

/// The stories of the pages, in each engine that is not left out.
fn engines(report: &mut Report, tools: &Tools) {
    for (engine, browser) in &tools.browsers {
        let mut tests = cargo();
        tests.arg("test");
        tools.give_to(&mut tests);
        engines::step(report, *engine, browser, tests);
    }
}

fn schemathesis(report: &mut Report, tools: &Tools) {
    if tools.python.is_none() {
        report.left_out("Schemathesis", "--without python");
    } else {
        schemathesis::step(report);
    }
}

fn sam_local(report: &mut Report, tools: &Tools, without: &[Part]) {
    match &tools.python {
        None => report.left_out("sam local", "--without python"),
        Some(_) if without.contains(&Part::Docker) => report.left_out("sam local", "--without docker"),
        Some(python) => {
            report.step("sam local", || sam_local::step(python));
        }
    }
}

/// Comes last: it needs the whole machine, since a model computes.
fn upstreams(report: &mut Report, without: &[Part]) {
    match [(Part::Upstreams, "--without upstreams"), (Part::Python, "--without python")]
        .into_iter()
        .find(|(part, _)| without.contains(part))
    {
        Some((_, why)) => report.left_out("llama.cpp", why),
        None => upstreams::step(report),
    }
}

/// The tools that the tests use; `None` for one that is left out.
struct Tools {
    python: Option<Installed<Python>>,
    node: Option<Installed<Node>>,
    /// Those engines that are not left out.
    browsers: Vec<(Engine, Installed<Browser>)>,
    nginx: Option<Installed<Nginx>>,
    emulators: Option<Installed<Emulators>>,
}

impl Tools {
    /// A part that is left out leaves out what depends on it: Python brings Node, and Node drives the browser.
    fn install(report: &mut Report, without: &[Part]) -> Self {
        let [without_python, without_node] = [Part::Python, Part::Node].map(|part| without.contains(&part));
        let python = if without_python {
            report.left_out("Python tools", "--without python");
            None
        } else {
            Some(install(report, "Python tools", Python::ready))
        };
        let node = match &python {
            Some(python) if !without_node => Some(install(report, "Node tools", || Node::ready(python))),
            Some(_) => {
                report.left_out("Node tools", "--without node");
                None
            }
            None => {
                report.left_out("Node tools", "--without python (its tools include Node)");
                None
            }
        };
        let browsers = Self::install_browsers(report, without, node.is_some());
        let nginx = if without.contains(&Part::Nginx) {
            report.left_out("nginx", "--without nginx");
            None
        } else {
            Some(install(report, "nginx", Nginx::ready))
        };
        let emulators = if without_python || without.contains(&Part::Emulators) {
            let why = if without_python { "--without python" } else { "--without emulators" };
            report.left_out("Emulators", why);
            None
        } else {
            Some(install(report, "Emulators", Emulators::ready))
        };
        Self { python, node, browsers, nginx, emulators }
    }

    fn install_browsers(report: &mut Report, without: &[Part], has_node: bool) -> Vec<(Engine, Installed<Browser>)> {
        let mut browsers = Vec::new();
        for engine in Engine::ALL {
            let own = match engine {
                Engine::Chromium => None,
                Engine::Firefox => Some((Part::Firefox, "--without firefox")),
                Engine::WebKit => Some((Part::Webkit, "--without webkit")),
            };
            let left_out = [(Part::Browser, "--without browser")].into_iter().chain(own);
            match left_out.into_iter().find(|(part, _)| without.contains(part)) {
                Some((_, why)) => report.left_out(engine.name(), why),
                None if !has_node => report.left_out(engine.name(), "it is driven by Node"),
                None => browsers.push((engine, install(report, engine.name(), || Browser::ready(engine)))),
            }
        }
        browsers
    }

    fn chromium(&self) -> Option<&Installed<Browser>> {
        self.browsers.iter().find(|(engine, _)| matches!(engine, Engine::Chromium)).map(|(_, browser)| browser)
    }

    /// Names the tools to a command, in its environment.
    fn give_to(&self, command: &mut Command) {
        if let Some(Ok(python)) = &self.python {
            command.env("OPENAI_PYTHON", python.path()).env("CARGO_LAMBDA", python.program("cargo-lambda"));
        }
        if let Some(Ok(node)) = &self.node {
            command.env("NODE", node.program()).env("NODE_TOOLS", node.folder());
        }
        for (engine, browser) in &self.browsers {
            if let Ok(browser) = browser {
                command.env(engine.variable(), browser.program());
            }
        }
        if let Some(Ok(nginx)) = &self.nginx {
            command.env("NGINX_PROGRAM", nginx.program());
        }
        if let Some(Ok(emulators)) = &self.emulators {
            command.env("MOTO_SERVER", &emulators.moto).env("MINISTACK", &emulators.ministack);
        }
    }
}

/// Builds and runs the Rust tests. `cargo test` builds a function's `main` only as a test of itself, but the events are
/// played through the plain binaries too. Building both at once resolves the same features as `cargo test`, so nothing
/// is built twice.
fn rust(report: &mut Report, tools: &Tools, filter: Option<&str>) {
    report.step("cargo build", || check(cargo().args(["build", "--workspace", "--bins", "--tests"])));
    report.step("cargo test", || {
        let mut tests = cargo();
        tests.args(["test", "--workspace", "--no-fail-fast"]);
        tools.give_to(&mut tests);
        // They need a deployed stack: `cargo xtask cloud` runs them.
        tests.args(["--", "--skip", "deployed::"]).args(filter);
        if filter.is_none() {
            // Steps of their own count their cases and stories.
            let counted = fuzz::COUNTED.iter().chain([&engines::COUNTED]);
            tests.args(counted.flat_map(|name| ["--skip", name]));
        }
        count_tests(&mut tests)
    });
}

fn template(report: &mut Report, python: Option<&Installed<Python>>) {
    let mut check_with = |name: &str, command: fn(&Python) -> Command| match python {
        None => report.left_out(name, "--without python"),
        Some(python) => {
            report.step(name, || match python {
                Ok(python) => check(&mut command(python)),
                Err(_) => Outcome::CouldNotRun { how: "needs the Python tools above".to_owned() },
            });
        }
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
