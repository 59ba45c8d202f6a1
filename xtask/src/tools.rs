//! What the tests need besides Rust, installed where it may be: into `.tools/`, and as root on Debian with apt-get.

mod node;
mod python;

use std::process::{Command, Stdio};

pub(crate) use node::{Browser, Node};
pub(crate) use python::Python;

/// Fetches Debian's packages, with root's rights; whether it could.
fn apt_get(packages: &[&str]) -> bool {
    if !is_root() || !succeeds(Command::new("apt-get").arg("--version")) {
        return false;
    }
    println!("installing {} with apt-get", packages.join(", "));
    let quiet = [("DEBIAN_FRONTEND", "noninteractive")];
    let install = ["install", "-qq", "--yes", "--no-install-recommends"];
    succeeds(Command::new("apt-get").args(["update", "-qq"]).envs(quiet))
        && succeeds(Command::new("apt-get").args(install).args(packages).envs(quiet))
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

/// Whether it starts and ends well. What it has to say on its standard output is not asked for.
fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}
