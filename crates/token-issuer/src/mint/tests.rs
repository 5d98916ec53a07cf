mod bad_claims;

use super::*;
use crate::fixtures::{ISSUER, NOW, create, export, mint, session, sign, token, unlink};
use jose::{ElevatedClaims, ReceiptClaims, SigningKey, TokenError};
use kernel::{Action, Scope};
use operation::CheckedOperation;
use serde_json::{Value, json};

use crate::domain::requirement::TokenBehavior;

fn secret(text: String) -> SecretText {
    SecretText::from(text)
}

fn refused(mint: &Mint, jwt: &SecretText, now: Timestamp) -> Reason {
    mint.open(TokenKind::Elevated, jwt, now).unwrap_err().reason()
}

#[test]
fn a_token_is_read_back_as_it_was_made() {
    let mint = mint();
    let token = token(1);
    let jwt = mint.token(&token).unwrap();
    assert_eq!(mint.open(TokenKind::Elevated, &jwt, NOW).unwrap(), token);
    // After its expiry its record decides, until that is forgotten.
    let end = token.expires.plus(RETRY_WINDOW);
    assert_eq!(mint.open(TokenKind::Elevated, &jwt, token.expires).unwrap(), token);
    assert_eq!(refused(&mint, &jwt, end), Reason::TokenExpired);
}

#[test]
fn the_claims_are_those_of_the_design() {
    let mint = mint();
    let bound = Token { bound: crate::domain::bound::Bound::to(&export(1)), ..token(1) };
    let jwt = mint.token(&bound).unwrap();
    let expect = Expect {
        kind: Kind::Elevated,
        issuer: ISSUER,
        audiences: &[ELEVATED_AUDIENCE],
        algorithms: &[Algorithm::Es256],
        leeway: Duration::ZERO,
        max_age: None,
    };
    let claims: Value = Value::Object(
        jose::verify::<jose::ClaimMap>(jwt.expose_secret(), mint.keys.last().elevated.public(), &expect, NOW)
            .unwrap()
            .claims,
    );
    let operation = export(1);
    assert_eq!(
        claims,
        json!({
            "iss": ISSUER,
            "aud": ELEVATED_AUDIENCE,
            "sub": bound.user.to_string(),
            "environment_id": bound.environment.to_string(),
            "sid": "session-1",
            "jti": bound.id.to_string(),
            "iat": NOW.seconds(),
            "nbf": NOW.seconds(),
            "exp": NOW.seconds() + 300,
            "scope": "wallet:export",
            "singleUse": true,
            "acr": "urn:countersign:acr:otp",
            "amr": ["otp", "mfa"],
            "auth_time": NOW.seconds(),
            "device_id": bound.source.device().unwrap().to_string(),
            "policy_version": 3,
            "authorization_details": [{
                "type": "countersign_operation",
                "operation_id": operation.operation().id.to_string(),
                "digest": operation.digest().to_string(),
                "action": "wallet.waas.export",
                "wallet": operation.wallet().unwrap().id.to_string(),
            }],
        })
    );
}

