//! A token as it is kept in Redis: everything but its key, in as few octets as it takes.
//!
//! Read strictly: a code or form that this version does not write is refused, so that nothing of a later version is
//! taken for something else. The numbers never change their meaning.

use jose::Thumbprint;
use kernel::{Acr, Action, Amr, DeviceId, Error, OperationId, Result, Scope, SessionId, Timestamp, WalletId};
use operation::{BatchRoot, Digest};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::bound::{Bound, BoundOperation};
use crate::domain::requirement::TokenBehavior;
use crate::domain::token::{Source, Token, TokenKey, TokenKind};

/// The form, before everything else. Another one is another number.
const FORM: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Packed<'a> {
    form: u8,
    kind: u8,
    session: &'a str,
    scopes: Vec<u8>,
    behavior: u8,
    bound: PackedBound,
    acr: u8,
    amr: Vec<u8>,
    #[serde(borrow)]
    source: PackedSource<'a>,
    sender_key: Option<[u8; 32]>,
    policy_version: u64,
    issued_ms: i64,
    /// The others as distances, which are short.
    auth_time_after_ms: i64,
    expires_after_ms: i64,
}

/// What a token rests on. The place in the list is the code: never in another order.
#[derive(Serialize, Deserialize)]
enum PackedSource<'a> {
    Factor([u8; 16]),
    Assertion(&'a str),
}

/// What a token is bound to. The place in the list is the code: never in another order.
#[derive(Serialize, Deserialize)]
enum PackedBound {
    Scopes,
    Operation(PackedOperation),
    Wallet([u8; 16]),
    Batch { root: [u8; 32], size: u32 },
}

#[derive(Serialize, Deserialize)]
struct PackedOperation {
    id: [u8; 16],
    digest: [u8; 32],
    action: u8,
    wallet: Option<[u8; 16]>,
}

/// Both directions of a code from one list: a place in the list is the code.
macro_rules! codes {
    ($code:ident, $value:ident, $kind:ty, [$($variant:path = $number:literal),+ $(,)?]) => {
        const fn $code(value: $kind) -> u8 {
            match value { $($variant => $number),+ }
        }

        fn $value(code: u8) -> Result<$kind> {
            match code { $($number => Ok($variant),)+ _ => Err(corrupt()) }
        }
    };
}

codes!(
    scope_code,
    scope,
    Scope,
    [
        Scope::WalletExport = 1,
        Scope::WalletSign = 2,
        Scope::WalletRefresh = 3,
        Scope::WalletReshare = 4,
        Scope::CredentialLink = 5,
        Scope::CredentialUnlink = 6,
    ]
);
codes!(
    action_code,
    action,
    Action,
    [
        Action::WalletExport = 1,
        Action::WalletSign = 2,
        Action::WalletRefresh = 3,
        Action::WalletReshare = 4,
        Action::CredentialLink = 5,
        Action::CredentialUnlink = 6,
        Action::WalletCreate = 7,
    ]
);
codes!(acr_code, acr, Acr, [Acr::Recovery = 1, Acr::Otp = 2, Acr::Phr = 3, Acr::Phrh = 4]);
codes!(
    amr_code,
    amr,
    Amr,
    [Amr::Otp = 1, Amr::Mfa = 2, Amr::Swk = 3, Amr::User = 4, Amr::RecoveryCode = 5, Amr::Assertion = 6]
);
codes!(kind_code, kind, TokenKind, [TokenKind::Elevated = 1, TokenKind::LegacyMfa = 2]);
codes!(behavior_code, behavior, TokenBehavior, [TokenBehavior::SingleUse = 1, TokenBehavior::TimeBound = 2,]);

