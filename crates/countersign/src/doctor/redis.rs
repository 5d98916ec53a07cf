//! Redis: what of its servers makes them unfit.

use storage::redis::{Redis, RedisSettings, Severity};

use super::report::Report;
use crate::settings::{RoleSettings, Settings};

pub(super) async fn examine<R: RoleSettings>(settings: &Settings<R>, report: &mut Report) {
    if let Some(redis) = settings.own.redis() {
        look("redis", redis, report).await;
    }
    if let Some(redis) = &settings.shared.witness.redis {
        look("redis of the witness", redis, report).await;
    }
}

async fn look(which: &str, settings: &RedisSettings, report: &mut Report) {
    let findings = match Redis::probe(settings).await {
        Ok(findings) => findings,
        Err(error) => return report.refused(which, &error),
    };
    if findings.is_empty() {
        report.ok(which, "answers, and is fit for use");
    }
    for finding in findings {
        let what = format!("at {} {}", finding.server, finding.what);
        match finding.severity {
            Severity::Advice => report.warn(which, what, &finding.mend),
            Severity::Refused => report.wrong(which, what, &finding.mend),
        }
    }
}