#[test]
fn no_other_kind_key_issuer_or_audience_passes_for_a_token() {
    let mint = mint();
    let claims = claims::elevated(&token(1), ISSUER, ELEVATED_AUDIENCE);
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let grant = Grant { operation: &export(1), session: &session(), token: None, policy_version: 3 };
    let by_receipt_key = mint.keys.last().receipts.sign(&claims).unwrap();
    let receipt = mint.receipt(&grant, NOW).unwrap().jwt;
    let mut others = vec![
        receipt,
        by_receipt_key,
        mint.keys
            .last()
            .elevated
            .sign(&ElevatedClaims { iss: "https://other.example".to_owned(), ..claims.clone() })
            .unwrap(),
        mint.keys
            .last()
            .elevated
            .sign(&ElevatedClaims { aud: "urn:other".to_owned(), ..claims.clone() })
            .unwrap(),
        jose::sign(Kind::Elevated, &claims, &stranger).unwrap(),
        secret(String::new()),
        secret("a.b.c".to_owned()),
    ];
    for kind in [Kind::Session, Kind::LegacyMfa, Kind::Receipt, Kind::Admin, Kind::KeyStatement] {
        others.push(jose::sign(kind, &claims, &stranger).unwrap());
    }
    // The name of our key, but not the key; and a header that says `none`.
    let named =
        stranger.with_key_id(mint.keys.last().elevated.public().iter().next().unwrap().key_id().clone());
    others.push(jose::sign(Kind::Elevated, &claims, &named).unwrap());
    let good = mint.token(&token(1)).unwrap();
    let (_, rest) = good.expose_secret().split_once('.').unwrap();
    let header = data_encoding::BASE64URL_NOPAD.encode(br#"{"alg":"none","typ":"elevated+jwt"}"#);
    others.push(secret(format!("{header}.{rest}")));
    let (body, _) = good.expose_secret().rsplit_once('.').unwrap();
    others.push(secret(format!("{body}.")));
    for other in others {
        assert_eq!(refused(&mint, &other, NOW), Reason::TokenInvalid);
    }
}

#[test]
fn an_elevated_token_is_no_receipt() {
    let mint = mint();
    let jwt = mint.token(&token(1)).unwrap();
    let expect = Expect {
        kind: Kind::Receipt,
        issuer: ISSUER,
        audiences: &["nodes"],
        algorithms: &Algorithm::ALL,
        leeway: Duration::ZERO,
        max_age: None,
    };
    let refused =
        jose::verify::<ReceiptClaims>(jwt.expose_secret(), mint.keys.last().receipts.public(), &expect, NOW);
    assert_eq!(refused.unwrap_err(), TokenError::WrongKind);
}

#[test]
fn a_token_from_the_future_is_not_one_yet() {
    let mint = mint();
    let jwt = mint.token(&token(1)).unwrap();
    assert!(mint.open(TokenKind::Elevated, &jwt, NOW.minus(LEEWAY)).is_ok());
    let early = NOW.minus(LEEWAY + Duration::from_millis(1));
    assert_eq!(refused(&mint, &jwt, early), Reason::TokenInvalid);
    let proved_later = Token { auth_time: NOW.plus(Duration::from_secs(60)), ..token(1) };
    let jwt = mint.token(&proved_later).unwrap();
    assert_eq!(refused(&mint, &jwt, NOW), Reason::TokenInvalid);
}

fn receipt_claims(
    mint: &Mint,
    operation: &CheckedOperation,
    token: Option<&Token>,
    audience: &str,
) -> ReceiptClaims {
    let grant = Grant { operation, session: &session(), token, policy_version: 5 };
    let now = NOW.plus(Duration::from_millis(999));
    let receipt = mint.receipt(&grant, now).unwrap();
    let expect = Expect {
        kind: Kind::Receipt,
        issuer: ISSUER,
        audiences: &[audience],
        algorithms: &Algorithm::ALL,
        leeway: Duration::ZERO,
        max_age: None,
    };
    let claims: ReceiptClaims =
        jose::verify(receipt.jwt.expose_secret(), &mint.receipt_keys(), &expect, now).unwrap().claims;
    assert_eq!(Timestamp::from_seconds(claims.exp), receipt.expires);
    assert!(receipt.expires.since(now) <= Duration::from_secs(60));
    claims
}

#[test]
fn a_receipt_says_exactly_what_may_be_done_and_who_paid() {
    let mint = mint();
    let operation = export(1);
    let token = token(1);
    let claims = receipt_claims(&mint, &operation, Some(&token), "nodes");
    assert_eq!(claims.sub, token.user);
    assert_eq!(claims.environment_id, token.environment);
    assert_eq!(claims.sid, token.session);
    assert_eq!(claims.operation_id, operation.operation().id);
    assert_eq!(claims.digest, *operation.digest().as_bytes());
    assert_eq!(claims.action, Action::WalletExport);
    assert_eq!(claims.wallet, operation.wallet().map(|wallet| wallet.id));
    assert_eq!(claims.share_generation, Some(1));
    assert_eq!(claims.paid_by, Some(token.id));
    assert_eq!(claims.acr, Some(token.acr));
    assert_eq!(claims.amr, Some(vec!["otp".to_owned(), "mfa".to_owned()]));
    assert_eq!(claims.auth_time, Some(token.auth_time.seconds()));
    assert_eq!(claims.policy_version, 5);
    assert_ne!(claims.jti, receipt_claims(&mint, &operation, Some(&token), "nodes").jti);
}

#[test]
fn a_receipt_names_no_payer_where_none_paid() {
    let mint = mint();
    let open = receipt_claims(&mint, &sign(1, b"hello"), None, "nodes");
    assert_eq!((open.paid_by, open.acr, open.amr, open.auth_time), (None, None, None, None));
    let time_bound = Token { behavior: TokenBehavior::TimeBound, ..token(1) };
    let claims = receipt_claims(&mint, &export(1), Some(&time_bound), "nodes");
    assert_eq!((claims.paid_by, claims.acr), (None, Some(time_bound.acr)));
}

#[test]
fn receipts_go_to_whoever_acts_on_them() {
    let mint = mint();
    let created = receipt_claims(&mint, &create(1), None, "nodes");
    assert_eq!((created.wallet, created.share_generation), (None, None));
    let token = Token { scopes: vec![Scope::CredentialUnlink], ..token(1) };
    receipt_claims(&mint, &unlink(1), Some(&token), "factors");
}

#[test]
fn the_key_sets_are_published_together_and_have_no_key_in_common() {
    let mint = mint();
    let all = mint.public_keys().unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!(mint.receipt_keys().len(), 1);
    let receipts = mint.receipt_keys();
    let receipt = receipts.iter().next().unwrap();
    assert!(mint.keys.last().elevated.public().get(receipt.key_id()).is_none());
    let json: Value = serde_json::from_str(&all.to_jwks_json()).unwrap();
    for key in json["keys"].as_array().unwrap() {
        assert!(key.get("d").is_none() && key["kid"].is_string() && key["use"] == "sig");
    }
}
