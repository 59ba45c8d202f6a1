//! Debian's packages, for programs that are installed nowhere else.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use super::command::succeeds;

/// Installs packages with `apt-get`. `false` without root's rights, on another system, or if it fails.
pub(crate) fn install(packages: &[&str]) -> bool {
    if !is_root() || !is_here() {
        return false;
    }
    println!("installing {} with apt-get", packages.join(", "));
    let quiet = [("DEBIAN_FRONTEND", "noninteractive")];
    let install = ["install", "-qq", "--yes", "--no-install-recommends"];
    update() && succeeds(Command::new("apt-get").args(install).args(packages).envs(quiet))
}

/// Unpacks a package into a folder without installing it: its scripts do not run, and it needs no rights. `false` on
/// another system, or if it fails.
pub(crate) fn unpack(package: &str, folder: &Path) -> bool {
    if !is_here() || fs::create_dir_all(folder).is_err() {
        return false;
    }
    println!("unpacking Debian's {package} into {}", folder.display());
    // Only root may renew the lists; others have those of the last time.
    if is_root() && !update() {
        return false;
    }
    // As root, apt-get warns that it cannot become another user in this folder.
    let mut download = Command::new("apt-get");
    download.args(["-qq", "download", package]).current_dir(folder).stderr(Stdio::null());
    let is_package = |path: &Path| path.extension().is_some_and(|extension| extension == "deb");
    let downloaded = || fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).find(|path| is_package(path));
    succeeds(&mut download)
        && downloaded().is_some_and(|file| succeeds(Command::new("dpkg").arg("-x").args([&*file, folder])))
}

fn update() -> bool {
    succeeds(Command::new("apt-get").args(["update", "-qq"]).env("DEBIAN_FRONTEND", "noninteractive"))
}

fn is_here() -> bool {
    succeeds(Command::new("apt-get").arg("--version").stderr(Stdio::null()))
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}
