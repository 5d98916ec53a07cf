//! Second factors in words.

use data_encoding::BASE64URL_NOPAD;
use proto::convert;
use proto::mfa_devices::{
    Device, DeviceState, FactorEvent, FactorThrottle, PasskeyDetails, RecoveryCodeSet, device,
};
use proto::types::FactorKind;

/// When, or that it never was.
fn time(value: Option<prost_types::Timestamp>) -> String {
    match convert::time("time", value) {
        Ok(time) => time.to_string(),
        Err(_) => "never".to_owned(),
    }
}

fn kind(kind: FactorKind) -> &'static str {
    match kind {
        FactorKind::Unspecified => "factor of an unknown kind",
        FactorKind::Totp => "authenticator app",
        FactorKind::Passkey => "passkey",
        FactorKind::RecoveryCode => "recovery codes",
    }
}

/// A device: its name, and what is known of it.
pub(crate) fn device(found: &Device) -> String {
    let mut first = kind(found.kind()).to_owned();
    if !found.display_name.is_empty() {
        first.push_str(&format!(" {:?}", found.display_name));
    }
    first.push_str(match found.state() {
        DeviceState::Verified if found.is_default => ", offered first",
        DeviceState::Verified => "",
        DeviceState::Pending => ", pending: not a factor before its first code",
        DeviceState::Unspecified => ", in an unknown state",
    });
    let mut lines = vec![
        found.name.clone(),
        first,
        format!("registered {}, last used {}", time(found.create_time), time(found.last_use_time)),
    ];
    lines.extend(match &found.details {
        Some(device::Details::Totp(totp)) => {
            Some(format!("{} digits every {} s by {}", totp.digits, totp.period_seconds, totp.algorithm))
        }
        Some(device::Details::Passkey(details)) => Some(passkey(details)),
        None => None,
    });
    lines.join("\n  ")
}

fn passkey(details: &PasskeyDetails) -> String {
    let backup = match (details.backup_eligible, details.backup_state) {
        (false, _) => "never leaves its authenticator",
        (true, false) => "may be backed up, is not",
        (true, true) => "backed up",
    };
    let reached =
        if details.transports.is_empty() { "unknown".to_owned() } else { details.transports.join(", ") };
    format!(
        "for {}, {backup}; transports {reached}; model {}; credential {}",
        details.rp_id,
        details.aaguid,
        BASE64URL_NOPAD.encode(&details.credential_id)
    )
}

/// The state of recovery codes.
pub(crate) fn recovery_codes(set: &RecoveryCodeSet) -> String {
    format!(
        "{} of {} recovery codes left, made {}, last used {}, {}",
        set.remaining_codes,
        set.total_codes,
        time(set.create_time),
        time(set.last_use_time),
        if set.acknowledged { "acknowledged" } else { "not acknowledged" }
    )
}

/// How far a throttle is.
pub(crate) fn throttle(found: &FactorThrottle) -> String {
    let next = match found.retry_time {
        Some(_) => format!("the next code is tested at {}", time(found.retry_time)),
        None => format!("{} more are tested at once", found.tries_left),
    };
    format!("{}: {} wrong codes in a row, {next}", kind(found.kind()), found.failures)
}

/// An event.
pub(crate) fn event(event: &FactorEvent) -> String {
    let name = event.r#type().as_str_name();
    let name = name.strip_prefix("FACTOR_EVENT_TYPE_").unwrap_or(name);
    // A device says whose it is.
    let whose = if event.device.is_empty() { &event.user } else { &event.device };
    format!("{} {} {name} {whose}", event.sequence, time(event.time))
}
