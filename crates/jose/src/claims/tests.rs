use kernel::{Acr, Action, Amr, Scope};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::{ClaimMap, Thumbprint, TokenError};

const UUID: &str = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11";

fn detail() -> AuthorizationDetail {
    AuthorizationDetail::Operation {
        operation_id: UUID.parse().unwrap(),
        digest: [0xab; 32],
        action: Action::WalletExport,
        wallet: Some(UUID.parse().unwrap()),
    }
}

fn elevated() -> ElevatedClaims {
    ElevatedClaims {
        iss: "https://issuer.example".to_owned(),
        aud: "countersign".to_owned(),
        sub: UUID.parse().unwrap(),
        environment_id: UUID.parse().unwrap(),
        sid: "session-1".parse().unwrap(),
        jti: UUID.parse().unwrap(),
        iat: 1,
        nbf: 1,
        exp: 301,
        scope: vec![Scope::WalletExport, Scope::WalletSign],
        single_use: true,
        acr: Acr::Otp,
        amr: vec![Amr::Otp.as_str().to_owned(), Amr::Mfa.as_str().to_owned()],
        auth_time: 1,
        device_id: Some(UUID.parse().unwrap()),
        assertion_issuer: Some("risk".to_owned()),
        policy_version: 3,
        authorization_details: Some(vec![detail()]),
        cnf: Some(confirmation()),
    }
}

fn confirmation() -> Confirmation {
    Confirmation { jkt: Thumbprint::from_bytes([0xab; 32]) }
}

fn mfa() -> MfaClaims {
    let ElevatedClaims { iss, aud, sub, environment_id, sid, jti, iat, nbf, exp, single_use, .. } =
        elevated();
    let ElevatedClaims { acr, amr, auth_time, device_id, policy_version, cnf, .. } = elevated();
    MfaClaims {
        iss,
        aud,
        sub,
        environment_id,
        sid,
        jti,
        iat,
        nbf,
        exp,
        single_use,
        acr,
        amr,
        auth_time,
        device_id: device_id.unwrap(),
        policy_version,
        cnf,
    }
}

fn receipt() -> ReceiptClaims {
    ReceiptClaims {
        iss: "https://issuer.example".to_owned(),
        aud: "nodes".to_owned(),
        sub: UUID.parse().unwrap(),
        environment_id: UUID.parse().unwrap(),
        sid: "session-1".parse().unwrap(),
        jti: UUID.parse().unwrap(),
        iat: 1,
        exp: 61,
        operation_id: UUID.parse().unwrap(),
        digest: [0xab; 32],
        action: Action::WalletSign,
        wallet: Some(UUID.parse().unwrap()),
        share_generation: Some(1),
        paid_by: Some(UUID.parse().unwrap()),
        acr: Some(Acr::Otp),
        amr: Some(vec!["otp".to_owned()]),
        auth_time: Some(1),
        policy_version: 3,
    }
}

/// Replaces or removes the member at a JSON pointer's end.
fn changed<T: Serialize>(claims: &T, parent: &str, name: &str, value: Option<Value>) -> Value {
    let mut json = serde_json::to_value(claims).unwrap();
    let members = json.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => members.insert(name.to_owned(), value),
        None => members.remove(name),
    };
    json
}

fn reads<T: DeserializeOwned>(json: Value) -> bool {
    serde_json::from_value::<T>(json).is_ok()
}

#[test]
fn elevated_claims_are_written_by_their_documented_names() {
    let expected = json!({
        "iss": "https://issuer.example", "aud": "countersign", "sub": UUID, "environment_id": UUID, "sid": "session-1",
        "jti": UUID, "iat": 1, "nbf": 1, "exp": 301, "scope": "wallet:export wallet:sign", "singleUse": true,
        "acr": "urn:countersign:acr:otp", "amr": ["otp", "mfa"], "auth_time": 1, "device_id": UUID, "policy_version": 3,
        "assertion_issuer": "risk", "authorization_details": [{
            "type": "countersign_operation", "operation_id": UUID, "action": "wallet.waas.export", "wallet": UUID,
            "digest": "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s",
        }],
        "cnf": {"jkt": "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s"},
    });
    assert_eq!(serde_json::to_value(elevated()).unwrap(), expected);
    assert_eq!(serde_json::from_value::<ElevatedClaims>(expected).unwrap(), elevated());

    let unbound = ElevatedClaims { authorization_details: None, cnf: None, ..elevated() };
    let json = serde_json::to_value(&unbound).unwrap();
    assert!(json.get("authorization_details").is_none() && json.get("cnf").is_none());
    assert_eq!(serde_json::from_value::<ElevatedClaims>(json).unwrap(), unbound);
}

