//! The commands on a deployed stack, against an emulator of CloudFormation, S3 and Secrets Manager by other authors.
//!
//! The stack's REST API is a Switchboard of this process, whose token secret the stack holds. `MINISTACK` names the
//! emulator; without it these tests do nothing.

mod cloud;
mod init;
mod provider;
mod refusals;
mod remote;

use std::{collections::BTreeSet, fs};

use yaml_serde::Value;

use self::cloud::Outputs;

/// The emulated stacks have the outputs that the template gives a real one.
#[test]
fn the_stacks_of_these_tests_have_the_outputs_of_the_template() {
    let template = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml")).unwrap();
    let template: Value = yaml_serde::from_str(&template).unwrap();
    let named = |part: &str| -> BTreeSet<String> {
        template[part].as_mapping().unwrap().keys().map(|key| key.as_str().unwrap().to_owned()).collect()
    };
    let (outputs, parameters) = (named("Outputs"), named("Parameters"));
    for output in Outputs::NAMES {
        assert!(outputs.contains(output), "{output}");
    }
    for parameter in cloud::PARAMETERS {
        assert!(parameters.contains(parameter), "{parameter}");
    }
}
