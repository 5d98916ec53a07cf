use kernel::Timestamp;
use serde_json::{Value, json};

use super::support::*;
use crate::{
    Algorithm, KeySet, KeySetError, KeyStatement, Kind, MAX_STATEMENT_BYTES, PublicJwk, SigningKey,
    StatementError, TokenError, peek_statement, sign_statement, verify_statement,
};

fn root() -> &'static SigningKey {
    key(Algorithm::EdDsa)
}

fn statement() -> KeyStatement {
    KeyStatement {
        sequence: 7,
        issuer: ISSUER.to_owned(),
        not_before: NOW - 100,
        not_after: NOW + 100,
        keys: set(&[es256()]),
    }
}

fn read_at(text: &str, minimum: u64, now: i64) -> Result<KeyStatement, StatementError> {
    verify_statement(text, &root().public_jwk(), ISSUER, minimum, Timestamp::from_seconds(now))
}

fn read(text: &str) -> Result<KeyStatement, StatementError> {
    read_at(text, 1, NOW)
}

/// The payload of the statement, changed and signed by the root.
fn changed(change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> String {
    let text = sign_statement(&statement(), root()).unwrap();
    let payload = crate::encoding::decode(text.split('.').nth(1).unwrap()).unwrap();
    let mut payload: Value = serde_json::from_slice(&payload).unwrap();
    change(payload.as_object_mut().unwrap());
    craft(&header(Kind::KeyStatement, root(), ""), &payload.to_string(), root())
}

#[test]
fn a_statement_by_the_root_is_read_as_it_was_made() {
    let text = sign_statement(&statement(), root()).unwrap();
    assert_eq!(read(&text), Ok(statement()));
    assert_eq!(read(&changed(|_| {})), Ok(statement()));
}

#[test]
fn what_a_text_says_is_read_without_being_believed() {
    let text = sign_statement(&statement(), root()).unwrap();
    assert_eq!(peek_statement(&text), Ok(statement()));
    // Also when nobody known signed it, or its time is over.
    let stranger = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let old = KeyStatement { not_before: 1, not_after: 2, ..statement() };
    assert_eq!(peek_statement(&sign_statement(&old, &stranger).unwrap()), Ok(old));
    for bad in ["", "a.b.c", "not a statement"] {
        assert!(peek_statement(bad).is_err(), "{bad}");
    }
    let receipt = token(Kind::Receipt, &good_claims(), es256());
    assert_eq!(peek_statement(&receipt), Err(StatementError::Token(TokenError::WrongKind)));
    assert!(peek_statement(&changed(|payload| drop(payload.remove("jwks")))).is_err());
}

#[test]
fn the_keys_of_a_statement_verify_receipts() {
    let keys = read(&sign_statement(&statement(), root()).unwrap()).unwrap().keys;
    let receipt = token(Kind::Receipt, &good_claims(), es256());
    assert!(crate::verify::<crate::ClaimMap>(&receipt, &keys, &expect(Kind::Receipt), now()).is_ok());
}

#[test]
fn an_older_sequence_than_was_seen_is_refused() {
    let text = sign_statement(&statement(), root()).unwrap();
    assert!(read_at(&text, 0, NOW).is_ok());
    assert!(read_at(&text, 7, NOW).is_ok());
    assert_eq!(read_at(&text, 8, NOW), Err(StatementError::SequenceTooLow { found: 7, minimum: 8 }));
    assert!(read_at(&text, u64::MAX, NOW).is_err());
}

#[test]
fn a_statement_holds_within_its_time_only() {
    let text = sign_statement(&statement(), root()).unwrap();
    assert_eq!(read_at(&text, 1, NOW - 101), Err(StatementError::NotYetValid));
    assert!(read_at(&text, 1, NOW - 100).is_ok());
    assert!(read_at(&text, 1, NOW + 99).is_ok());
    assert_eq!(read_at(&text, 1, NOW + 100), Err(StatementError::Expired));
}

#[test]
fn another_issuer_s_statement_is_refused() {
    let other = KeyStatement { issuer: "https://other.example".to_owned(), ..statement() };
    assert_eq!(read(&sign_statement(&other, root()).unwrap()), Err(StatementError::WrongIssuer));
}

#[test]
fn only_the_pinned_root_can_make_one() {
    let stranger = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let by_stranger = sign_statement(&statement(), &stranger).unwrap();
    assert_eq!(read(&by_stranger), Err(StatementError::Token(TokenError::UnknownKey)));

    let posing = stranger.with_key_id(root().key_id().clone());
    let by_impostor = sign_statement(&statement(), &posing).unwrap();
    assert_eq!(read(&by_impostor), Err(StatementError::Token(TokenError::BadSignature)));

    for other in [Algorithm::Es256, Algorithm::Rs256] {
        assert_eq!(sign_statement(&statement(), key(other)), Err(StatementError::RootAlgorithm));
        let refused = verify_statement("a.b.c", &key(other).public_jwk(), ISSUER, 1, now());
        assert_eq!(refused, Err(StatementError::RootAlgorithm));
    }
}

#[test]
fn no_other_kind_passes_for_a_statement() {
    let text = sign_statement(&statement(), root()).unwrap();
    let payload =
        String::from_utf8(crate::encoding::decode(text.split('.').nth(1).unwrap()).unwrap()).unwrap();
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::KeyStatement) {
        let token = craft(&header(kind, root(), ""), &payload, root());
        assert_eq!(read(&token), Err(StatementError::Token(TokenError::WrongKind)), "{kind:?}");
    }
}

