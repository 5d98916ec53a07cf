//! Session and admin tokens, good ones and spoiled ones.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use jose::{Algorithm, Kind, SigningKey};
use kernel::secret::ExposeSecret as _;
use kernel::{Acr, Amr, DeviceId, Entropy, EnvironmentId, Scope, Timestamp, TokenId, UserId};
use serde_json::{Value, json};
use token_issuer::domain::bound::Bound;
use token_issuer::domain::requirement::TokenBehavior;
use token_issuer::domain::token::{Source, Token, TokenKind};

use super::dev::DevSuite;
use super::fresh::now;
use super::secrets::secret;

/// The claims of a good session.
pub(crate) fn session_claims(
    suite: &DevSuite,
    environment: EnvironmentId,
    name: &str,
    session: &str,
) -> Value {
    let now = now().seconds();
    json!({
        "iss": suite.file.provider.issuer,
        "aud": format!("{}/{environment}", suite.file.provider.audience),
        "sub": name,
        "sid": session,
        "iat": now,
        "exp": now + 3600,
        "auth_time": now,
    })
}

/// A good session token.
pub(crate) fn session(suite: &DevSuite, environment: EnvironmentId, name: &str, session: &str) -> String {
    suite.file.provider.sign(Kind::Session, &session_claims(suite, environment, name, session))
}

/// The claims of a good administrator's token.
pub(crate) fn admin_claims(suite: &DevSuite, roles: &[&str]) -> Value {
    let now = now().seconds();
    json!({
        "iss": suite.file.admin.issuer,
        "aud": suite.file.admin.audience,
        "sub": "tests",
        "iat": now,
        "exp": now + 3600,
        "countersign_roles": roles,
    })
}

/// A good administrator's token.
pub(crate) fn admin(suite: &DevSuite, roles: &[&str]) -> String {
    suite.file.admin.sign(Kind::Admin, &admin_claims(suite, roles))
}

/// The claims with one of them changed; without it, for `Value::Null`.
pub(crate) fn with(mut claims: Value, name: &str, value: Value) -> Value {
    let map = claims.as_object_mut().unwrap();
    if value.is_null() {
        map.remove(name)
    } else {
        map.insert(name.to_owned(), value)
    };
    claims
}

/// Signed by a key that says of itself that it is the right one.
pub(crate) fn by_an_impostor(token: &str, kind: Kind, claims: &Value) -> String {
    let (header, _) = parts(token);
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let key = key.with_key_id(header["kid"].as_str().unwrap().parse().unwrap());
    secret(jose::sign(kind, claims, &key).unwrap().expose_secret())
}

/// Header and claims of a token.
pub(crate) fn parts(token: &str) -> (Value, Value) {
    let mut parts = token
        .split('.')
        .map(|part| serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap_or_default()));
    (parts.next().unwrap().unwrap(), parts.next().unwrap().unwrap())
}

/// The same token with another header and, where given, other claims; the signature is left as it was, or is empty.
pub(crate) fn tampered(
    token: &str,
    header: &[(&str, Value)],
    claims: Option<&Value>,
    signed: bool,
) -> String {
    let (mut own, original) = parts(token);
    for (name, value) in header {
        own[*name] = value.clone();
    }
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let signature = if signed { token.rsplit('.').next().unwrap() } else { "" };
    secret(format!("{}.{}.{signature}", part(&own), part(claims.unwrap_or(&original))))
}

/// Every way to spoil a good token without its key: what is wrong, and the token.
pub(crate) fn spoiled(token: &str, kind: Kind, claims: &Value) -> Vec<(&'static str, String)> {
    let forged = with(claims.clone(), "sub", json!("somebody-else"));
    let flipped = {
        let (rest, signature) = token.rsplit_once('.').unwrap();
        let mut octets = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
        octets[0] ^= 1;
        secret(format!("{rest}.{}", BASE64URL_NOPAD.encode(&octets)))
    };
    vec![
        ("unsigned", tampered(token, &[], None, false)),
        ("alg none", tampered(token, &[("alg", json!("none"))], None, false)),
        ("alg none, with the signature", tampered(token, &[("alg", json!("none"))], None, true)),
        ("a symmetric algorithm", tampered(token, &[("alg", json!("HS256"))], None, true)),
        ("another key under the right name", by_an_impostor(token, kind, claims)),
        ("a key that is not known", tampered(token, &[("kid", json!("nobody"))], None, true)),
        ("a key in its header", tampered(token, &[("jwk", json!({"kty": "EC"}))], None, true)),
        (
            "a key's address in its header",
            tampered(token, &[("jku", json!("https://x.example"))], None, true),
        ),
        ("an extension that must be understood", tampered(token, &[("crit", json!(["exp"]))], None, true)),
        ("another subject under the old signature", tampered(token, &[], Some(&forged), true)),
        ("a flipped bit in its signature", flipped),
        ("a part too many", format!("{token}.x")),
        ("a part too few", token.rsplit_once('.').unwrap().0.to_owned()),
        ("no token at all", "nonsense".to_owned()),
        ("larger than any token", format!("{token}{}", "A".repeat(20_000))),
    ]
}

/// An elevated token as the issuer keeps it: one that nobody had before, of a user of its own.
pub(crate) fn elevated(entropy: &dyn Entropy) -> Token {
    let now = Timestamp::from_seconds(now().seconds());
    let environment = EnvironmentId::random(entropy);
    let id = TokenId::random(entropy);
    Token {
        kind: TokenKind::Elevated,
        id,
        environment,
        user: UserId::derive(environment, "idp", &id.to_string()),
        session: "session".parse().expect("a session id"),
        scopes: vec![Scope::WalletExport],
        behavior: TokenBehavior::SingleUse,
        bound: Bound::Scopes,
        acr: Acr::Otp,
        amr: vec![Amr::Otp],
        auth_time: now,
        source: Source::Factor(DeviceId::random(entropy)),
        sender_key: None,
        policy_version: 1,
        issued: now,
        expires: now.plus(Duration::from_secs(300)),
    }
}
