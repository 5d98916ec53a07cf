//! Keys, tokens that are right, and a way to make tokens that are not.

use std::sync::LazyLock;
use std::time::Duration;

use kernel::Timestamp;
use kernel::secret::ExposeSecret;
use serde_json::{Value, json};

use crate::{
    Algorithm, ClaimMap, Expect, KeySet, Kind, SigningKey, TokenError, Verified, encoding, sign, verify,
};

/// In 2001: a clock that was asked for the real time would refuse every token here.
pub(super) const NOW: i64 = 1_000_000_000;

pub(super) const ISSUER: &str = "https://issuer.example";

static ES256: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::Es256).unwrap());
static EDDSA: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::EdDsa).unwrap());
static RS256: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::Rs256).unwrap());

pub(super) fn key(algorithm: Algorithm) -> &'static SigningKey {
    match algorithm {
        Algorithm::Es256 => &ES256,
        Algorithm::EdDsa => &EDDSA,
        Algorithm::Rs256 => &RS256,
    }
}

pub(super) fn es256() -> &'static SigningKey {
    key(Algorithm::Es256)
}

pub(super) fn set(keys: &[&SigningKey]) -> KeySet {
    KeySet::from_keys(keys.iter().map(|key| key.public_jwk()).collect()).unwrap()
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_seconds(NOW)
}

/// Claims that every kind accepts.
pub(super) fn good_claims() -> Value {
    json!({"iss": ISSUER, "aud": "countersign", "sub": "alice", "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + 60})
}

/// The same with one member replaced, or removed when `value` is `None`.
pub(super) fn with(name: &str, value: impl Into<Option<Value>>) -> Value {
    let mut claims = good_claims();
    let members = claims.as_object_mut().unwrap();
    match value.into() {
        Some(value) => members.insert(name.to_owned(), value),
        None => members.remove(name),
    };
    claims
}

pub(super) fn expect(kind: Kind) -> Expect<'static> {
    Expect {
        kind,
        issuer: ISSUER,
        audiences: &["countersign", "countersign-too"],
        algorithms: &Algorithm::ALL,
        leeway: Duration::ZERO,
        max_age: None,
    }
}

pub(super) fn token(kind: Kind, claims: &Value, key: &SigningKey) -> String {
    sign(kind, claims, key).unwrap().expose_secret().to_owned()
}

/// A token with any header and any payload, rightly signed.
pub(super) fn craft(header: &str, payload: &str, key: &SigningKey) -> String {
    let input = format!("{}.{}", encoding::encode(header.as_bytes()), encoding::encode(payload.as_bytes()));
    let signature = encoding::encode(&key.signature(input.as_bytes()).unwrap());
    format!("{input}.{signature}")
}

/// The header that `key` writes for `kind`, with `more` members (text such as `,"crit":[]`) at its end.
pub(super) fn header(kind: Kind, key: &SigningKey, more: &str) -> String {
    format!(r#"{{"alg":"{}","typ":"{}","kid":"{}"{more}}}"#, key.algorithm(), kind.typ(), key.key_id())
}

/// Verifies with the ES256 key only.
pub(super) fn check(token: &str, kind: Kind) -> Result<Verified<ClaimMap>, TokenError> {
    verify(token, &set(&[es256()]), &expect(kind), now())
}

/// The refusal, or `None` when it is accepted.
pub(super) fn refusal(token: &str, kind: Kind) -> Option<TokenError> {
    check(token, kind).err()
}
