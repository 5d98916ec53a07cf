//! Statements of receipt keys.

use jose::{Algorithm, KeySet, SigningKey, verify_statement};
use kernel::Clock as _;
use runtime::SystemClock;

use super::*;
use crate::key_files::operator_root;

fn keys(place: &Place, name: &str, keys: &[&SigningKey]) {
    let set = KeySet::from_keys(keys.iter().map(|key| key.public_jwk()).collect()).unwrap();
    std::fs::write(place.path(name), set.to_jwks_json()).unwrap();
}

const NEW: &str = "keys statement new --root @root.json --issuer https://issuer.example --out @s.jwt";

#[tokio::test]
async fn a_statement_says_what_was_typed_and_a_verifier_accepts_it() {
    let place = Place::new();
    place.type_in("keys root new --out @root.json").await.unwrap();
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    keys(&place, "keys.json", &[&key]);
    place.type_in(&format!("{NEW} --keys @keys.json --sequence 7 --valid-days 30")).await.unwrap();
    let root = operator_root(&place.path("root.json")).unwrap().public_jwk();
    let now = SystemClock.now();
    let text = place.text("s.jwt");
    let found = verify_statement(text.trim(), &root, "https://issuer.example", 7, now).unwrap();
    assert_eq!((found.sequence, found.keys.len()), (7, 1));
    assert_eq!(found.keys.get(key.key_id()), Some(&key.public_jwk()));
    let days = (found.not_after - now.seconds() + 60) / 86_400;
    assert_eq!(days, 30);
    assert!(found.not_before < now.seconds());
    place.type_in("keys statement show @s.jwt").await.unwrap();
    place.type_in("keys statement show @s.jwt --root @root.pub.json").await.unwrap();
    place.type_in("keys root new --out @other.json").await.unwrap();
    assert!(place.type_in("keys statement show @s.jwt --root @other.pub.json").await.is_err());
    assert!(place.type_in("keys statement show @root.pub.json").await.is_err());
}

#[tokio::test]
async fn an_older_number_does_not_replace_a_newer_one() {
    let place = Place::new();
    place.type_in("keys root new --out @root.json").await.unwrap();
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    keys(&place, "keys.json", &[&key]);
    let new = |sequence: &str| format!("{NEW} --keys @keys.json --sequence {sequence} --valid-days 30");
    place.type_in(&new("5")).await.unwrap();
    let five = place.text("s.jwt");
    for sequence in ["4", "5", "0", "9007199254740992"] {
        assert!(place.refused(&new(sequence)).await.contains("sequence"), "{sequence}");
        assert_eq!(place.text("s.jwt"), five);
    }
    place.type_in(&new("6")).await.unwrap();
    // What is no statement is not replaced either: it may be the wrong file.
    assert!(place.type_in(&new("7").replace("@s.jwt", "@root.json")).await.is_err());
}

#[tokio::test]
async fn keys_that_sign_no_receipts_and_wrong_words_are_refused() {
    let place = Place::new();
    place.type_in("keys root new --out @root.json").await.unwrap();
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    keys(&place, "keys.json", &[&key]);
    let public = key.public_jwk().to_json();
    for (name, text) in [
        ("empty", r#"{"keys":[]}"#.to_owned()),
        ("private", format!(r#"{{"keys":[{}]}}"#, public.replacen('{', r#"{"d":"AAAA","#, 1))),
        ("other", format!(r#"{{"keys":[{public},{{"kty":"OKP","crv":"X25519","x":"AAAA","kid":"x"}}]}}"#)),
        ("none", "nothing".to_owned()),
    ] {
        std::fs::write(place.path(name), text).unwrap();
        let line = format!("{NEW} --keys @{name} --sequence 1 --valid-days 30");
        assert!(place.type_in(&line).await.is_err(), "{name}");
    }
    for words in
        ["--sequence 1 --valid-days 0", "--sequence 1 --valid-days 2000", "--sequence 1", "--valid-days 3"]
    {
        assert!(place.type_in(&format!("{NEW} --keys @keys.json {words}")).await.is_err(), "{words}");
    }
    // A root is needed, and no other key file.
    place.type_in("keys encryption new --role mfa-devices --deployment main --out @mfa.json").await.unwrap();
    let line =
        format!("{NEW} --keys @keys.json --sequence 1 --valid-days 3").replace("@root.json", "@mfa.json");
    assert!(place.refused(&line).await.contains("key-encryption"));
    assert!(!place.path("s.jwt").exists());
}