#[test]
fn legacy_claims_are_those_of_an_elevated_token_without_what_it_is_for() {
    let mut expected = serde_json::to_value(elevated()).unwrap();
    for name in ["scope", "authorization_details", "assertion_issuer"] {
        expected.as_object_mut().unwrap().remove(name);
    }
    assert_eq!(serde_json::to_value(mfa()).unwrap(), expected);
    assert_eq!(serde_json::from_value::<MfaClaims>(expected.clone()).unwrap(), mfa());
    let bearer = MfaClaims { cnf: None, ..mfa() };
    let json = serde_json::to_value(&bearer).unwrap();
    assert!(json.get("cnf").is_none());
    assert_eq!(serde_json::from_value::<MfaClaims>(json).unwrap(), bearer);
    // They are not taken for the claims of an elevated token, which always says what it is for.
    assert!(!reads::<ElevatedClaims>(expected));
}

#[test]
fn a_confirmation_is_known_completely_or_refused() {
    let parent = "/cnf";
    let accepted = |json: Value| reads::<ElevatedClaims>(json);
    assert!(!accepted(changed(&elevated(), parent, "x5t#S256", Some("a".into()))));
    assert!(!accepted(changed(&elevated(), parent, "jkt", None)));
    for bad in [json!(null), json!(""), json!("q6s"), json!({}), json!(7)] {
        assert!(!accepted(changed(&elevated(), parent, "jkt", Some(bad))));
    }
    for bad in [json!(null), json!({}), json!([]), json!("q6s")] {
        assert!(!accepted(changed(&elevated(), "", "cnf", Some(bad.clone()))));
        assert!(!reads::<MfaClaims>(changed(&mfa(), "", "cnf", Some(bad))));
    }
}

#[test]
fn receipt_claims_round_trip_with_and_without_what_is_optional() {
    let expected = json!({
        "iss": "https://issuer.example", "aud": "nodes", "sub": UUID, "environment_id": UUID, "sid": "session-1",
        "jti": UUID, "iat": 1, "exp": 61, "operation_id": UUID, "action": "wallet.waas.sign", "wallet": UUID,
        "digest": "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s", "share_generation": 1, "paid_by": UUID,
        "acr": "urn:countersign:acr:otp", "amr": ["otp"], "auth_time": 1, "policy_version": 3,
    });
    assert_eq!(serde_json::to_value(receipt()).unwrap(), expected);
    assert_eq!(serde_json::from_value::<ReceiptClaims>(expected).unwrap(), receipt());

    let optional = ["wallet", "share_generation", "paid_by", "acr", "amr", "auth_time"];
    let bare = ReceiptClaims {
        wallet: None,
        share_generation: None,
        paid_by: None,
        acr: None,
        amr: None,
        auth_time: None,
        ..receipt()
    };
    let json = serde_json::to_value(&bare).unwrap();
    assert!(optional.iter().all(|name| json.get(name).is_none()));
    assert_eq!(serde_json::from_value::<ReceiptClaims>(json).unwrap(), bare);
    for name in optional {
        assert!(!reads::<ReceiptClaims>(changed(&receipt(), "", name, Some(Value::Null))), "{name}");
    }
}

/// Each claim is removed and replaced in turn.
fn check_each_claim<T: DeserializeOwned + Serialize>(claims: &T, optional: &[&str]) {
    let json = serde_json::to_value(claims).unwrap();
    assert!(reads::<T>(json.clone()));
    for name in json.as_object().unwrap().keys() {
        let mut missing = json.clone();
        missing.as_object_mut().unwrap().remove(name);
        assert_eq!(reads::<T>(missing), optional.contains(&name.as_str()), "{name}");
        for wrong in [json!(null), json!({}), json!([[]]), json!(-1.5)] {
            let mut other = json.clone();
            other[name] = wrong.clone();
            assert!(!reads::<T>(other), "{name}: {wrong}");
        }
    }
}

