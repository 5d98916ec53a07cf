//! The operation as a whole: what is refused, and that nothing can change without changing the digest.

mod batches;
mod digest;
mod refusals;
mod vectors;

use kernel::{DeviceId, EnvironmentId, FactorKind, OperationId, UserId, WalletId};
use proptest::prelude::*;
use uuid::Uuid;

use crate::{Body, CheckedOperation, KeyType, Operation, WalletRef};

/// The public key of Alice in RFC 7748 section 6.1.
const ALICE: [u8; 32] = [
    0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54, 0x74, 0x8b, 0x7d, 0xdc, 0xb4, 0x3e, 0xf7, 0x5a, 0x0d,
    0xbf, 0x3a, 0x0d, 0x26, 0x38, 0x1a, 0xf4, 0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a,
];

fn id(last: u8) -> Uuid {
    Uuid::from_bytes([1, 2, 3, 4, 5, 6, 0x47, 8, 0x89, 10, 11, 12, 13, 14, 15, last])
}

fn operation(body: Body) -> Operation {
    Operation {
        environment: EnvironmentId::from_uuid(id(1)),
        user: UserId::from_uuid(id(2)),
        id: OperationId::from_uuid(id(3)),
        body,
    }
}

fn wallet() -> WalletRef {
    WalletRef { id: WalletId::from_uuid(id(4)), share_generation: 1 }
}

fn sign(message: impl Into<Vec<u8>>) -> Body {
    Body::SignMessage { wallet: wallet(), message: message.into() }
}

fn export(recipient_public_key: [u8; 32]) -> Body {
    Body::ExportWallet { wallet: wallet(), recipient_public_key }
}

/// One body of every kind.
fn bodies() -> [Body; 5] {
    [
        Body::CreateWallet { key_type: KeyType::Ed25519 },
        sign("gm"),
        export(ALICE),
        Body::LinkCredential { factor: FactorKind::Totp },
        Body::UnlinkCredential { device: DeviceId::from_uuid(id(5)) },
    ]
}

fn any_uuid() -> impl Strategy<Value = Uuid> {
    any::<[u8; 16]>().prop_map(Uuid::from_bytes).prop_filter("not nil", |uuid| !uuid.is_nil())
}

fn any_wallet() -> impl Strategy<Value = WalletRef> {
    (any_uuid(), 1_u32..)
        .prop_map(|(id, share_generation)| WalletRef { id: WalletId::from_uuid(id), share_generation })
}

fn any_body() -> impl Strategy<Value = Body> {
    let message = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..300),
        ".{1,100}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|rest| [
            b"\xffsolana offchain".as_slice(),
            &rest
        ]
        .concat()),
    ];
    prop_oneof![
        Just(Body::CreateWallet { key_type: KeyType::Ed25519 }),
        (any_wallet(), message).prop_map(|(wallet, message)| Body::SignMessage { wallet, message }),
        (any_wallet(), any::<[u8; 32]>()).prop_map(|(wallet, mut recipient_public_key)| {
            recipient_public_key[31] &= 0x7f;
            Body::ExportWallet { wallet, recipient_public_key }
        }),
        Just(Body::LinkCredential { factor: FactorKind::Totp }),
        any_uuid().prop_map(|id| Body::UnlinkCredential { device: DeviceId::from_uuid(id) }),
    ]
}

fn any_operation() -> impl Strategy<Value = Operation> {
    (any_uuid(), any_uuid(), any_uuid(), any_body()).prop_map(|(environment, user, id, body)| Operation {
        environment: EnvironmentId::from_uuid(environment),
        user: UserId::from_uuid(user),
        id: OperationId::from_uuid(id),
        body,
    })
}

/// Operations that pass; the few that chance makes a transaction or a point of small order are drawn again.
fn any_checked() -> impl Strategy<Value = CheckedOperation> {
    any_operation().prop_filter_map("refused", |operation| operation.check().ok())
}
