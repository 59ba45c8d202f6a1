//! Debian's packages, for programs that are installed nowhere else.

use std::process::{Command, Stdio};

use super::command::succeeds;

/// Installs packages with `apt-get`. `false` without root's rights, on another system, or if it fails.
pub(crate) fn install(packages: &[&str]) -> bool {
    if !is_root() || !succeeds(Command::new("apt-get").arg("--version").stderr(Stdio::null())) {
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
