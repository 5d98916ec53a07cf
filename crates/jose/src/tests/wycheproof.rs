//! Project Wycheproof's vectors for the signatures that tokens have: ECDSA over P-256 with SHA-256 in the form of RFC 7518
//! section 3.4 (`ecdsa_secp256r1_sha256_p1363_test.json`), Ed25519 (`ed25519_test.json`) and RSASSA-PKCS1-v1_5 with SHA-256
//! (`rsa_signature_{2048,3072,4096,8192}_sha256_test.json`), as the crate `wycheproof` has them. It leaves out
//! `json_web_signature_test.json`, as no package in the registries has it. So each key is read here as a JWK, and each
//! signature judged in base64url by the one function that judges those of tokens; what the header adds is in `header.rs`,
//! and what the serialisation adds in `serialisation.rs`.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify as rsa};

use crate::{PublicJwk, encoding};

/// How many vectors of a file were judged, by what the file says of them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Judged {
    valid: usize,
    invalid: usize,
    acceptable: usize,
}

impl Judged {
    fn count(&mut self, key: &PublicJwk, id: usize, message: &[u8], signature: &[u8], result: TestResult) {
        let verifies = key.verifies(message, &encoding::encode(signature));
        let algorithm = key.algorithm();
        match result {
            TestResult::Valid => {
                self.valid += 1;
                assert!(verifies, "{algorithm}: {id} is valid and was refused");
            }
            // RSA with an algorithm identifier whose NULL is missing: some verifiers let it pass, this one does not.
            TestResult::Acceptable => {
                self.acceptable += 1;
                assert!(
                    !verifies,
                    "{algorithm}: {id} is not what RFC 8017 section 9.2 makes and was accepted"
                );
            }
            TestResult::Invalid => {
                self.invalid += 1;
                assert!(!verifies, "{algorithm}: {id} is invalid and was accepted");
            }
        }
    }
}

fn key(jwk: &Value) -> PublicJwk {
    PublicJwk::from_json(&jwk.to_string()).unwrap_or_else(|error| panic!("{jwk}: {error}"))
}

/// A number without leading zeros, as RFC 7518 section 6.3.1 has it.
fn number(octets: &[u8]) -> String {
    let start = octets.iter().position(|octet| *octet != 0).unwrap();
    encoding::encode(&octets[start..])
}

#[test]
fn es256_signatures_are_accepted_and_refused_as_marked() {
    let mut judged = Judged::default();
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).unwrap();
    for group in set.test_groups {
        let (x, y) = group.key.key[1..].split_at(32);
        let key = key(&json!({
            "kty": "EC", "crv": "P-256", "x": encoding::encode(x), "y": encoding::encode(y),
        }));
        for test in group.tests {
            judged.count(&key, test.tc_id, &test.msg, &test.sig, test.result);
        }
    }
    assert_eq!(judged, Judged { valid: 173, invalid: 89, acceptable: 0 });
}

#[test]
fn eddsa_signatures_are_accepted_and_refused_as_marked() {
    let mut judged = Judged::default();
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    for group in set.test_groups {
        let x = encoding::encode(&group.key.pk);
        let key = key(&json!({"kty": "OKP", "crv": "Ed25519", "x": x}));
        for test in group.tests {
            judged.count(&key, test.tc_id, &test.msg, &test.sig, test.result);
        }
    }
    assert_eq!(judged, Judged { valid: 88, invalid: 63, acceptable: 0 });
}

#[test]
fn rs256_signatures_are_accepted_and_refused_as_marked() {
    let mut judged = BTreeMap::new();
    for (bits, name) in [
        (2048, rsa::TestName::Rsa2048Sha256),
        (3072, rsa::TestName::Rsa3072Sha256),
        (4096, rsa::TestName::Rsa4096Sha256),
        (8192, rsa::TestName::Rsa8192Sha256),
    ] {
        let of_size: &mut Judged = judged.entry(bits).or_default();
        for group in rsa::TestSet::load(name).unwrap().test_groups {
            let key = key(&json!({"kty": "RSA", "n": number(&group.key.n), "e": number(&group.key.e)}));
            for test in group.tests {
                of_size.count(&key, test.tc_id, &test.msg, &test.sig, test.result);
            }
        }
    }
    let counts = |bits: usize| &judged[&bits];
    assert_eq!(*counts(2048), Judged { valid: 9, invalid: 249, acceptable: 1 });
    assert_eq!(*counts(3072), Judged { valid: 8, invalid: 250, acceptable: 1 });
    assert_eq!(*counts(4096), Judged { valid: 7, invalid: 250, acceptable: 1 });
    assert_eq!(*counts(8192), Judged { valid: 7, invalid: 250, acceptable: 1 });
}
