//! `countersign keys statement`.

use std::path::Path;
use std::time::Duration;

use jose::{
    Algorithm, KeySet, KeyStatement, MAX_JWKS_BYTES, peek_statement, sign_statement, verify_statement,
};
use kernel::{Clock as _, Error, Result, Timestamp};
use runtime::SystemClock;
use storage::witness;

use crate::cli::StatementAction;
use crate::key_files::operator_root;
use crate::{files, output, statement_file};

/// From how long ago on a statement holds, because clocks differ.
const BEFORE: Duration = Duration::from_secs(5 * 60);

pub(super) fn run(action: &StatementAction) -> Result<()> {
    let now = SystemClock.now();
    match action {
        StatementAction::New { root, issuer, keys, sequence, valid_days, out } => {
            let valid = Duration::from_secs(u64::from(*valid_days) * 86_400);
            let statement = KeyStatement {
                sequence: *sequence,
                issuer: issuer.clone(),
                not_before: now.minus(BEFORE).seconds(),
                not_after: now.plus(valid).seconds(),
                keys: key_set(keys)?,
            };
            // What a verifier could not remember it would not accept.
            witness::check_value(*sequence)
                .map_err(|_| Error::invalid("sequence", format!("must be 1 to {}", witness::MAX_VALUE)))?;
            check_newer(out, *sequence)?;
            let signed = sign_statement(&statement, &operator_root(root)?)
                .map_err(|error| Error::invalid("statement", error.to_string()))?;
            files::replace_public(out, format!("{signed}\n").as_bytes())?;
            output::line(&format!("{}:\n{}", out.display(), describe(&statement)));
        }
        StatementAction::Show { file, root } => show(file, root.as_deref(), now)?,
    }
    Ok(())
}

fn key_set(path: &Path) -> Result<KeySet> {
    let refused = |what: String| Error::invalid(path.display().to_string(), what);
    let text = files::read_public(path, MAX_JWKS_BYTES as u64)?;
    let keys =
        KeySet::from_jwks_json(text.trim(), &Algorithm::ALL).map_err(|error| refused(error.to_string()))?;
    // What cannot be used is passed over in a set that somebody else publishes. Here it is a mistake.
    let all: serde_json::Value = serde_json::from_str(&text).map_err(|error| refused(error.to_string()))?;
    let listed = all.get("keys").and_then(serde_json::Value::as_array).map_or(0, Vec::len);
    if listed != keys.len() {
        return Err(refused("has a key that is not for verifying receipts".to_owned()));
    }
    Ok(keys)
}

/// Refuses to put an older statement in the place of a newer one, or two with one number.
fn check_newer(out: &Path, sequence: u64) -> Result<()> {
    if !out.exists() {
        return Ok(());
    }
    let earlier = read(out)?.sequence;
    if earlier < sequence {
        return Ok(());
    }
    Err(Error::invalid(
        "sequence",
        format!("{} has {earlier}; a newer statement has a higher number", out.display()),
    ))
}

fn read(path: &Path) -> Result<KeyStatement> {
    peek_statement(&statement_file::statement(path)?)
        .map_err(|error| Error::invalid(path.display().to_string(), error.to_string()))
}

fn show(path: &Path, root: Option<&Path>, now: Timestamp) -> Result<()> {
    let statement = read(path)?;
    output::line(&describe(&statement));
    match root {
        Some(root) => {
            let (text, key) = (statement_file::statement(path)?, statement_file::root("root", root)?);
            verify_statement(&text, &key, &statement.issuer, 0, now)
                .map_err(|error| Error::invalid(path.display().to_string(), error.to_string()))?;
            output::line(&format!("signed by the root in {}, and holds now", root.display()));
        }
        None => output::note("the signature was not checked; say --root FILE, the root's public key"),
    }
    Ok(())
}

fn describe(statement: &KeyStatement) -> String {
    let keys = statement.keys.iter().map(|key| format!("  {}\t{}", key.key_id(), key.algorithm()));
    format!(
        "sequence {}\nissuer {}\nholds from {} until {}\nkeys of receipts\n{}",
        statement.sequence,
        statement.issuer,
        Timestamp::from_seconds(statement.not_before),
        Timestamp::from_seconds(statement.not_after),
        keys.collect::<Vec<_>>().join("\n")
    )
}
