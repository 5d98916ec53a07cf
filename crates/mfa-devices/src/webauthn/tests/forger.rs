//! A device that says whatever it is told to, and signs it: so that an answer has one flaw and no other.

use super::*;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use ciborium::Value as Cbor;
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};

/// User present, user verified.
pub(super) const PRESENT: u8 = 0b1;
pub(super) const VERIFIED: u8 = 0b100;
pub(super) const ELIGIBLE: u8 = 0b1000;
pub(super) const BACKED_UP: u8 = 0b1_0000;
pub(super) const ATTESTED: u8 = 0b100_0000;
pub(super) const EXTENSIONS: u8 = 0b1000_0000;

pub(super) struct Forger {
    /// COSE_Key (RFC 9052 section 7).
    pub(super) public_key: Vec<u8>,
    pub(super) signs: Box<dyn Fn(&[u8]) -> Vec<u8>>,
    pub(super) id: Vec<u8>,
    pub(super) rp_id: &'static str,
    pub(super) flags: u8,
    pub(super) count: u32,
    /// After the authenticator data.
    pub(super) tail: Vec<u8>,
    /// After the attestation object.
    pub(super) after: Vec<u8>,
    /// Members of the client data, in place of those that would be right.
    pub(super) client_data: Value,
}

#[expect(clippy::disallowed_methods, reason = "the keys are the library's own")]
fn random() -> SystemRandom {
    SystemRandom::new()
}

fn cose(members: &[(i64, Cbor)]) -> Vec<u8> {
    let map = members.iter().map(|(label, value)| (Cbor::from(*label), value.clone())).collect();
    let mut octets = Vec::new();
    ciborium::into_writer(&Cbor::Map(map), &mut octets).unwrap();
    octets
}

impl Forger {
    /// With ES256.
    pub(super) fn new() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let point = key.public_key().as_ref().to_vec();
        let public_key = cose(&[
            (1, 2.into()),
            (3, (-7).into()),
            (-1, 1.into()),
            (-2, Cbor::Bytes(point[1..33].to_vec())),
            (-3, Cbor::Bytes(point[33..].to_vec())),
        ]);
        Self::with(public_key, move |message| key.sign(&random(), message).unwrap().as_ref().to_vec())
    }

    /// With RS256, and as many bits as the library takes.
    pub(super) fn rsa() -> Self {
        let key = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
        let public_key = cose(&[
            (1, 3.into()),
            (3, (-257).into()),
            (-1, Cbor::Bytes(key.public_key().modulus().big_endian_without_leading_zero().to_vec())),
            (-2, Cbor::Bytes(key.public_key().exponent().big_endian_without_leading_zero().to_vec())),
        ]);
        Self::with(public_key, move |message| {
            let mut signature = vec![0; key.public_modulus_len()];
            key.sign(&RSA_PKCS1_SHA256, &random(), message, &mut signature).unwrap();
            signature
        })
    }

    fn with(public_key: Vec<u8>, signs: impl Fn(&[u8]) -> Vec<u8> + 'static) -> Self {
        Self {
            public_key,
            signs: Box::new(signs),
            id: vec![0xc1; 32],
            rp_id: "wallet.example",
            flags: PRESENT | VERIFIED,
            count: 0,
            tail: Vec::new(),
            after: Vec::new(),
            client_data: json!({}),
        }
    }

    fn client_data(&self, kind: &str, options_json: &str) -> Vec<u8> {
        let mut data = json!({
            "type": kind,
            "challenge": value(options_json)["challenge"],
            "origin": ORIGIN,
            "crossOrigin": false,
        });
        for (name, wrong) in self.client_data.as_object().unwrap() {
            data[name] = wrong.clone();
        }
        data.to_string().into_bytes()
    }

    fn data(&self, flags: u8) -> Vec<u8> {
        let mut data = Sha256::digest(self.rp_id).to_vec();
        data.push(flags);
        data.extend(self.count.to_be_bytes());
        data
    }

    /// The answer to a registration, as JSON that can be spoilt further.
    pub(super) fn register(&self, options_json: &str) -> Value {
        let mut data = self.data(self.flags | ATTESTED);
        data.extend([0xaa; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        data.extend(&self.public_key);
        data.extend(&self.tail);
        let object = Cbor::Map(vec![
            ("fmt".into(), "none".into()),
            ("attStmt".into(), Cbor::Map(Vec::new())),
            ("authData".into(), Cbor::Bytes(data)),
        ]);
        let mut octets = Vec::new();
        ciborium::into_writer(&object, &mut octets).unwrap();
        octets.extend(&self.after);
        json!({
            "id": BASE64URL_NOPAD.encode(&self.id),
            "rawId": BASE64URL_NOPAD.encode(&self.id),
            "type": "public-key",
            "response": {
                "clientDataJSON": BASE64URL_NOPAD.encode(&self.client_data("webauthn.create", options_json)),
                "attestationObject": BASE64URL_NOPAD.encode(&octets),
                "transports": ["internal", "later"],
            },
            "clientExtensionResults": {},
        })
    }

    /// The answer to an authentication.
    pub(super) fn sign(&self, options_json: &str) -> Value {
        let mut data = self.data(self.flags);
        data.extend(&self.tail);
        let client_data = self.client_data("webauthn.get", options_json);
        let message = [data.clone(), Sha256::digest(&client_data).to_vec()].concat();
        let signature = (self.signs)(&message);
        json!({
            "id": BASE64URL_NOPAD.encode(&self.id),
            "rawId": BASE64URL_NOPAD.encode(&self.id),
            "type": "public-key",
            "response": {
                "clientDataJSON": BASE64URL_NOPAD.encode(&client_data),
                "authenticatorData": BASE64URL_NOPAD.encode(&data),
                "signature": BASE64URL_NOPAD.encode(&signature),
            },
            "clientExtensionResults": {},
        })
    }
}
