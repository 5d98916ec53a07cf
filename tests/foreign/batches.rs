//! The vectors of batches are recomputed in another language, which notices every one that is wrong.

use serde_json::{Value, json};

use super::{Language, clone};
use crate::support::tools::{program, run, run_well};

fn checker() -> std::process::Command {
    let mut command = program(Language::Python.interpreter());
    // Nothing is left beside the script.
    command.arg("-B").arg(clone().join("docs/vectors/check_batch.py"));
    command
}

fn vectors() -> Value {
    serde_json::from_str(&std::fs::read_to_string(clone().join("docs/vectors/batch.json")).unwrap()).unwrap()
}

#[test]
fn another_language_agrees_on_every_batch() {
    let (batches, refused) =
        ["batches", "refused"].map(|list| vectors()[list].as_array().unwrap().len()).into();
    assert_eq!(run_well(checker()), format!("{batches} batches and {refused} refusals are right\n"));
}

#[test]
fn a_vector_that_is_wrong_is_noticed() {
    let other = json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let changes: [(&str, Value); 5] = [
        ("/batches/3/root", other.clone()),
        ("/batches/3/digests/1", other.clone()),
        ("/batches/3/leaves/0/path/1", other),
        ("/batches/3/leaves/1/index", json!(2)),
        // What is held after all is no refusal.
        ("/refused/0/digest", vectors()["batches"][3]["digests"][0].clone()),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (number, (place, value)) in changes.into_iter().enumerate() {
        let mut altered = vectors();
        *altered.pointer_mut(place).unwrap() = value;
        let file = folder.path().join(format!("{number}.json"));
        std::fs::write(&file, altered.to_string()).unwrap();
        let mut command = checker();
        command.arg(&file);
        let output = run(command);
        assert!(!output.status.success(), "{place}");
    }
}
