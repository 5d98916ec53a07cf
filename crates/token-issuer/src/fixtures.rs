//! What the tests of this crate share: a user with two devices, operations, and fakes behind the ports.

mod bench;
mod factors;
mod policy;
mod revocations;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jose::sender_proof::{self, Call};
use jose::{Algorithm, SigningKey};
use kernel::{
    Acr, Action, Amr, DeviceId, EnvironmentId, FactorKind, OperationId, Scope, SecretBytes, SecretText,
    SessionId, Timestamp, TokenId, UserId, WalletId,
};
use operation::{Body, CheckedOperation, KeyType, Operation, WalletRef};
use runtime::UserCall;
use runtime::environments::{
    AssertionIssuer, EnvironmentSettings, ProviderKeySource, SenderConstraint as SenderSetting,
    TokenSettings, TotpParameters,
};
use storage::{Sealer, Trail};
use testkit::{SeededEntropy, TestProvider};
use uuid::Uuid;

use crate::domain::bound::Bound;
use crate::domain::factors::VerifiedFactor;
use crate::domain::requirement::{Binding, Requirement, SenderConstraint, TokenBehavior};
use crate::domain::token::{Source, Token, TokenKind};
use crate::sender::Method;

pub(crate) use bench::{
    Bench, FakeIssuedTokens, mint, passkey_request, recovery_request, request, rings, shown,
};
pub(crate) use factors::FakeFactors;
pub(crate) use policy::FakePolicy;
pub(crate) use revocations::FakeRevocations;

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);
pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const RIGHT_CODE: &str = "123456";
pub(crate) const RECOVERY_CODE: &str = "a-recovery-code";
/// What the authenticator answers when it is asked the right thing.
pub(crate) const RIGHT_ASSERTION: &str = r#"{"id":"credential"}"#;

pub(crate) fn environment() -> EnvironmentId {
    "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11".parse().unwrap()
}

pub(crate) fn user() -> UserId {
    UserId::derive(environment(), "idp", "alice")
}

pub(crate) fn session() -> SessionId {
    "session-1".parse().unwrap()
}

pub(crate) fn id(space: u128, number: u128) -> Uuid {
    Uuid::from_u128((space << 64) | (number + 1))
}

// --- operations

fn checked(number: u32, body: Body) -> CheckedOperation {
    let id = OperationId::from_uuid(id(1, number.into()));
    Operation { environment: environment(), user: user(), id, body }.check().unwrap()
}

/// The wallet of the operations here.
pub(crate) fn wallet() -> WalletId {
    WalletId::from_uuid(id(2, 1))
}

fn wallet_ref() -> WalletRef {
    WalletRef { id: wallet(), share_generation: 1 }
}

pub(crate) fn create(number: u32) -> CheckedOperation {
    checked(number, Body::CreateWallet { key_type: KeyType::Ed25519 })
}

pub(crate) fn sign(number: u32, message: &[u8]) -> CheckedOperation {
    checked(number, Body::SignMessage { wallet: wallet_ref(), message: message.to_vec() })
}

pub(crate) fn export(number: u32) -> CheckedOperation {
    let mut recipient_public_key = [0; 32];
    recipient_public_key[0] = 9;
    checked(number, Body::ExportWallet { wallet: wallet_ref(), recipient_public_key })
}

pub(crate) fn link(number: u32) -> CheckedOperation {
    checked(number, Body::LinkCredential { factor: FactorKind::Totp })
}

pub(crate) fn unlink(number: u32) -> CheckedOperation {
    checked(number, Body::UnlinkCredential { device: factor(1).device })
}

// --- tokens and requirements

/// An unbound single-use token for exports, different for each number.
pub(crate) fn token(number: u32) -> Token {
    Token {
        kind: TokenKind::Elevated,
        id: TokenId::from_uuid(id(3, number.into())),
        environment: environment(),
        user: user(),
        session: session(),
        scopes: vec![Scope::WalletExport],
        behavior: TokenBehavior::SingleUse,
        bound: Bound::Scopes,
        acr: Acr::Otp,
        amr: vec![Amr::Otp, Amr::Mfa],
        auth_time: NOW,
        source: Source::Factor(factor(1).device),
        sender_key: None,
        policy_version: FakePolicy::VERSION,
        issued: NOW,
        expires: NOW.plus(Duration::from_secs(300)),
    }
}

/// A legacy MFA token, different for each number.
pub(crate) fn legacy_token(number: u32) -> Token {
    Token { kind: TokenKind::LegacyMfa, scopes: Vec::new(), ..token(number) }
}

