//! The vectors of batches are recomputed in two more languages, which notice every one that is wrong.

use serde_json::{Value, json};

use super::{Language, clone};
use crate::support::tools::{run, run_well};

const CHECKER: &str = "check_batch";

fn vectors() -> Value {
    serde_json::from_str(&std::fs::read_to_string(clone().join("docs/vectors/batch.json")).unwrap()).unwrap()
}

#[test]
fn python_and_javascript_agree_on_every_batch() {
    let (batches, refused) =
        ["batches", "refused"].map(|list| vectors()[list].as_array().unwrap().len()).into();
    let right = format!("{batches} batches and {refused} refusals are right\n");
    for language in Language::ALL {
        assert_eq!(run_well(language.checker(CHECKER)), right, "{language:?}");
    }
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
        for language in Language::ALL {
            let mut command = language.checker(CHECKER);
            command.arg(&file);
            let output = run(command);
            assert_eq!(output.status.code(), Some(1), "{place} in {language:?}");
            // It says what is wrong, and does not merely break.
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(told.contains(" differences"), "{place} in {language:?}: {told}");
        }
    }
}
