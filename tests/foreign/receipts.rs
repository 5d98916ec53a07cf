//! The verifiers in `examples` accept what they should, and nothing that was tampered with; and ours says the same of each.

use std::process::Stdio;
use std::sync::Arc;

use jose::{Algorithm, KeyStatement, SigningKey};
use operation::{Body, CheckedOperation, KeyType, Operation};
use runtime::SystemClock;
use runtime::receipts::{ReceiptKeys, ReceiptVerifier};
use serde_json::{Value, json};

use super::Language;
use super::kinds::key_set;
use super::tampering::{Forge, Spoiled};
use crate::support::answer::Done as _;
use crate::support::craft::Members;
use crate::support::dev::suite;
use crate::support::fresh::now;
use crate::support::tokens::parts;
use crate::support::tools::{program, run};
use crate::support::user::User;

const EXAMPLE: &str = "examples/verify_receipt";

/// What a verifier compares.
const BOUND: [&str; 9] =
    ["iss", "aud", "sub", "environment_id", "operation_id", "digest", "action", "wallet", "share_generation"];

/// What whoever acts on receipts works out for itself before it does this.
fn expected(operation: &CheckedOperation, issuer: &str, audience: &str) -> Value {
    let what = operation.operation();
    let mut expected = json!({
        "iss": issuer,
        "aud": audience,
        "sub": what.user.to_string(),
        "environment_id": what.environment.to_string(),
        "operation_id": what.id.to_string(),
        "digest": operation.digest().to_string(),
        "action": operation.action().as_str(),
    });
    if let Some(wallet) = operation.wallet() {
        expected["wallet"] = json!(wallet.id.to_string());
        expected["share_generation"] = json!(wallet.share_generation);
    }
    expected
}

/// What the example of a language says to each receipt: why it is refused, or none.
fn told(language: Language, jwks: &Value, cases: &[(String, &Value)]) -> Vec<Option<String>> {
    let (_folder, verifier) = language.program(EXAMPLE);
    let cases: Vec<Value> =
        cases.iter().map(|(receipt, expected)| json!({"receipt": receipt, "expected": expected})).collect();
    let question = json!({"verifier": verifier, "jwks": jwks, "cases": cases});
    serde_json::from_value(language.ask("ask_verifier", &question)).unwrap()
}

/// What the enforcement points say.
fn ours(forge: &Forge, issuer: &str, audience: &str) -> ReceiptVerifier {
    let root = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let now = now();
    let statement = KeyStatement {
        sequence: 1,
        issuer: issuer.to_owned(),
        not_before: now.seconds() - 60,
        not_after: now.seconds() + 3600,
        keys: forge.key_set(),
    };
    let statement = jose::sign_statement(&statement, &root).unwrap();
    let keys = ReceiptKeys::from_statement(&statement, &root.public_jwk(), issuer, 1, now).unwrap();
    ReceiptVerifier::new(Arc::new(keys), audience, Arc::new(SystemClock))
}

/// A receipt of the suite, paid for by a single-use token, and what it is for.
struct Real {
    user: User,
    operation: Operation,
    elevated: String,
    receipt: String,
}

impl Real {
    async fn new() -> Self {
        let user = User::new(suite()).await;
        let wallet = user.wallet().await;
        let mut factor = user.enrol().await;
        let operation = user.signing(&wallet, b"pay 1 to bob");
        let elevated = user.token(&mut factor.app, &[], Some(&operation)).await;
        let receipt = user.receipt(&operation, &elevated).await;
        Self { user, operation, elevated, receipt }
    }

    fn expected(&self) -> Value {
        let (_, claims) = parts(&self.receipt);
        let audience = format!("urn:countersign:nodes:{}", suite().directory().group());
        expected(&self.operation.clone().check().unwrap(), claims["iss"].as_str().unwrap(), &audience)
    }

