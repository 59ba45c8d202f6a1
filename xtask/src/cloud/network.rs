//! The network of a run: AWS's host names lead to this machine, and its certificates are signed for them.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    process::Command,
};

use super::names::REGIONS;

/// The services that are called by SAM, the AWS CLI and the functions.
const SERVICES: [&str; 13] = [
    "apigateway",
    "cloudformation",
    "cloudfront",
    "dynamodb",
    "events",
    "iam",
    "lambda",
    "logs",
    "monitoring",
    "s3",
    "secretsmanager",
    "sns",
    "sts",
];
/// The services that have one host name for all regions.
const GLOBAL: [&str; 3] = ["cloudfront", "iam", "s3"];

/// Buckets by their path: the hosts file cannot have the names of all that will be made.
const AWS_CONFIG: &str = "[default]\ns3 =\n    addressing_style = path\n";

/// Writes the certificate authority, the emulator's certificate, the hosts file and the settings of AWS's programs into
/// `folder`.
pub(super) fn files(folder: &Path) -> Result<(), String> {
    let regional = |name: &str| REGIONS.map(|region| format!("{name}.{region}.amazonaws.com"));
    let global = GLOBAL.map(|name| format!("{name}.amazonaws.com"));
    let hosts: Vec<_> = SERVICES.into_iter().flat_map(regional).chain(global).collect();
    let lines: Vec<_> = hosts.iter().map(|host| format!("127.0.0.1 {host}")).collect();
    let settings = folder.join("home/.aws");
    fs::create_dir_all(&settings).map_err(|error| format!("{}: {error}", settings.display()))?;
    write(&settings.join("config"), AWS_CONFIG)?;
    write(&folder.join("hosts"), &format!("127.0.0.1 localhost\n{}\n", lines.join("\n")))?;

    // A wildcard covers one label.
    // The SDK for Rust, which `switchboard init` uploads with, knows no paths: whoever calls it adds the bucket's host.
    let names: Vec<_> = ["*", "*.s3", "*.execute-api"].into_iter().flat_map(regional).collect();
    let names: Vec<_> = names.iter().chain(&hosts).map(|name| format!("DNS:{name}")).collect();
    let leaf = format!(
        "subjectAltName={}\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n",
        names.join(",")
    );
    write(&folder.join("leaf.conf"), &leaf)?;
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    openssl(
        folder,
        &[
            &["req", "-x509"],
            &key[..],
            &["-days", "3", "-subj", "/CN=cargo xtask cloud", "-addext"],
            &["basicConstraints=critical,CA:TRUE", "-keyout", "ca.key", "-out", "ca.pem"],
        ]
        .concat(),
    )?;
    openssl(folder, &[&["req"], &key[..], &["-subj", "/CN=AWS", "-keyout", "leaf.key", "-out", "leaf.csr"]].concat())?;
    openssl(
        folder,
        &[
            "x509",
            "-req",
            "-in",
            "leaf.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "3",
            "-extfile",
            "leaf.conf",
            "-out",
            "leaf.pem",
        ],
    )
}

/// Starts the loopback interface and puts the hosts file in the place of the system's, for this namespace alone.
pub(super) fn enter(folder: &Path) -> Result<(), String> {
    succeeds(Command::new("ip").args(["link", "set", "lo", "up"]))?;
    succeeds(Command::new("mount").arg("--bind").arg(folder.join("hosts")).arg("/etc/hosts"))
}

/// Makes a host name lead to this machine from now on.
pub(super) fn add_host(folder: &Path, host: &str) -> Result<(), String> {
    let hosts = OpenOptions::new().append(true).open(folder.join("hosts"));
    hosts.and_then(|mut file| writeln!(file, "127.0.0.1 {host}")).map_err(|error| format!("hosts: {error}"))
}

fn openssl(folder: &Path, arguments: &[&str]) -> Result<(), String> {
    succeeds(Command::new("openssl").args(arguments).current_dir(folder))
}

fn succeeds(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
