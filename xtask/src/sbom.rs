//! The SBOM: all crates of the workspace in the JSON of `CycloneDX`, from Cargo's own metadata and lock file.

use std::{collections::HashMap, fs};

use serde_json::{Value, json};

use crate::{report::Outcome, tools::cargo};

const LOCK: &str = "Cargo.lock";
const SBOM: &str = "target/sbom.json";

/// Writes [`SBOM`]; counts its components.
pub(crate) fn write() -> Outcome {
    match metadata().and_then(|metadata| write_of(&metadata)) {
        Ok(count) => {
            println!("{SBOM}: {count} components");
            Outcome::Ran { passed: count, failed: 0 }
        }
        Err(error) => Outcome::failed(&error),
    }
}

fn metadata() -> Result<Value, String> {
    let mut metadata = cargo();
    metadata.args(["metadata", "--format-version=1", "--locked", "--color=never"]);
    let output = metadata.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("`cargo metadata` failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}

fn write_of(metadata: &Value) -> Result<usize, String> {
    let lock = fs::read_to_string(LOCK).map_err(|error| format!("{LOCK}: {error}"))?;
    let sbom = document(metadata, &checksums(&lock));
    let count = sbom["components"].as_array().map_or(0, Vec::len);
    if count == 0 {
        return Err("`cargo metadata` names no crate".to_owned());
    }
    let text = format!("{sbom:#}\n");
    fs::write(SBOM, text).map_err(|error| format!("{SBOM}: {error}"))?;
    Ok(count)
}

/// The document: a component for each crate that is not a member of the workspace, and who depends on whom.
fn document(metadata: &Value, checksums: &HashMap<(String, String), String>) -> Value {
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    let purl = |package: &Value| format!("pkg:cargo/{}@{}", text(package, "name"), text(package, "version"));
    let purls: HashMap<_, _> = packages.iter().map(|package| (text(package, "id"), purl(package))).collect();
    let component = |package: &Value| {
        let [name, version] = ["name", "version"].map(|field| text(package, field));
        let mut component = json!({
            "type": "library", "bom-ref": purl(package), "purl": purl(package), "name": name, "version": version,
        });
        if let Some(license) = package["license"].as_str() {
            // An older form of `OR`.
            component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
        }
        if let Some(checksum) = checksums.get(&(name, version)) {
            component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
        }
        component
    };
    let components: Vec<_> = packages.iter().filter(|package| !package["source"].is_null()).map(component).collect();
    let nodes = metadata["resolve"]["nodes"].as_array().cloned().unwrap_or_default();
    let dependency = |node: &Value| {
        let on = node["dependencies"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let on: Vec<_> = on.filter_map(|id| purls.get(id)).collect();
        json!({ "ref": purls.get(&text(node, "id")), "dependsOn": on })
    };
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": { "type": "application", "bom-ref": "switchboard", "name": "switchboard" } },
        "components": components,
        "dependencies": nodes.iter().map(dependency).collect::<Vec<_>>(),
    })
}

fn text(of: &Value, field: &str) -> String {
    of[field].as_str().unwrap_or_default().to_owned()
}

/// The SHA-256 of each crate in the lock file, by name and version.
fn checksums(lock: &str) -> HashMap<(String, String), String> {
    let value = |block: &str, field: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(" = "))?;
        Some(line.trim_matches('"').to_owned())
    };
    let crate_in = |block: &str| Some(((value(block, "name")?, value(block, "version")?), value(block, "checksum")?));
    lock.split("[[package]]").filter_map(crate_in).collect()
}

#[cfg(test)]
mod tests {
    use super::{checksums, document};
    use serde_json::json;

    #[test]
    fn a_crate_is_a_component_with_its_licence_and_checksum() {
        let lock = "version = 4\n\n[[package]]\nname = \"ulid\"\nversion = \"3.0.0\"\nsource = \"registry+x\"\n\
            checksum = \"ab12\"\n\n[[package]]\nname = \"shared\"\nversion = \"0.1.0\"\n";
        let checksums = checksums(lock);
        assert_eq!(checksums.len(), 1);
        let metadata = json!({
            "packages": [
                { "id": "u", "name": "ulid", "version": "3.0.0", "source": "registry+x", "license": "MIT/Apache-2.0" },
                { "id": "s", "name": "shared", "version": "0.1.0", "source": null, "license": "MIT" },
            ],
            "resolve": { "nodes": [{ "id": "s", "dependencies": ["u"] }, { "id": "u", "dependencies": [] }] },
        });
        let sbom = document(&metadata, &checksums);
        let ulid = json!({
            "type": "library", "bom-ref": "pkg:cargo/ulid@3.0.0", "purl": "pkg:cargo/ulid@3.0.0", "name": "ulid",
            "version": "3.0.0", "licenses": [{ "expression": "MIT OR Apache-2.0" }],
            "hashes": [{ "alg": "SHA-256", "content": "ab12" }],
        });
        assert_eq!(sbom["components"], json!([ulid]));
        assert_eq!(sbom["dependencies"][0]["dependsOn"], json!(["pkg:cargo/ulid@3.0.0"]));
    }
}
