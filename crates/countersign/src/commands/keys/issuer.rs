//! `countersign keys issuer`.

use std::path::PathBuf;
use std::sync::Arc;

use kernel::{Clock as _, Result};
use runtime::{OsEntropy, SystemClock};
use sea_orm::DatabaseConnection;
use token_issuer::rotation::{IssuerKey, IssuerKeys, KeyPurpose, PREPARATION, Stated};

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
                KeyPurpose::Elevated | KeyPurpose::LegacyMfa => {
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
            let stated = stated(statement, root)?;
            let work = keys.activate(&key, &settings.own.issuer, stated.as_ref(), now);
            written(&database, "key.activate", format!("keys/{key}"), now, work).await?;
            output::line(&format!("{key} signs; processes that run take it up within seconds"));
        }
        IssuerAction::Retire { at, key } => {
            let Open { keys, database, .. } = open(&at, false).await?;
            let work = keys.retire(&key, now);
            written(&database, "key.retire", format!("keys/{key}"), now, work).await?;
            output::line(&format!("{key} is retired and erased"));
        }
        IssuerAction::Revoke { at, key } => {
            let Open { keys, database, .. } = open(&at, false).await?;
            let work = keys.revoke(&key, now);
            written(&database, "key.revoke", format!("keys/{key}"), now, work).await?;
            output::line(&format!("{key} is revoked and erased; what it signed is refused within seconds"));
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

/// The statement and the root, from their files.
fn stated(statement: Option<PathBuf>, root: Option<PathBuf>) -> Result<Option<Stated>> {
    let Some((statement, root)) = statement.zip(root) else { return Ok(None) };
    let root = statement_file::root("root", &root)?;
    Ok(Some(Stated { statement: statement_file::statement(&statement)?, root }))
}