#[test]
fn every_required_claim_is_required_and_typed() {
    check_each_claim(&elevated(), &["device_id", "assertion_issuer", "authorization_details", "cnf"]);
    check_each_claim(&mfa(), &["cnf"]);
    check_each_claim(&receipt(), &["wallet", "share_generation", "paid_by", "acr", "amr", "auth_time"]);
}

#[test]
fn identifiers_and_names_are_read_in_their_one_spelling() {
    let upper = UUID.to_uppercase();
    for name in ["sub", "environment_id", "jti", "device_id"] {
        for bad in [upper.as_str(), "", "alice", "00000000-0000-0000-0000-000000000000"] {
            assert!(
                !reads::<ElevatedClaims>(changed(&elevated(), "", name, Some(bad.into()))),
                "{name} {bad}"
            );
        }
    }
    assert!(!reads::<ElevatedClaims>(changed(&elevated(), "", "acr", Some("PHR".into()))));
    for action in ["wallet.waas.fly", "wallet:sign", ""] {
        assert!(!reads::<ReceiptClaims>(changed(&receipt(), "", "action", Some(action.into()))));
    }
    for digest in [
        "",
        "q6s",
        "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=",
        "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6t",
    ] {
        assert!(!reads::<ReceiptClaims>(changed(&receipt(), "", "digest", Some(digest.into()))), "{digest}");
    }
}

#[test]
fn scope_is_a_list_of_known_scopes() {
    let accepted =
        |scope: &str| reads::<ElevatedClaims>(changed(&elevated(), "", "scope", Some(scope.into())));
    assert!(accepted("wallet:export") && accepted("credential:link wallet:sign"));
    for bad in [
        "",
        " ",
        "wallet:fly",
        "Wallet:Export",
        "wallet:export ",
        " wallet:export",
        "wallet:export  wallet:sign",
        "wallet:export wallet:export",
        "wallet:export,wallet:sign",
        "wallet:export\twallet:sign",
    ] {
        assert!(!accepted(bad), "{bad:?}");
    }
}

#[test]
fn authorization_details_are_known_completely_or_refused() {
    let parent = "/authorization_details/0";
    assert!(!reads::<ElevatedClaims>(changed(&elevated(), parent, "type", Some("payment".into()))));
    assert!(!reads::<ElevatedClaims>(changed(&elevated(), parent, "limit", Some(1.into()))));
    for name in ["type", "operation_id", "digest", "action"] {
        assert!(!reads::<ElevatedClaims>(changed(&elevated(), parent, name, None)), "{name}");
    }
    assert!(reads::<ElevatedClaims>(changed(&elevated(), parent, "wallet", None)));
    for details in [json!([]), json!(null), json!({}), json!([null])] {
        assert!(!reads::<ElevatedClaims>(changed(&elevated(), "", "authorization_details", Some(details))));
    }
}

#[test]
fn an_administrator_s_roles_are_read_from_their_own_claim() {
    let json = json!({"iss": "i", "aud": "a", "sub": "s", "iat": 1, "exp": 2, "countersign_roles": ["owner@*"], "x": 1});
    let claims: AdminClaims = serde_json::from_value(json).unwrap();
    assert_eq!(claims.roles, ["owner@*"]);
    assert_eq!(serde_json::to_value(&claims).unwrap()["countersign_roles"], json!(["owner@*"]));
    assert!(!reads::<AdminClaims>(changed(&claims, "", "countersign_roles", None)));
    assert!(!reads::<AdminClaims>(changed(&claims, "", "countersign_roles", Some("owner@*".into()))));
}

fn session(name: &str, value: impl Into<Option<Value>>) -> Result<SessionClaims, TokenError> {
    let mut claims: ClaimMap = serde_json::from_value(
        json!({"sub": "alice", "sid": "s-1", "auth_time": 5, "exp": 9, "other": "o-1"}),
    )
    .unwrap();
    match value.into() {
        Some(value) => claims.insert(name.to_owned(), value),
        None => claims.remove(name),
    };
    session_claims(&claims, "sid")
}

