//! The vectors of the digest are recomputed in two more languages, which notice every one that is wrong.

use std::path::Path;

use serde_json::{Value, json};

use super::{Language, clone};
use crate::support::tools::{run, run_well};

const VECTORS: &str = "docs/vectors/operation-digest.json";

fn vectors() -> Value {
    serde_json::from_str(&std::fs::read_to_string(clone().join(VECTORS)).unwrap()).unwrap()
}

fn checker(language: Language, vectors: Option<&Path>) -> std::process::Command {
    let mut command = language.checker("check_operation_digest");
    command.args(vectors);
    command
}

#[test]
fn case_29_python_and_javascript_recompute_every_vector() {
    let count = vectors()["vectors"].as_array().unwrap().len();
    let right = format!("{count} vectors of 5 kinds are right\n");
    for language in Language::ALL {
        assert_eq!(run_well(checker(language, None)), right, "{language:?}");
    }
}

/// Every text and number of an operation, by the path to it.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                leaves(value, &format!("{path}/{name}"), found);
            }
        }
        _ => found.push(path.to_owned()),
    }
}

/// Another value in the place of this one, of the same form.
fn another(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_u64().unwrap() ^ 1),
        Value::String(text) => match text.as_str() {
            "totp" => json!("passkey"),
            "passkey" => json!("recovery_code"),
            "recovery_code" => json!("totp"),
            "wallet.create" => json!("credential.link"),
            "sign.message" => json!("wallet.export"),
            "wallet.export" | "credential.link" | "credential.unlink" => json!("sign.message"),
            "ed25519" => json!("secp256k1"),
            _ => {
                let digit = text.chars().next().unwrap();
                let other = if digit == '1' { '2' } else { '1' };
                json!(format!("{other}{}", &text[1..]))
            }
        },
        other => panic!("{other} in a vector"),
    }
}

/// Every vector with one thing of it changed, named by what that is.
fn altered(vectors: &[Value]) -> Vec<Value> {
    let mut altered = Vec::new();
    for (number, vector) in vectors.iter().enumerate() {
        let mut paths = Vec::new();
        leaves(vector, "", &mut paths);
        // Whole members of an operation that go, with all that is in them.
        for name in vector["operation"].as_object().unwrap().keys() {
            let mut other = vector.clone();
            other["operation"].as_object_mut().unwrap().remove(name);
            other["description"] = json!(format!("vector {number} without {name}."));
            altered.push(other);
        }
        for path in paths.into_iter().filter(|path| path != "/description") {
            let mut other = vector.clone();
            let value = other.pointer_mut(&path).unwrap();
            *value = another(value);
            other["description"] = json!(format!("vector {number} with another {path}."));
            altered.push(other);
        }
    }
    altered
}

#[test]
fn case_29_python_and_javascript_notice_every_vector_that_was_altered() {
    let mut document = vectors();
    let mut all = document["vectors"].as_array().unwrap().clone();
    let altered = altered(&all);
    assert!(altered.len() > 300, "{}", altered.len());
    // Those that are right are there too, so that what is complained of are the others.
    let right: Vec<String> =
        all.iter().map(|vector| vector["description"].as_str().unwrap().to_owned()).collect();
    all.extend(altered.iter().cloned());
    document["vectors"] = Value::Array(all);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("altered.json");
    std::fs::write(&file, document.to_string()).unwrap();
    for language in Language::ALL {
        let output = run(checker(language, Some(&file)));
        assert_eq!(output.status.code(), Some(1), "{language:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        for vector in &altered {
            let description = vector["description"].as_str().unwrap();
            let noticed = told.lines().any(|line| line.starts_with(&format!("{description}: ")));
            assert!(noticed, "{language:?} let pass: {description}\n{told}");
        }
        for description in &right {
            let noticed = told.lines().any(|line| line.starts_with(&format!("{description}: ")));
            assert!(!noticed, "{language:?} refused a right one: {description}");
        }
    }
}
