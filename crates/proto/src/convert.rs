//! Conversions between the protocol's types and the domain's. Every unspecified or unknown enum value is refused.

use kernel::audit::Event;
use kernel::{
    Action, Code, EnvironmentId, Error, FactorKind, OperationId, Reason, Result, Timestamp, UserId,
};
use operation::{Body, CheckedOperation, KeyType, Operation, WalletRef};

use crate::{names, types};

/// The action of an enum value, refused when unspecified or unknown.
pub fn action(field: &str, value: i32) -> Result<Action> {
    match types::Action::try_from(value) {
        Ok(types::Action::WalletExport) => Ok(Action::WalletExport),
        Ok(types::Action::WalletSign) => Ok(Action::WalletSign),
        Ok(types::Action::WalletRefresh) => Ok(Action::WalletRefresh),
        Ok(types::Action::WalletReshare) => Ok(Action::WalletReshare),
        Ok(types::Action::CredentialLink) => Ok(Action::CredentialLink),
        Ok(types::Action::CredentialUnlink) => Ok(Action::CredentialUnlink),
        Ok(types::Action::WalletCreate) => Ok(Action::WalletCreate),
        Ok(types::Action::Unspecified) | Err(_) => {
            Err(Error::invalid(field, "is not an action this version knows"))
        }
    }
}

/// The enum value of an action.
pub fn action_value(action: Action) -> types::Action {
    match action {
        Action::WalletExport => types::Action::WalletExport,
        Action::WalletSign => types::Action::WalletSign,
        Action::WalletRefresh => types::Action::WalletRefresh,
        Action::WalletReshare => types::Action::WalletReshare,
        Action::CredentialLink => types::Action::CredentialLink,
        Action::CredentialUnlink => types::Action::CredentialUnlink,
        Action::WalletCreate => types::Action::WalletCreate,
    }
}

/// The kind of factor of an enum value, refused when unspecified or unknown.
pub fn factor_kind(field: &str, value: i32) -> Result<FactorKind> {
    match types::FactorKind::try_from(value) {
        Ok(types::FactorKind::Totp) => Ok(FactorKind::Totp),
        Ok(types::FactorKind::Passkey) => Ok(FactorKind::Passkey),
        Ok(types::FactorKind::RecoveryCode) => Ok(FactorKind::RecoveryCode),
        Ok(types::FactorKind::Unspecified) | Err(_) => {
            Err(Error::invalid(field, "is not a kind of factor this version knows"))
        }
    }
}

/// The enum value of a kind of factor.
pub fn factor_kind_value(kind: FactorKind) -> types::FactorKind {
    match kind {
        FactorKind::Totp => types::FactorKind::Totp,
        FactorKind::Passkey => types::FactorKind::Passkey,
        FactorKind::RecoveryCode => types::FactorKind::RecoveryCode,
    }
}

/// The kind of key of an enum value, refused when unspecified or unknown.
pub fn key_type(field: &str, value: i32) -> Result<KeyType> {
    match types::KeyType::try_from(value) {
        Ok(types::KeyType::Ed25519) => Ok(KeyType::Ed25519),
        Ok(types::KeyType::Unspecified) | Err(_) => {
            Err(Error::invalid(field, "is not a kind of key this version knows; use KEY_TYPE_ED25519"))
        }
    }
}

/// The enum value of a kind of key.
pub fn key_type_value(key_type: KeyType) -> types::KeyType {
    match key_type {
        KeyType::Ed25519 => types::KeyType::Ed25519,
    }
}

/// A point in time as the protocol carries it.
pub fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.seconds(),
        nanos: i32::try_from(time.millis().rem_euclid(1000)).unwrap_or(0) * 1_000_000,
    }
}

/// A point in time from the protocol, to the millisecond; refused when missing or out of range.
pub fn time(field: &str, value: Option<prost_types::Timestamp>) -> Result<Timestamp> {
    let value = value.ok_or_else(|| Error::invalid(field, "is missing"))?;
    let nanos = i64::from(value.nanos);
    if !(0..1_000_000_000).contains(&nanos) || value.seconds.unsigned_abs() > 253_402_300_799 {
        return Err(Error::invalid(field, "is not a time between the years 1 and 9999"));
    }
    Ok(Timestamp::from_millis(value.seconds * 1000 + nanos / 1_000_000))
}

/// Exactly `N` octets.
pub fn octets<const N: usize>(field: &str, value: &[u8]) -> Result<[u8; N]> {
    value.try_into().map_err(|_| Error::invalid(field, format!("must be {N} bytes, not {}", value.len())))
}

