//! Files: keys, and what the operator signed.

use std::sync::Arc;
use std::time::Duration;

use kernel::{Clock, Timestamp};
use runtime::OsEntropy;

use super::report::Report;
use crate::serve::{Served, Statement};
use crate::settings::Settings;

/// How long before its end a statement is warned about.
const NEAR_END: Duration = Duration::from_secs(14 * 24 * 60 * 60);

pub(super) fn examine<R: Served>(settings: &Settings<R>, report: &mut Report) {
    match settings.shared.admins() {
        Ok(_) => report.ok("admins", format!("are known: {} provider(s)", settings.shared.admins.len())),
        Err(error) => report.refused("admins", &error),
    }
    match settings.own.keys(&settings.shared, &(Arc::new(OsEntropy::new()) as _)) {
        Ok(_) if settings.own.sealing().is_some() => {
            report.ok("key files", "belong to this role, and nobody else can read them");
        }
        Ok(_) => {}
        Err(error) => report.refused("key files", &error),
    }
}

/// The statement, against the highest number that was accepted before.
pub(super) fn statement<R: Served>(
    settings: &Settings<R>,
    seen: u64,
    clock: &dyn Clock,
    report: &mut Report,
) {
    let Some(receipts) = settings.own.receipts() else { return };
    let now = clock.now();
    match settings
        .owner()
        .and_then(|verifier| Statement::new(receipts, verifier))
        .and_then(|statement| statement.look(seen, now))
    {
        Ok(found) => {
            let end = Timestamp::from_seconds(found.not_after);
            let what = format!("number {}, holds until {end}", found.sequence);
            if now.plus(NEAR_END) < end {
                report.ok("receipt statement", what);
            } else {
                report.warn("receipt statement", what, "sign the next one: `countersign keys statement new`");
            }
        }
        Err(error) => report.refused("receipt statement", &error),
    }
}