#[test]
fn a_session_is_read_from_the_claims_configured() {
    let read = session("x", json!(1)).unwrap();
    assert_eq!(read.subject, "alice");
    assert_eq!(read.session_id, Some("s-1".parse().unwrap()));
    assert_eq!((read.auth_time, read.exp), (Some(5), 9));

    let claims: ClaimMap = serde_json::from_value(json!({"sub": "alice", "exp": 9, "other": "o-1"})).unwrap();
    assert_eq!(session_claims(&claims, "other").unwrap().session_id, Some("o-1".parse().unwrap()));
    let read = session_claims(&claims, "sid").unwrap();
    assert_eq!((read.session_id, read.auth_time), (None, None));
    assert_eq!(session("auth_time", json!(5.9)).unwrap().auth_time, Some(5));
}

#[test]
fn a_session_with_wrong_claims_is_refused() {
    assert!(session("sub", json!("é".repeat(255))).is_ok());
    for bad in [
        None,
        Some(json!("")),
        Some(json!("x".repeat(256))),
        Some(json!("a\nb")),
        Some(json!(7)),
        Some(json!(null)),
    ] {
        assert_eq!(session("sub", bad), Err(TokenError::ClaimInvalid("sub")));
    }
    for bad in [json!(""), json!("a b"), json!("x".repeat(129)), json!(7), json!(null), json!(["s"])] {
        assert_eq!(session("sid", bad), Err(TokenError::ClaimInvalid("the session claim")));
    }
    for bad in [json!("5"), json!(null), json!(-1), json!(1e20)] {
        assert_eq!(session("auth_time", bad), Err(TokenError::ClaimInvalid("auth_time")));
    }
    assert_eq!(session("exp", None), Err(TokenError::ClaimInvalid("exp")));
}

fn assertion(name: &str, value: impl Into<Option<Value>>) -> Result<AssertionClaims, TokenError> {
    let mut claims: ClaimMap = serde_json::from_value(json!({
        "sub": "alice", "scope": "wallet:export wallet:sign", "jti": "a-1", "iat": 100, "exp": 160, "auth_time": 90,
    }))
    .unwrap();
    match value.into() {
        Some(value) => claims.insert(name.to_owned(), value),
        None => claims.remove(name),
    };
    assertion_claims(&claims)
}

#[test]
fn an_assertion_is_read_with_all_that_it_has_to_say() {
    let read = assertion("x", json!(1)).unwrap();
    assert_eq!(read.subject, "alice");
    assert_eq!(read.scopes, [Scope::WalletExport, Scope::WalletSign]);
    assert_eq!((read.id.as_str(), read.iat, read.exp, read.auth_time), ("a-1", 100, 160, Some(90)));
    assert_eq!(assertion("auth_time", None).unwrap().auth_time, None);
    assert_eq!(assertion("auth_time", json!(100)).unwrap().auth_time, Some(100));
    assert!(assertion("jti", json!("é".repeat(255))).is_ok());
}

#[test]
fn an_assertion_with_wrong_claims_is_refused() {
    let every = [json!(null), json!({}), json!([]), json!(true), json!("")];
    for name in ["sub", "scope", "jti", "iat", "exp"] {
        for bad in every.iter().cloned().map(Some).chain([None]) {
            assert_eq!(assertion(name, bad.clone()), Err(TokenError::ClaimInvalid(name)), "{name} {bad:?}");
        }
    }
    for (name, bad) in [
        ("jti", json!("x".repeat(256))),
        ("jti", json!("a\nb")),
        ("jti", json!(7)),
        ("scope", json!("wallet:fly")),
        ("scope", json!("wallet:sign wallet:sign")),
        ("scope", json!("wallet:sign openid")),
        ("scope", json!(["wallet:sign"])),
        ("exp", json!(100)),
        ("exp", json!(99)),
        ("auth_time", json!(101)),
        ("auth_time", json!("90")),
        ("auth_time", json!(null)),
    ] {
        assert_eq!(assertion(name, bad.clone()), Err(TokenError::ClaimInvalid(name)), "{name} {bad}");
    }
}
