//! The database: there, writable, up to date, ours, and not older than its witness.

use std::time::Instant;

use kernel::{Clock, Error, Result, Timestamp};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use storage::mark::{self, Mark};
use storage::{Witness, sql};

use super::report::Report;
use crate::settings::{RoleSettings, Settings};

/// How far the clocks may differ without a word, in milliseconds.
const CLOSE_MS: i64 = 1_000;

/// How far they may differ before receipts and tokens are refused, in milliseconds.
const FAR_MS: i64 = 5_000;

pub(super) async fn examine<R: RoleSettings>(
    settings: &Settings<R>,
    witness: Option<&dyn Witness>,
    clock: &dyn Clock,
    report: &mut Report,
) {
    let database = match settings.open_database().await {
        Ok(database) => database,
        Err(error) => return report.refused("database", &error),
    };
    match version(&database).await {
        Ok(version) => report.ok("database", format!("answers and takes writes: {version}")),
        Err(error) => report.refused("database", &error),
    }
    clocks(&database, clock, report).await;
    match sql::check_schema::<R::Migrator>(&database).await {
        Ok(()) => report.ok("schema", "is up to date"),
        Err(error) => return report.refused("schema", &error),
    }
    match mark::read(&database).await {
        Ok(Some(mark)) => whose(settings, witness, &database, &mark, report).await,
        Ok(None) => report.ok("mark", "is not there yet; the first start writes it"),
        Err(error) => report.refused("mark", &error),
    }
}

async fn whose<R: RoleSettings>(
    settings: &Settings<R>,
    witness: Option<&dyn Witness>,
    database: &DatabaseConnection,
    mark: &Mark,
    report: &mut Report,
) {
    match settings.owner() {
        Ok(owner) if owner == mark.owner => {
            report.ok("mark", format!("says that it is of {owner}, epoch {}", mark.epoch));
        }
        Ok(owner) => {
            let what = format!("says that it is of {}, and this is {owner}", mark.owner);
            return report.wrong("mark", what, "give each role a database of its own");
        }
        Err(error) => return report.refused("mark", &error),
    }
    let Some(witness) = witness else { return };
    match older(witness, database, mark).await {
        Ok(text) => report.ok("witness", text),
        Err(error) => report.refused("witness", &error),
    }
}

/// Whether the database has come as far as its witness says. The witness is asked first: the database only grows.
async fn older(witness: &dyn Witness, database: &DatabaseConnection, mark: &Mark) -> Result<String> {
    let witnessed = witness.read(&mark.owner.witness_name()).await?;
    let now = mark::read(database).await?.map_or(0, |mark| mark.counter);
    match witnessed {
        Some(witnessed) if witnessed > now => Err(Error::invalid(
            "database",
            format!(
                "is at {now} and its witness saw {witnessed}: it was put back from a copy. Where that is meant, \
                 `countersign restore acknowledge`"
            ),
        )),
        Some(witnessed) => Ok(format!("saw {witnessed}, and the database is at {now}")),
        None if now == 0 => Ok("does not know the database, which was never served".to_owned()),
        None => Err(Error::invalid(
            "database",
            format!(
                "is at {now} and its witness does not know it; name the right witness, or, where it was lost, \
                 `countersign restore acknowledge`"
            ),
        )),
    }
}

async fn version(database: &DatabaseConnection) -> Result<String> {
    match database.get_database_backend() {
        DbBackend::Postgres => {
            text(database, "SELECT 'PostgreSQL ' || current_setting('server_version')").await
        }
        _ => text(database, "SELECT 'SQLite ' || sqlite_version()").await,
    }
}

async fn text(database: &DatabaseConnection, query: &str) -> Result<String> {
    let asked = Statement::from_string(database.get_database_backend(), query);
    let row = database.query_one_raw(asked).await.map_err(sql::unavailable)?;
    let row = row.ok_or_else(|| Error::store_unavailable("the statement answered nothing"))?;
    row.try_get_by_index(0).map_err(sql::unavailable)
}

/// SQLite has no clock of its own.
async fn clocks(database: &DatabaseConnection, clock: &dyn Clock, report: &mut Report) {
    if database.get_database_backend() != DbBackend::Postgres {
        return;
    }
    let theirs = async {
        let query = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint::text";
        text(database, query).await?.parse::<i64>().map_err(Error::internal)
    };
    match difference(clock, async { Ok(Timestamp::from_millis(theirs.await?)) }).await {
        Ok(ahead) => say_clocks("database", ahead, report),
        Err(error) => report.refused("clock of the database", &error),
    }
}

/// By how many milliseconds a clock elsewhere is ahead of ours, as well as can be told.
#[expect(clippy::disallowed_methods, reason = "measures how long the answer took")]
async fn difference(clock: &dyn Clock, asked: impl Future<Output = Result<Timestamp>>) -> Result<i64> {
    let (before, started) = (clock.now(), Instant::now());
    let theirs = asked.await?;
    // Their clock was read about half way.
    let half = i64::try_from(started.elapsed().as_millis() / 2).unwrap_or(i64::MAX);
    Ok(theirs.millis() - before.millis() - half)
}

fn say_clocks(whose: &str, ahead: i64, report: &mut Report) {
    let thing = format!("clock of the {whose}");
    let what = match ahead {
        0.. => format!("is {ahead} ms ahead of this machine's"),
        _ => format!("is {} ms behind this machine's", -ahead),
    };
    if ahead.abs() <= CLOSE_MS {
        report.ok(&thing, what);
    } else if ahead.abs() <= FAR_MS {
        report.warn(&thing, what, "keep all clocks by NTP");
    } else {
        report.wrong(&thing, what, "set the one that is wrong; more than 5 s make tokens and receipts fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_far_off_is_wrong_in_both_directions() {
        for (ahead, verdict) in [
            (0, "ok"),
            (-1000, "ok"),
            (1001, "warn"),
            (-5000, "warn"),
            (5001, "wrong"),
            (-3_600_000, "wrong"),
        ] {
            let mut report = Report::default();
            say_clocks("database", ahead, &mut report);
            assert!(report.texts()[0].starts_with(verdict), "{ahead}: {:?}", report.texts());
        }
    }
}
