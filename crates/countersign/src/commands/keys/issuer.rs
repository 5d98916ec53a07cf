//! `countersign keys issuer`.

use std::path::Path;
use std::sync::Arc;

use kernel::{Clock as _, Error, Result};
use runtime::{OsEntropy, SystemClock};
use sea_orm::DatabaseConnection;
use token_issuer::rotation::{IssuerKey, IssuerKeys, KeyPurpose, KeyState, PREPARATION};

use super::sealed::Sealed;
use crate::cli::{IssuerAction, IssuerOptions};
use crate::commands::written::written;
use crate::settings::{Settings, TokenIssuerSettings};
use crate::{output, statement_file};

pub(super) async fn run(action: IssuerAction) -> Result<()> {
    let now = SystemClock.now();
    match action {
        IssuerAction::List { at, jwks } => {
            let Open { keys, .. } = open(&at, false).await?;
            if jwks {
                output::line(&keys.receipt_keys().await?.to_jwks_json());
                return Ok(());
            }
            let keys = keys.list().await?;
            if keys.is_empty() {
                output::line(
                    "there are no keys yet; token-issuer makes the first ones when it is started, or `prepare` does",
                );
            }
            for key in keys {
                output::line(&line(&key));
            }
        }
        IssuerAction::Prepare { at, purpose, algorithm } => {
            let Open { settings, keys, database } = open(&at, true).await?;
            let algorithm = algorithm.unwrap_or_else(|| settings.own.algorithm.into());
            let work = keys.prepare(purpose, algorithm, now);
            let key = written(&database, "key.prepare", format!("purposes/{purpose}"), now, work).await?;
            output::line(key.as_str());
            output::note(&match purpose {
                KeyPurpose::Elevated => {
                    format!("the key is published; activate it from {} s on", PREPARATION.as_secs())
                }
                KeyPurpose::Receipt => {
                    "the key is published; sign a statement with it, and activate it when every verifier \
                                        has the statement"
                        .to_owned()
                }
            });
        }
        IssuerAction::Activate { at, key, statement, root } => {
            let Open { settings, keys, database } = open(&at, false).await?;
            let found = keys.list().await?.into_iter().find(|found| found.id == key);
            let found =
                found.ok_or_else(|| Error::invalid("key", format!("there is no key {key}; list them")))?;
            if found.purpose == KeyPurpose::Receipt {
                check_stated(&found, &settings.own.issuer, statement.as_deref().zip(root.as_deref()))?;
            }
            let work = keys.activate(&key, now);
            written(&database, "key.activate", format!("keys/{key}"), now, work).await?;
            output::line(&format!("{key} signs; processes that run take it up within seconds"));
        }
        IssuerAction::Retire { at, key, at_once } => {
            let Open { keys, database, .. } = open(&at, false).await?;
            let kind = if at_once { "key.retire_at_once" } else { "key.retire" };
            let work = keys.retire(&key, at_once, now);
            written(&database, kind, format!("keys/{key}"), now, work).await?;
            output::line(&format!("{key} is retired and erased"));
        }
    }
    Ok(())
}

/// What the commands work on.
struct Open {
    settings: Settings<TokenIssuerSettings>,
    keys: IssuerKeys,
    database: DatabaseConnection,
}

/// `begins` is whether it may come before the first start of the issuer.
async fn open(at: &IssuerOptions, begins: bool) -> Result<Open> {
    let settings = Settings::<TokenIssuerSettings>::load(at.config.as_deref())?;
    let sealed = if begins { Sealed::begin(&settings).await? } else { Sealed::open(&settings).await? };
    let sealer = Arc::new(sealed.keys.sealer(Arc::new(OsEntropy::new()))?);
    let keys = IssuerKeys::new(sealed.database.clone(), sealer);
    Ok(Open { settings, keys, database: sealed.database })
}

fn line(key: &IssuerKey) -> String {
    format!("{}\t{}\t{}\t{} since {}", key.id, key.purpose, key.algorithm, key.life.state, key.life.since)
}

/// Refuses to let a key sign receipts that verifiers would refuse.
fn check_stated(key: &IssuerKey, issuer: &str, stated: Option<(&Path, &Path)>) -> Result<()> {
    if key.life.state == KeyState::Retired {
        // Refused further on, with the better reason.
        return Ok(());
    }
    let Some((path, root)) = stated else {
        return Err(Error::invalid(
            "statement",
            "is not named: a key signs receipts only when every verifier has a statement with it. Say --statement FILE, \
             the one they have, and --root FILE, the root's public key",
        ));
    };
    let root = statement_file::root("root", root)?;
    let text = statement_file::statement(path)?;
    let refused = |what: String| Error::invalid("statement", format!("{}: {what}", path.display()));
    let found = jose::verify_statement(&text, &root, issuer, 0, SystemClock.now())
        .map_err(|error| refused(error.to_string()))?;
    if found.keys.get(&key.id) == key.public.as_ref() {
        return Ok(());
    }
    Err(refused(format!("does not state the key {}", key.id)))
}
