//! A ceremony as it is kept in Redis. Read strictly: a form that this version does not write is refused.

use kernel::{AttemptId, CeremonyId, DeviceId, Error, OperationId, Result, Timestamp, TokenId};
use serde::{Deserialize, Serialize};
use storage::spending::Spend;
use uuid::Uuid;

use crate::domain::{Ceremony, CeremonyKind, CeremonyState, DisplayName, Owner};

/// The form, before everything else. Another one is another number.
const FORM: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Packed<'a> {
    form: u8,
    session: &'a str,
    #[serde(borrow)]
    kind: PackedKind<'a>,
    nonce: [u8; 32],
    state: &'a [u8],
    expires_ms: i64,
}

#[derive(Serialize, Deserialize)]
enum PackedKind<'a> {
    Registration { device: [u8; 16], display_name: &'a str, payment: Option<PackedPayment>, generation: u64 },
    Authentication { purpose: [u8; 32], operation: Option<[u8; 32]>, devices: Vec<[u8; 16]> },
}

/// A payment, without its owner, who is the ceremony's.
#[derive(Serialize, Deserialize)]
struct PackedPayment {
    operation: [u8; 16],
    digest: [u8; 32],
    paid_by: Option<[u8; 16]>,
    attempt: [u8; 16],
}

/// The ceremony, without its owner and id, which are its key.
pub(super) fn pack(ceremony: &Ceremony) -> Result<Vec<u8>> {
    let kind = match &ceremony.kind {
        CeremonyKind::Registration { device, display_name, payment, generation } => {
            PackedKind::Registration {
                device: device.uuid().into_bytes(),
                display_name: display_name.as_str(),
                payment: payment.map(|spend| PackedPayment {
                    operation: spend.operation.uuid().into_bytes(),
                    digest: spend.digest,
                    paid_by: spend.paid_by.map(|token| token.uuid().into_bytes()),
                    attempt: spend.attempt.uuid().into_bytes(),
                }),
                generation: *generation,
            }
        }
        CeremonyKind::Authentication { purpose, operation, devices } => PackedKind::Authentication {
            purpose: *purpose,
            operation: *operation,
            devices: devices.iter().map(|device| device.uuid().into_bytes()).collect(),
        },
    };
    let packed = Packed {
        form: FORM,
        session: ceremony.session.as_str(),
        kind,
        nonce: ceremony.nonce,
        state: &ceremony.state.0,
        expires_ms: ceremony.expires.millis(),
    };
    postcard::to_allocvec(&packed).map_err(Error::internal)
}

/// The ceremony that was packed for this owner under this id.
pub(super) fn unpack(owner: Owner, id: CeremonyId, octets: &[u8]) -> Result<Ceremony> {
    let (packed, rest) = postcard::take_from_bytes::<Packed<'_>>(octets).map_err(|_| corrupt())?;
    if packed.form != FORM || !rest.is_empty() {
        return Err(corrupt());
    }
    let kind = match packed.kind {
        PackedKind::Registration { device, display_name, payment, generation } => {
            CeremonyKind::Registration {
                device: DeviceId::from_uuid(Uuid::from_bytes(device)),
                display_name: DisplayName::new("display_name", display_name).map_err(|_| corrupt())?,
                payment: payment.map(|payment| Spend {
                    environment: owner.environment,
                    user: owner.user,
                    operation: OperationId::from_uuid(Uuid::from_bytes(payment.operation)),
                    digest: payment.digest,
                    paid_by: payment.paid_by.map(|token| TokenId::from_uuid(Uuid::from_bytes(token))),
                    attempt: AttemptId::from_uuid(Uuid::from_bytes(payment.attempt)),
                }),
                generation,
            }
        }
        PackedKind::Authentication { purpose, operation, devices } => CeremonyKind::Authentication {
            purpose,
            operation,
            devices: devices.into_iter().map(|id| DeviceId::from_uuid(Uuid::from_bytes(id))).collect(),
        },
    };
    Ok(Ceremony {
        id,
        owner,
        session: packed.session.parse().map_err(|_| corrupt())?,
        kind,
        nonce: packed.nonce,
        state: CeremonyState(packed.state.to_vec()),
        expires: Timestamp::from_millis(packed.expires_ms),
    })
}

fn corrupt() -> Error {
    Error::internal("the store of passkey ceremonies holds a record that does not parse")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::ceremonies::contract::{ceremony, registration};

    #[test]
    fn every_ceremony_comes_back_as_it_was() {
        let mut unpaid = registration(2);
        let CeremonyKind::Registration { payment, .. } = &mut unpaid.kind else { unreachable!() };
        *payment = None;
        let mut bound = ceremony(3);
        let devices = vec![DeviceId::from_uuid(Uuid::from_bytes([3; 16]))];
        bound.kind = CeremonyKind::Authentication { purpose: [1; 32], operation: Some([2; 32]), devices };
        for ceremony in [ceremony(0), registration(1), unpaid, bound] {
            let packed = pack(&ceremony).unwrap();
            assert_eq!(unpack(ceremony.owner, ceremony.id, &packed).unwrap(), ceremony);
        }
    }

    #[test]
    fn what_this_version_does_not_write_is_refused() {
        let ceremony = registration(1);
        let packed = pack(&ceremony).unwrap();
        let mut longer = packed.clone();
        longer.push(0);
        let mut later = packed.clone();
        later[0] = FORM + 1;
        for bad in [&[][..], &packed[..packed.len() - 1], &longer, &later] {
            assert!(unpack(ceremony.owner, ceremony.id, bad).is_err());
        }
    }
}
