//! A built template: what `sam build` makes, with functions that this machine runs.
//!
//! The template is changed where the emulator would refuse or break it, and only there: alarms with metric math are
//! left out, functions are for x86-64, streaming routes are buffered, and a secret is referred to by its attribute.
//! `tests/deployed/gaps.rs` checks that each of these gaps is still there.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

/// The streaming of routes.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Streams {
    /// As the template says; the emulator answers 500 on these routes.
    Kept,
    Buffered,
}

/// Makes a stream's response a buffered one.
const BUFFERED: &str = "xtask/emulators/buffered.py";
/// The function that streams.
const STREAMING: &str = "chat";

/// Writes `template.yaml` and the code of each function into `folder`.
pub(super) fn build(folder: &Path, template: &str, streams: Streams) -> Result<(), String> {
    let mut text = String::new();
    for block in resources(template).into_iter().filter(|block| !has_metric_math(block)) {
        match function(&block) {
            None => text += &block,
            Some((name, binary)) => {
                code(&folder.join(name), name, binary)?;
                text += &built(&block, name);
            }
        }
    }
    text = text.replace("Architectures: [arm64]", "Architectures: [x86_64]");
    if streams == Streams::Buffered {
        text = text.replace(", ResponseTransferMode: RESPONSE_STREAM", "");
        text = without(&text, &["ResponseTransferMode:"]);
    }
    for name in secrets(template) {
        // On AWS the reference of a secret is its ARN, as this attribute is.
        text = text.replace(&format!("!Ref {name}\n"), &format!("!GetAtt {name}.Id\n"));
        text = text.replace(&format!("!Ref {name},"), &format!("!GetAtt {name}.Id,"));
    }
    let path = folder.join("template.yaml");
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// A function's block after its build: its code is in the folder `name`, and how to build it is not said.
fn built(block: &str, name: &str) -> String {
    let built = without(block, &["Metadata:", "BuildMethod:", "BuildProperties:", "CodeUri:"]);
    built.replacen("    Properties:\n", &format!("    Properties:\n      CodeUri: {name}\n"), 1)
}

/// A text without the lines that begin like this.
fn without(text: &str, starts: &[&str]) -> String {
    let is_kept = |line: &&str| !starts.iter().any(|start| line.trim_start().starts_with(start));
    text.split_inclusive('\n').filter(is_kept).collect()
}

/// The template in blocks: each entry of a section, such as a resource, is one.
fn resources(template: &str) -> Vec<String> {
    let mut blocks = vec![String::new()];
    for line in template.lines() {
        let indent = line.len() - line.trim_start().len();
        if indent <= 2 && !line.trim().is_empty() && !line.trim_start().starts_with('#') {
            blocks.push(String::new());
        }
        if let Some(block) = blocks.last_mut() {
            *block += line;
            *block += "\n";
        }
    }
    blocks
}

/// The names of the template's secrets.
fn secrets(template: &str) -> Vec<String> {
    let is_secret = |block: &String| block.contains("\n    Type: AWS::SecretsManager::Secret\n");
    let name = |block: String| block.lines().next()?.trim().strip_suffix(':').map(str::to_owned);
    resources(template).into_iter().filter(is_secret).filter_map(name).collect()
}

fn has_metric_math(block: &str) -> bool {
    block.contains("Type: AWS::CloudWatch::Alarm\n") && block.contains("\n      Metrics:")
}

/// The name of a function's block, and its binary. Earlier templates name the binary alone.
fn function(block: &str) -> Option<(&str, &str)> {
    let (_, rest) = block.split_once("BuildProperties: {Binary: ")?;
    let (binary, rest) = rest.split_once('}')?;
    let handler = rest.lines().find_map(|line| line.trim().strip_prefix("Handler: "));
    Some((handler.unwrap_or(binary), binary))
}

/// Puts the binary of the function `name` into `folder`, as `bootstrap`. Debug symbols are left out, which would make
/// it three times as large.
fn code(folder: &Path, name: &str, binary: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(failed)?;
    let this = std::env::current_exe().map_err(failed)?;
    let mut file = "bootstrap";
    if name == STREAMING {
        file = "streaming";
        fs::copy(BUFFERED, folder.join("bootstrap")).map_err(failed)?;
        fs::set_permissions(folder.join("bootstrap"), fs::Permissions::from_mode(0o755)).map_err(failed)?;
    }
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(folder.join(file)).arg(this.with_file_name(binary));
    match strip.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("strip {binary}: {status}")),
        Err(error) => Err(format!("strip (Debian: binutils): {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{built, function, has_metric_math, resources, secrets};

    const TEMPLATE: &str = "\
Resources:
  # A function.
  ChatFunction:
    Metadata:
      BuildProperties: {Binary: bundle}
    Properties:
      Handler: chat
      CodeUri: functions/bundle

  Sum:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Metrics:
        - {Id: all}
  Plain:
    Type: AWS::CloudWatch::Alarm
    Properties:
      MetricName: Errors
  Key:
    Type: AWS::SecretsManager::Secret
";

    #[test]
    fn a_template_falls_into_its_resources() {
        let blocks = resources(TEMPLATE);
        assert_eq!(blocks.concat(), TEMPLATE);
        let functions: Vec<_> = blocks.iter().filter_map(|block| function(block)).collect();
        assert_eq!(functions, [("chat", "bundle")]);
        let chat = blocks.iter().find(|block| function(block).is_some()).unwrap();
        let expected = "ChatFunction:\n    Properties:\n      CodeUri: chat\n      Handler: chat\n\n";
        assert!(built(chat, "chat").ends_with(expected));
        assert_eq!(secrets(TEMPLATE), ["Key"]);
        let with_math: Vec<_> = blocks.iter().filter(|block| has_metric_math(block)).collect();
        assert!(matches!(with_math[..], [block] if block.starts_with("  Sum:")), "{with_math:?}");
    }
}