/// A token that an assertion was exchanged for, different for each number.
pub(crate) fn asserted(number: u32) -> Token {
    let amr = vec![Amr::Assertion, Amr::Mfa];
    Token { source: Source::Assertion(ASSERTER.to_owned()), amr, ..token(number) }
}

/// The id of the environment's entry for [`asserter`].
pub(crate) const ASSERTER: &str = "risk";

/// Somebody whose assertions are exchanged.
pub(crate) fn asserter() -> &'static TestProvider {
    static ASSERTER: LazyLock<TestProvider> =
        LazyLock::new(|| TestProvider::new("https://risk.example", "step-up"));
    &ASSERTER
}

/// The key of a client.
pub(crate) fn sender_key() -> &'static SigningKey {
    static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::EdDsa).unwrap());
    &KEY
}

/// A proof by a client's key for a call, made at [`NOW`].
pub(crate) fn sender_proof(
    key: &SigningKey,
    method: Method,
    used: Option<(&SecretText, &CheckedOperation)>,
) -> SecretText {
    let uri = format!("https://issuer.example{}", method.path());
    let digest = used.map(|(_, operation)| operation.digest());
    let call = Call {
        uri: &uri,
        token: used.map(|(token, _)| token),
        operation_digest: digest.as_ref().map(|digest| digest.as_bytes()),
        id: "proof",
        at: NOW,
    };
    sender_proof::sign(&call, key).unwrap()
}

/// What the environment says of tokens: everything there is.
pub(crate) fn all_tokens(sender_constraint: SenderSetting) -> TokenSettings {
    TokenSettings {
        legacy_mfa_expiry: Some(Duration::from_secs(120)),
        assertion_issuers: vec![AssertionIssuer {
            id: ASSERTER.to_owned(),
            issuer: asserter().issuer.clone(),
            audience: asserter().audience.clone(),
            algorithms: Algorithm::ALL.to_vec(),
            keys: ProviderKeySource::Inline(Arc::new(asserter().key_set())),
            scopes: vec![Scope::WalletExport, Scope::WalletSign],
            acr: Acr::Otp,
            max_age: Duration::from_secs(120),
        }],
        sender_constraint,
    }
}

pub(crate) fn requirement(action: Action) -> Requirement {
    Requirement {
        action,
        scopes: action.scope().into_iter().collect(),
        acr: Acr::Otp,
        binding: if action == Action::WalletExport { Binding::Operation } else { Binding::Scope },
        methods: vec![FactorKind::Totp],
        token_behavior: TokenBehavior::SingleUse,
        token_expiry_seconds: 300,
        max_age_seconds: 300,
        sender_constraint: SenderConstraint::Off,
    }
}

pub(crate) fn factor(number: u32) -> VerifiedFactor {
    VerifiedFactor {
        device: DeviceId::from_uuid(id(4, number.into())),
        kind: FactorKind::Totp,
        verified: NOW.minus(Duration::from_secs(86_400)),
        is_default: number == 1,
        display_name: format!("phone {number}"),
        exhausted: false,
    }
}

pub(crate) fn passkey(number: u32) -> VerifiedFactor {
    let kind = FactorKind::Passkey;
    VerifiedFactor { kind, is_default: false, display_name: format!("key {number}"), ..factor(number) }
}

/// A set of recovery codes with codes left.
pub(crate) fn recovery_codes(number: u32) -> VerifiedFactor {
    let kind = FactorKind::RecoveryCode;
    VerifiedFactor { kind, is_default: false, display_name: String::new(), ..factor(number) }
}

pub(crate) fn sealer() -> Arc<Sealer> {
    let key = SecretBytes::from(vec![7; 32]);
    Arc::new(Sealer::new([(1, key)], Arc::new(SeededEntropy::new(1))).unwrap())
}

// --- calls

/// A call by the user, whose audit trail nobody reads.
pub(crate) fn call() -> UserCall {
    call_at(NOW, testkit::trail())
}

fn call_at(now: Timestamp, trail: Trail) -> UserCall {
    UserCall {
        environment: environment(),
        user: user(),
        session: session(),
        provider_id: "idp".to_owned(),
        auth_time: Some(NOW),
        session_expires: NOW.plus(Duration::from_secs(3_600)),
        settings: Arc::new(EnvironmentSettings {
            id: environment(),
            version: FakePolicy::VERSION,
            providers: Vec::new(),
            enrolment_required: false,
            max_totp_devices: 3,
            max_passkeys: 5,
            totp: TotpParameters::default(),
            relying_party: None,
            tokens: TokenSettings::default(),
        }),
        bearer: SecretText::from("session".to_owned()),
        at: now,
        trail,
    }
}