/// The token, without its key. The same token is always the same octets.
pub(super) fn pack(token: &Token) -> Result<Vec<u8>> {
    let after = |time: Timestamp| {
        time.millis()
            .checked_sub(token.issued.millis())
            .ok_or_else(|| Error::internal("a token whose times are out of all range"))
    };
    let packed = Packed {
        form: FORM,
        kind: kind_code(token.kind),
        session: token.session.as_str(),
        scopes: token.scopes.iter().map(|scope| scope_code(*scope)).collect(),
        behavior: behavior_code(token.behavior),
        bound: pack_bound(&token.bound),
        acr: acr_code(token.acr),
        amr: token.amr.iter().map(|method| amr_code(*method)).collect(),
        source: match &token.source {
            Source::Factor(device) => PackedSource::Factor(device.uuid().into_bytes()),
            Source::Assertion(issuer) => PackedSource::Assertion(issuer),
        },
        sender_key: token.sender_key.map(|key| *key.as_bytes()),
        policy_version: token.policy_version,
        issued_ms: token.issued.millis(),
        auth_time_after_ms: after(token.auth_time)?,
        expires_after_ms: after(token.expires)?,
    };
    postcard::to_allocvec(&packed).map_err(Error::internal)
}

/// The token that was packed under this key.
pub(super) fn unpack(key: TokenKey, octets: &[u8]) -> Result<Token> {
    let (packed, rest) = postcard::take_from_bytes::<Packed<'_>>(octets).map_err(|_| corrupt())?;
    if packed.form != FORM || !rest.is_empty() {
        return Err(corrupt());
    }
    let time =
        |after: i64| packed.issued_ms.checked_add(after).map(Timestamp::from_millis).ok_or_else(corrupt);
    let session: SessionId = packed.session.parse().map_err(|_| corrupt())?;
    Ok(Token {
        kind: kind(packed.kind)?,
        id: key.id,
        environment: key.environment,
        user: key.user,
        session,
        scopes: packed.scopes.iter().map(|code| scope(*code)).collect::<Result<_>>()?,
        behavior: behavior(packed.behavior)?,
        bound: unpack_bound(&packed.bound)?,
        acr: acr(packed.acr)?,
        amr: packed.amr.iter().map(|code| amr(*code)).collect::<Result<_>>()?,
        auth_time: time(packed.auth_time_after_ms)?,
        source: match packed.source {
            PackedSource::Factor(device) => Source::Factor(DeviceId::from_uuid(Uuid::from_bytes(device))),
            PackedSource::Assertion(issuer) => Source::Assertion(issuer.to_owned()),
        },
        sender_key: packed.sender_key.map(Thumbprint::from_bytes),
        policy_version: packed.policy_version,
        issued: Timestamp::from_millis(packed.issued_ms),
        expires: time(packed.expires_after_ms)?,
    })
}

fn pack_bound(bound: &Bound) -> PackedBound {
    match bound {
        Bound::Scopes => PackedBound::Scopes,
        Bound::Batch(root) => PackedBound::Batch { root: root.hash, size: root.size },
        Bound::Wallet(wallet) => PackedBound::Wallet(wallet.uuid().into_bytes()),
        Bound::Operation(operation) => PackedBound::Operation(PackedOperation {
            id: operation.id.uuid().into_bytes(),
            digest: *operation.digest.as_bytes(),
            action: action_code(operation.action),
            wallet: operation.wallet.map(|wallet| wallet.uuid().into_bytes()),
        }),
    }
}

fn unpack_bound(packed: &PackedBound) -> Result<Bound> {
    Ok(match packed {
        PackedBound::Scopes => Bound::Scopes,
        PackedBound::Batch { root, size } => Bound::Batch(BatchRoot { hash: *root, size: *size }),
        PackedBound::Wallet(wallet) => Bound::Wallet(WalletId::from_uuid(Uuid::from_bytes(*wallet))),
        PackedBound::Operation(operation) => Bound::Operation(BoundOperation {
            id: OperationId::from_uuid(Uuid::from_bytes(operation.id)),
            digest: Digest::from_bytes(operation.digest),
            action: action(operation.action)?,
            wallet: operation.wallet.map(|wallet| WalletId::from_uuid(Uuid::from_bytes(wallet))),
        }),
    })
}