/// The operation a caller sent, with its names resolved for the user of the session, not yet checked.
///
/// Everything in it must belong to `user` in `environment`; somebody else's wallet or device looks as if it did not
/// exist.
pub fn operation(
    field: &str,
    value: Option<types::Operation>,
    environment: EnvironmentId,
    user: UserId,
) -> Result<Operation> {
    use types::operation::Kind;

    let value = value.ok_or_else(|| Error::invalid(field, "is missing; send the whole operation"))?;
    let at = |name: &str| format!("{field}.{name}");
    let (named_environment, named_user) = names::parse_user(&at("user"), &value.user)?;
    if named_environment != environment {
        return Err(Error::not_found());
    }
    named_user.resolve(user)?;
    let id = operation_id(&at("operation_id"), &value.operation_id)?;
    let wallet = |name: &str, text: &str, share_generation: u32| -> Result<WalletRef> {
        let id = names::parse_wallet(&at(name), text)?.below(environment, user)?;
        Ok(WalletRef { id, share_generation })
    };
    let body = match value.kind {
        None => return Err(Error::invalid(at("kind"), "is missing or not a kind this version knows")),
        Some(Kind::CreateWallet(create)) => {
            Body::CreateWallet { key_type: key_type(&at("create_wallet.key_type"), create.key_type)? }
        }
        Some(Kind::SignMessage(sign)) => Body::SignMessage {
            wallet: wallet("sign_message.wallet", &sign.wallet, sign.share_generation)?,
            message: sign.message,
        },
        Some(Kind::ExportWallet(export)) => Body::ExportWallet {
            wallet: wallet("export_wallet.wallet", &export.wallet, export.share_generation)?,
            recipient_public_key: octets(
                &at("export_wallet.recipient_public_key"),
                &export.recipient_public_key,
            )?,
        },
        Some(Kind::LinkCredential(link)) => Body::LinkCredential {
            factor: factor_kind(&at("link_credential.factor_kind"), link.factor_kind)?,
        },
        Some(Kind::UnlinkCredential(unlink)) => {
            let device = names::parse_device(&at("unlink_credential.device"), &unlink.device)?;
            Body::UnlinkCredential { device: device.below(environment, user)? }
        }
    };
    Ok(Operation { environment, user, id, body })
}

/// An operation as the protocol carries it, names in full.
pub fn operation_value(operation: &Operation) -> types::Operation {
    use types::operation::Kind;

    let (environment, user) = (operation.environment, operation.user);
    let wallet = |wallet: &WalletRef| names::wallet(environment, user, wallet.id);
    let kind = match &operation.body {
        Body::CreateWallet { key_type } => {
            Kind::CreateWallet(types::CreateWalletOperation { key_type: key_type_value(*key_type).into() })
        }
        Body::SignMessage { wallet: on, message } => Kind::SignMessage(types::SignMessageOperation {
            wallet: wallet(on),
            share_generation: on.share_generation,
            message: message.clone(),
        }),
        Body::ExportWallet { wallet: on, recipient_public_key } => {
            Kind::ExportWallet(types::ExportWalletOperation {
                wallet: wallet(on),
                share_generation: on.share_generation,
                recipient_public_key: recipient_public_key.to_vec(),
            })
        }
        Body::LinkCredential { factor } => Kind::LinkCredential(types::LinkCredentialOperation {
            factor_kind: factor_kind_value(*factor).into(),
        }),
        Body::UnlinkCredential { device } => Kind::UnlinkCredential(types::UnlinkCredentialOperation {
            device: names::device(environment, user, *device),
        }),
    };
    types::Operation {
        user: names::user(environment, user),
        operation_id: operation.id.to_string(),
        kind: Some(kind),
    }
}

/// The id of an operation, with a hint when it is missing.
pub fn operation_id(field: &str, text: &str) -> Result<OperationId> {
    text.parse().map_err(|error: kernel::ids::InvalidId| Error::invalid(field, error.to_string()))
}

/// Parses an identifier of any kind.
pub fn id<T: std::str::FromStr<Err = kernel::ids::InvalidId>>(field: &str, text: &str) -> Result<T> {
    text.parse().map_err(|error: kernel::ids::InvalidId| Error::invalid(field, error.to_string()))
}

/// Names the operation in an audit event.
#[must_use]
pub fn audit_operation(event: Event, operation: &CheckedOperation) -> Event {
    event.operation(operation.operation().id, *operation.digest().as_bytes())
}

/// The gRPC status code of a class of refusals.
pub fn status_code(code: Code) -> tonic::Code {
    match code {
        Code::InvalidArgument => tonic::Code::InvalidArgument,
        Code::Unauthenticated => tonic::Code::Unauthenticated,
        Code::PermissionDenied => tonic::Code::PermissionDenied,
        Code::NotFound => tonic::Code::NotFound,
        Code::Aborted => tonic::Code::Aborted,
        Code::FailedPrecondition => tonic::Code::FailedPrecondition,
        Code::ResourceExhausted => tonic::Code::ResourceExhausted,
        Code::DeadlineExceeded => tonic::Code::DeadlineExceeded,
        Code::Unavailable => tonic::Code::Unavailable,
        Code::Unimplemented => tonic::Code::Unimplemented,
        Code::Internal => tonic::Code::Internal,
    }
}

/// The enum value of a reason.
pub fn reason_value(reason: Reason) -> types::Reason {
    types::Reason::from_str_name(&format!("REASON_{}", reason.as_str())).unwrap_or(types::Reason::Unspecified)
}