#[test]
fn a_changed_statement_is_refused() {
    let text = sign_statement(&statement(), root()).unwrap();
    for place in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[place] ^= 1;
        assert!(read(&String::from_utf8(bytes).unwrap()).is_err(), "{place}");
    }
    assert!(read(&"x".repeat(MAX_STATEMENT_BYTES + 1)).is_err());
}

#[test]
fn what_the_root_signed_must_still_make_sense() {
    type Change = fn(&mut serde_json::Map<String, Value>);
    let changes: &[(&str, Change)] = &[
        ("another purpose", |it| it["purpose"] = "elevated".into()),
        ("purpose is not text", |it| it["purpose"] = 1.into()),
        ("sequence 0", |it| it["sequence"] = 0.into()),
        ("negative sequence", |it| it["sequence"] = (-1).into()),
        ("sequence with a fraction", |it| it["sequence"] = json!(7.5)),
        ("sequence as text", |it| it["sequence"] = "7".into()),
        ("no issuer", |it| it["sub"] = "".into()),
        ("ends before it begins", |it| it["exp"] = it["nbf"].clone()),
        ("begins before 1970", |it| it["nbf"] = (-1).into()),
        ("end as text", |it| it["exp"] = "1".into()),
        ("an unknown member", |it| drop(it.insert("crit".to_owned(), json!([])))),
        ("keys are not a set", |it| it["jwks"] = json!([])),
        ("a key for encryption", |it| it["jwks"]["keys"][0]["use"] = "enc".into()),
    ];
    for (what, change) in changes {
        let refused = read(&changed(change));
        assert!(
            matches!(refused, Err(StatementError::Invalid(_) | StatementError::Keys(_))),
            "{what}: {refused:?}"
        );
    }
    for name in ["purpose", "sub", "sequence", "nbf", "exp", "jwks"] {
        let text = changed(|it| drop(it.remove(name)));
        assert!(matches!(read(&text), Err(StatementError::Invalid(_))), "{name}");
    }
    let half_usable = changed(|it| {
        let mut encryption = it["jwks"]["keys"][0].clone();
        encryption["use"] = "enc".into();
        it["jwks"]["keys"].as_array_mut().unwrap().push(encryption);
    });
    assert!(matches!(read(&half_usable), Err(StatementError::Invalid(_))));
    let empty = changed(|it| it["jwks"]["keys"] = json!([]));
    assert_eq!(read(&empty), Err(StatementError::Keys(KeySetError::NoUsableKey)));
}

#[test]
fn a_statement_that_nobody_would_accept_is_not_made() {
    for bad in [
        KeyStatement { sequence: 0, ..statement() },
        KeyStatement { issuer: String::new(), ..statement() },
        KeyStatement { not_after: NOW - 100, ..statement() },
        KeyStatement { not_before: -1, ..statement() },
        KeyStatement { keys: KeySet::default(), ..statement() },
    ] {
        assert!(matches!(sign_statement(&bad, root()), Err(StatementError::Invalid(_))), "{bad:?}");
    }
}

#[test]
fn the_largest_key_set_fits() {
    let keys = (0..32)
        .map(|n| {
            let name = format!("{n:0>128}").parse().unwrap();
            PublicJwk::rsa(vec![0xff; 1024], vec![1, 0, 1], Some(name)).unwrap()
        })
        .collect();
    let large = KeyStatement { keys: KeySet::from_keys(keys).unwrap(), ..statement() };
    assert_eq!(read(&sign_statement(&large, root()).unwrap()), Ok(large));
}