/// The refusal of a record that this version has not written.
pub(super) fn corrupt() -> Error {
    Error::internal("the token store holds a record that does not parse")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{NOW, asserted, export, legacy_token, token, wallet};
    use kernel::FactorKind;
    use std::time::Duration;

    #[test]
    fn every_token_comes_back_as_it_was() {
        let base = Token { session: "s".repeat(128).parse().unwrap(), ..token(1) };
        let mut tokens = vec![
            base.clone(),
            Token { bound: Bound::to(&export(1)), ..base.clone() },
            Token { bound: Bound::Wallet(wallet()), ..base.clone() },
            Token { bound: Bound::Batch(BatchRoot { hash: [7; 32], size: 32 }), ..base.clone() },
            Token { scopes: Scope::ALL.to_vec(), amr: vec![Amr::Mfa, Amr::Otp], ..base.clone() },
            Token { sender_key: Some(Thumbprint::from_bytes([9; 32])), ..base.clone() },
            asserted(2),
            legacy_token(3),
            Token { amr: Vec::new(), behavior: TokenBehavior::TimeBound, ..base.clone() },
            Token {
                auth_time: NOW.minus(Duration::from_millis(1)),
                policy_version: u64::MAX,
                ..base.clone()
            },
        ];
        tokens.extend(Acr::ALL.map(|acr| Token { acr, ..base.clone() }));
        tokens.extend(Amr::ALL.map(|method| Token { amr: vec![method], ..base.clone() }));
        tokens.extend(FactorKind::ALL.map(|kind| Token {
            acr: kind.acr(),
            amr: kind.amr().to_vec(),
            ..base.clone()
        }));
        tokens.extend(Action::ALL.map(|action| {
            let bound = BoundOperation { action, wallet: None, ..BoundOperation::of(&export(2)) };
            Token { bound: Bound::Operation(bound), ..base.clone() }
        }));
        for token in tokens {
            let packed = pack(&token).unwrap();
            assert_eq!(unpack(token.key(), &packed).unwrap(), token);
            assert_eq!(pack(&token).unwrap(), packed);
        }
    }

    /// What an earlier version wrote is read by every later one.
    #[test]
    fn the_numbers_never_change_their_meaning() {
        let codes = Amr::ALL.map(|method| (method, amr_code(method)));
        let expected = [
            (Amr::Otp, 1),
            (Amr::Swk, 3),
            (Amr::User, 4),
            (Amr::RecoveryCode, 5),
            (Amr::Assertion, 6),
            (Amr::Mfa, 2),
        ];
        assert_eq!(codes, expected);
        let codes = Acr::ALL.map(acr_code);
        assert_eq!(codes, [1, 2, 3, 4]);
    }

    #[test]
    fn it_is_small() {
        let session: SessionId = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11".parse().unwrap();
        // A passkey has the most methods.
        let amr = FactorKind::Passkey.amr().to_vec();
        let bound = Token { session, bound: Bound::to(&export(1)), amr, ..token(1) };
        assert!(pack(&bound).unwrap().len() <= 150, "{}", pack(&bound).unwrap().len());
    }

    #[test]
    fn what_this_version_does_not_write_is_refused() {
        let token = token(1);
        let packed = pack(&token).unwrap();
        let mut longer = packed.clone();
        longer.push(0);
        let mut later = packed.clone();
        later[0] = FORM + 1;
        let shorter = &packed[..packed.len() - 1];
        for bad in [&[][..], shorter, &longer, &later] {
            assert!(unpack(token.key(), bad).is_err(), "{bad:?}");
        }
        for code in [0, 7, u8::MAX] {
            assert!(
                scope(code).is_err()
                    && acr(code).is_err()
                    && amr(code).is_err()
                    && behavior(code).is_err()
                    && kind(code).is_err()
            );
        }
        assert!(action(0).is_err() && action(8).is_err());
    }
}