    /// Its claims, issued now.
    fn claims(&self) -> Members {
        let (_, mut claims) = parts(&self.receipt);
        let now = now().seconds();
        claims["iat"] = json!(now);
        claims["exp"] = json!(now + 60);
        claims.as_object().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_accept_receipts_of_the_suite_and_no_elevated_token_in_their_place() {
    let real = Real::new().await;
    let creation = real.user.operation(Body::CreateWallet { key_type: KeyType::Ed25519 });
    let for_creation = real.user.authorize(&creation, "").await.done().receipt;
    let signing = real.expected();
    let creating = expected(
        &creation.check().unwrap(),
        signing["iss"].as_str().unwrap(),
        signing["aud"].as_str().unwrap(),
    );
    let jwks = key_set(&real.user).await;
    let cases = [
        (real.receipt.clone(), &signing),
        (for_creation.clone(), &creating),
        (real.receipt.clone(), &creating),
        (for_creation, &signing),
        (real.elevated.clone(), &signing),
        (real.user.token.clone(), &signing),
    ];
    for language in Language::ALL {
        let told = told(language, &jwks, &cases);
        let accepted: Vec<bool> = told.iter().map(Option::is_none).collect();
        assert_eq!(accepted, [true, true, false, false, false, false], "{language:?}: {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_run_as_their_first_lines_say() {
    let real = Real::new().await;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let jwks = write("jwks.json", key_set(&real.user).await.to_string());
    let expected = write("expected.json", real.expected().to_string());
    let mut other = real.expected();
    other["digest"] = json!("A".repeat(43));
    let other = write("other.json", other.to_string());
    let receipt = write("receipt.txt", format!("{}\n", real.receipt));
    for language in Language::ALL {
        let (_folder, example) = language.program(EXAMPLE);
        let verify = |expected| {
            let mut command = program(language.interpreter());
            command.arg(&example).arg(&jwks).arg(expected);
            command.stdin(Stdio::from(std::fs::File::open(&receipt).unwrap()));
            run(command)
        };
        let accepted = verify(&expected);
        let told = String::from_utf8_lossy(&accepted.stderr).into_owned();
        assert!(accepted.status.success(), "{language:?}: {told}");
        let claims: Value = serde_json::from_slice(&accepted.stdout).unwrap();
        assert_eq!(claims, parts(&real.receipt).1, "{language:?}");
        let refused = verify(&other);
        assert_eq!(refused.status.code(), Some(1), "{language:?}");
        assert!(
            refused.stdout.is_empty() && refused.stderr.starts_with(b"refused: "),
            "{language:?}: {refused:?}"
        );
    }
}

/// What is good, however else it is.
fn good(forge: &Forge, claims: &Members) -> Vec<Spoiled> {
    let now = now().seconds();
    let with = |changes: &[(&str, Value)]| {
        let mut claims = claims.clone();
        for (name, value) in changes {
            if value.is_null() {
                claims.remove(*name);
            } else {
                claims.insert((*name).to_owned(), value.clone());
            }
        }
        forge.receipt(&claims)
    };
    let nothing = Value::Null;
    vec![
        ("as it is".into(), with(&[])),
        ("by a token for a time".into(), with(&[("paid_by", nothing.clone())])),
        (
            "without a proof".into(),
            with(&["paid_by", "acr", "amr", "auth_time"].map(|name| (name, nothing.clone()))),
        ),
        ("with a claim of tomorrow's".into(), with(&[("later", json!({"a": [1, null]}))])),
        ("to come, by clocks that differ".into(), with(&[("iat", json!(now + 3)), ("exp", json!(now + 63))])),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn case_19_every_receipt_that_was_tampered_with_is_refused_by_the_examples_and_by_us() {
    let (real, forge) = (Real::new().await, Forge::new());
    let (claims, expected) = (real.claims(), real.expected());
    let (issuer, audience) = (expected["iss"].as_str().unwrap(), expected["aud"].as_str().unwrap());
    let operation = real.operation.check().unwrap();
    let ours = ours(&forge, issuer, audience);
    let jwks: Value = serde_json::from_str(&forge.key_set().to_jwks_json()).unwrap();

    let good = good(&forge, &claims);
    let mut spoiled = forge.changed(&claims);
    spoiled.extend(forge.signed_wrongly(&claims, &BOUND, now().seconds()));
    spoiled.extend(forge.signed_by_others(&claims));
    spoiled.extend(forge.respelled(&claims));
    assert!(spoiled.len() > 500, "{} are not all", spoiled.len());
    let cases: Vec<_> =
        good.iter().chain(&spoiled).map(|(_, receipt)| (receipt.clone(), &expected)).collect();

    let mut wrong = Vec::new();
    let mut judge = |who: String, refusals: Vec<Option<String>>| {
        assert_eq!(refusals.len(), cases.len());
        for ((what, _), refusal) in good.iter().zip(&refusals) {
            if let Some(why) = refusal {
                wrong.push(format!("{who} refused a good one ({what}): {why}"));
            }
        }
        for ((what, _), refusal) in spoiled.iter().zip(refusals.iter().skip(good.len())) {
            if refusal.is_none() {
                wrong.push(format!("{who} accepted one that was spoiled: {what}"));
            }
        }
    };
    let own = |receipt: &String| ours.verify(receipt, &operation).err().map(|error| error.to_string());
    judge("ours".into(), cases.iter().map(|(receipt, _)| own(receipt)).collect());
    for language in Language::ALL {
        judge(format!("{language:?}"), told(language, &jwks, &cases));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn case_20_a_receipt_is_over_five_seconds_after_its_end_and_not_before() {
    let (real, forge) = (Real::new().await, Forge::new());
    let expected = real.expected();
    let jwks: Value = serde_json::from_str(&forge.key_set().to_jwks_json()).unwrap();
    let ended_at = |end: i64| {
        let mut claims = real.claims();
        claims.insert("iat".to_owned(), json!(end - 60));
        claims.insert("exp".to_owned(), json!(end));
        (forge.receipt(&claims), &expected)
    };
    for language in Language::ALL {
        // Its clock goes on while it starts, so that only a quick answer says something.
        let quick = (0..20).find_map(|_| {
            let began = now().seconds();
            let told = told(language, &jwks, &[ended_at(began - 1), ended_at(began - 6)]);
            (now().seconds() - began <= 3).then_some(told)
        });
        let told = quick.expect("an answer within three seconds");
        assert!(told[0].is_none() && told[1].is_some(), "{language:?}: {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_two_keys_have_finds_none() {
    let (real, forge) = (Real::new().await, Forge::new());
    let (expected, receipt) = (real.expected(), forge.receipt(&real.claims()));
    let mut jwks: Value = serde_json::from_str(&forge.key_set().to_jwks_json()).unwrap();
    let twice = jwks["keys"][0].clone();
    jwks["keys"].as_array_mut().unwrap().push(twice);
    for language in Language::ALL {
        let told = told(language, &jwks, &[(receipt.clone(), &expected)]);
        assert!(told[0].is_some(), "{language:?}");
    }
    assert!(jose::KeySet::from_jwks_json(&jwks.to_string(), &Algorithm::ALL).is_err());
}
