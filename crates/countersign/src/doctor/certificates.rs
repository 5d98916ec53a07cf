//! Certificates: whether they hold, for whom, and how long.

use std::sync::Arc;

use kernel::Clock;
use runtime::tls::{Credentials, NEAR_END};

use super::report::Report;
use crate::settings::{RoleSettings, Settings};

/// Looks at them. Answers who the process is to other services.
pub(super) fn examine<R: RoleSettings>(
    settings: &Settings<R>,
    clock: &Arc<dyn Clock>,
    report: &mut Report,
) -> Option<Arc<Credentials>> {
    let basics = settings.own.basics();
    let setting = |key: &str| format!("{}.{key}", R::ROLE);
    match &basics.public.tls {
        Some(tls) => {
            let loaded = Credentials::public(&setting("public.tls"), tls, clock.clone());
            judge("public certificate", loaded, clock.as_ref(), report);
        }
        None if basics.public.tls_ends_before_us => {
            report.ok("public listener", "is plaintext, because TLS ends before it");
        }
        None => report.warn("public listener", "is plaintext", "for users it has to be TLS"),
    }
    let loaded = Credentials::peer(&setting("tls"), basics.tls, clock.clone());
    judge("certificate", loaded, clock.as_ref(), report)
}

fn judge(
    which: &str,
    loaded: kernel::Result<Arc<Credentials>>,
    clock: &dyn Clock,
    report: &mut Report,
) -> Option<Arc<Credentials>> {
    let credentials = match loaded {
        Ok(credentials) => credentials,
        Err(error) => {
            report.refused(which, &error);
            return None;
        }
    };
    let names = credentials.names().join(", ");
    match credentials.expires() {
        Some(end) if clock.now().plus(NEAR_END) >= end => {
            report.warn(
                which,
                format!("of {names} ends at {end}"),
                "renew it; the process takes the new file by itself",
            );
        }
        Some(end) => report.ok(which, format!("of {names} holds until {end}")),
        None => {}
    }
    Some(credentials)
}
