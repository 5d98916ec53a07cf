//! Events of factors and what an administrator sees of a user, in the protocol's types.

use kernel::{FactorKind, Timestamp};
use proto::{convert, mfa_devices as pb, names};

use crate::administration::UserFactors;
use crate::devices::Shown;
use crate::domain::{Happening, Outgoing, Owner, Throttle};

/// An event.
pub(super) fn event(outgoing: &Outgoing) -> pb::FactorEvent {
    let Outgoing { sequence, owner, event } = outgoing;
    let device = event.device.map(|device| names::device(owner.environment, owner.user, device));
    pb::FactorEvent {
        sequence: *sequence,
        user: names::user(owner.environment, owner.user),
        r#type: what(event.what).into(),
        device: device.unwrap_or_default(),
        kind: event.kind.map(convert::factor_kind_value).unwrap_or_default().into(),
        time: Some(convert::timestamp(event.at)),
        remaining_codes: event.remaining,
    }
}

const fn what(what: Happening) -> pb::FactorEventType {
    match what {
        Happening::FactorAdded => pb::FactorEventType::FactorAdded,
        Happening::FactorRemoved => pb::FactorEventType::FactorRemoved,
        Happening::FactorRenamed => pb::FactorEventType::FactorRenamed,
        Happening::DefaultChanged => pb::FactorEventType::DefaultChanged,
        Happening::RecoveryCodesMade => pb::FactorEventType::RecoveryCodesMade,
        Happening::RecoveryCodesShown => pb::FactorEventType::RecoveryCodesShown,
        Happening::RecoveryCodeUsed => pb::FactorEventType::RecoveryCodeUsed,
        Happening::UserReset => pb::FactorEventType::UserReset,
        Happening::ThrottleCleared => pb::FactorEventType::ThrottleCleared,
        Happening::PasskeyCloneSuspected => pb::FactorEventType::PasskeyCloneSuspected,
    }
}

/// How far a throttle is.
pub(super) fn throttle(kind: FactorKind, throttle: Throttle, now: Timestamp) -> pb::FactorThrottle {
    pb::FactorThrottle {
        kind: convert::factor_kind_value(kind).into(),
        failures: throttle.streak,
        tries_left: throttle.left(now),
        retry_time: throttle.take(now).err().map(|wait| convert::timestamp(now.plus(wait))),
    }
}

/// All that is known of a user.
pub(super) fn user_factors(owner: Owner, found: &UserFactors, now: Timestamp) -> pb::GetUserFactorsResponse {
    let holdings = &found.holdings;
    let device = |device| super::convert::device(owner, &Shown::new(device, holdings));
    pb::GetUserFactorsResponse {
        devices: holdings.factors().into_iter().map(device).collect(),
        recovery_code_set: found.recovery.as_ref().map(|set| super::recovery::set(owner, set)),
        ever_verified: holdings.ever_verified || holdings.has_factor(),
        throttles: found.throttles.iter().map(|(kind, found)| throttle(*kind, *found, now)).collect(),
    }
}
