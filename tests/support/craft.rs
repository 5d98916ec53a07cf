//! Tokens that no library would make: any header and any payload, rightly signed.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
};
use data_encoding::BASE64URL_NOPAD;
use jose::SigningKey;
use kernel::secret::ExposeSecret as _;
use serde_json::{Map, Value, json};

use super::secrets::secret;

/// The members of a JSON object, in the order in which they are written.
pub(crate) type Members = Map<String, Value>;

/// A part of a token.
pub(crate) fn part(octets: &[u8]) -> String {
    BASE64URL_NOPAD.encode(octets)
}

/// The members as JSON.
pub(crate) fn text(members: &Members) -> String {
    Value::Object(members.clone()).to_string()
}

/// The same with one member set, or removed when `value` is none.
pub(crate) fn with(members: &Members, name: &str, value: Option<Value>) -> Members {
    let mut members = members.clone();
    match value {
        Some(value) => drop(members.insert(name.to_owned(), value)),
        None => drop(members.remove(name)),
    }
    members
}

/// A JSON object in which a member stands twice, with another value first.
pub(crate) fn repeated(members: &Members, name: &str) -> String {
    let rest = text(members);
    format!("{{{}:{},{}", json!(name), json!("another"), &rest[1..])
}

/// Values of every type of JSON but that of `good`.
pub(crate) fn of_other_types(good: &Value) -> Vec<Value> {
    let all = [json!(null), json!(true), json!("7"), json!([7]), json!({"7": 7}), json!(1.5), json!(7)];
    let kind = |value: &Value| match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::String(_) => 2,
        Value::Array(_) => 3,
        Value::Object(_) => 4,
        Value::Number(number) => 5 + i32::from(number.is_f64()),
    };
    let mut others: Vec<_> = all.into_iter().filter(|value| kind(value) != kind(good)).collect();
    if good.is_array() {
        others.push(json!([7]));
    } else {
        // What is right, in an array.
        others.push(json!([good]));
    }
    others
}

/// An ES256 key that signs whatever it is given.
pub(crate) struct Craft {
    fixed: EcdsaKeyPair,
    der: EcdsaKeyPair,
}

impl Craft {
    /// With this key.
    pub(crate) fn of(key: &SigningKey) -> Self {
        let pkcs8 = key.to_pkcs8().unwrap();
        let pair = |algorithm: &'static EcdsaSigningAlgorithm| {
            EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.expose_secret()).unwrap()
        };
        Self { fixed: pair(&ECDSA_P256_SHA256_FIXED_SIGNING), der: pair(&ECDSA_P256_SHA256_ASN1_SIGNING) }
    }

    /// A token with any header and any payload, rightly signed.
    pub(crate) fn token(&self, header: &str, payload: &str) -> String {
        by(&self.fixed, header, payload)
    }

    /// The same, with a signature in DER.
    pub(crate) fn in_der(&self, header: &str, payload: &str) -> String {
        by(&self.der, header, payload)
    }
}

#[expect(clippy::disallowed_methods, reason = "an argument that aws-lc ignores")]
fn by(pair: &EcdsaKeyPair, header: &str, payload: &str) -> String {
    let input = format!("{}.{}", part(header.as_bytes()), part(payload.as_bytes()));
    let signature = pair.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
    secret(format!("{input}.{}", part(signature.as_ref())))
}
