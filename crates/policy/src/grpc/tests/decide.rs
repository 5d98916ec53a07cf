use std::time::Duration;

use kernel::{Clock as _, Reason};
use proto::policy as pb;
use proto::{convert, types};

use super::bench::{Bench, HERE, THERE, anonymous, assertion_issuer, fields, name, outcome, wanted};

const ALICE: &str = "1b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11";
const BOB: &str = "1b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d12";

fn device(environment: &str, user: &str) -> String {
    format!("environments/{environment}/users/{user}/devices/2b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11")
}

/// A factor that was verified this long ago.
fn verified(bench: &Bench, device: String, ago: Duration) -> types::VerifiedFactor {
    types::VerifiedFactor {
        device,
        kind: types::FactorKind::Totp.into(),
        verify_time: Some(convert::timestamp(bench.clock.now().minus(ago))),
        ..Default::default()
    }
}

const LONG: Duration = Duration::from_secs(1_000_000);

/// A good question about an export, with a good proof.
fn question(bench: &Bench) -> pb::DecideRequest {
    pb::DecideRequest {
        environment: name(HERE),
        action: types::Action::WalletExport.into(),
        factor_facts: Some(types::FactorFacts {
            factors: vec![verified(bench, device(HERE, ALICE), LONG)],
            ever_verified: true,
            first_session: false,
        }),
        client_kind: pb::ClientKind::Grpc.into(),
        proof: Some(pb::Proof {
            acr: "urn:countersign:acr:otp".to_owned(),
            factor_kind: types::FactorKind::Totp.into(),
            device: device(HERE, ALICE),
            auth_time: Some(convert::timestamp(bench.clock.now())),
            scopes: vec!["wallet:export".to_owned()],
            binding: types::Binding::Operation.into(),
            token_behavior: types::TokenBehavior::SingleUse.into(),
            token_kind: pb::TokenKind::Elevated.into(),
            sender_constrained: false,
            assertion_issuer: String::new(),
        }),
        opaque_payload: false,
        session_auth_time: None,
        unlink_device: String::new(),
    }
}

async fn decide(bench: &Bench, request: pb::DecideRequest) -> Result<pb::DecideResponse, kernel::Error> {
    outcome(bench.peer("token-issuer").decide(anonymous(request)).await)
}

#[tokio::test]
async fn a_decision_says_what_would_do_and_why() {
    let bench = Bench::new().await;
    bench.created(HERE, "wallet").await;
    let good = decide(&bench, question(&bench)).await.unwrap();
    assert_eq!(good.effect(), pb::Effect::AllowWithProof);
    assert_eq!(good.policy_version, 1);

    let without = pb::DecideRequest { proof: None, ..question(&bench) };
    let refused = decide(&bench, without).await.unwrap();
    assert_eq!(refused.effect(), pb::Effect::StepUpRequired);
    assert_eq!(refused.rule_ids, ["proof.missing", "factor.verified", "action.required"]);
    assert_eq!(
        refused.requirement,
        Some(types::Requirement {
            action: types::Action::WalletExport.into(),
            scopes: vec!["wallet:export".to_owned()],
            acr: "urn:countersign:acr:otp".to_owned(),
            binding: types::Binding::Operation.into(),
            methods: vec![types::FactorKind::Totp.into()],
            token_behavior: types::TokenBehavior::SingleUse.into(),
            token_expiry_seconds: 300,
            max_age_seconds: 360,
            sender_constraint: types::SenderConstraint::Off.into(),
        })
    );

    let nobody = pb::DecideRequest {
        factor_facts: Some(types::FactorFacts::default()),
        proof: None,
        ..question(&bench)
    };
    assert_eq!(decide(&bench, nobody.clone()).await.unwrap().effect(), pb::Effect::EnrolmentRequired);
    let unlink = pb::DecideRequest { action: types::Action::CredentialUnlink.into(), ..nobody.clone() };
    assert_eq!(decide(&bench, unlink).await.unwrap().effect(), pb::Effect::Deny);
    let sign = pb::DecideRequest { action: types::Action::WalletSign.into(), ..nobody };
    assert_eq!(decide(&bench, sign.clone()).await.unwrap().effect(), pb::Effect::Allow);
    let opaque = pb::DecideRequest { opaque_payload: true, ..sign };
    assert_eq!(decide(&bench, opaque).await.unwrap().effect(), pb::Effect::EnrolmentRequired);
}

#[tokio::test]
async fn a_proof_ages_by_the_clock_of_policy() {
    let bench = Bench::new().await;
    bench.created(HERE, "wallet").await;
    let question = question(&bench);
    bench.clock.advance(Duration::from_secs(360));
    assert_eq!(decide(&bench, question.clone()).await.unwrap().effect(), pb::Effect::AllowWithProof);
    bench.clock.advance(Duration::from_secs(1));
    let late = decide(&bench, question).await.unwrap();
    assert_eq!(late.effect(), pb::Effect::StepUpRequired);
    assert_eq!(late.rule_ids[0], "proof.age");
}

#[tokio::test]
async fn a_factor_on_hold_says_until_when_and_the_first_session_knows_no_hold() {
    let bench = Bench::new().await;
    bench.created(HERE, "wallet").await;
    let hour = Duration::from_secs(3_600);
    let factors = vec![verified(&bench, device(HERE, ALICE), hour)];
    let facts = types::FactorFacts { factors, ever_verified: true, first_session: false };
    let young = pb::DecideRequest { factor_facts: Some(facts.clone()), ..question(&bench) };
    let held = decide(&bench, young.clone()).await.unwrap();
    assert_eq!(held.effect(), pb::Effect::FactorOnHold);
    let until = bench.clock.now().plus(Duration::from_secs(23 * 3_600));
    assert_eq!(held.hold_end_time, Some(convert::timestamp(until)));
    assert_eq!(held.rule_ids[..2], ["factor.on_hold", "proof.hold"]);
    assert!(held.requirement.unwrap().methods.is_empty());

    let first = types::FactorFacts { first_session: true, ..facts };
    let first = pb::DecideRequest { factor_facts: Some(first), ..young.clone() };
    let open = decide(&bench, first).await.unwrap();
    assert_eq!((open.effect(), open.hold_end_time), (pb::Effect::AllowWithProof, None));

    // A removal says what is to go: a factor may remove itself.
    let mut removal = pb::DecideRequest { action: types::Action::CredentialUnlink.into(), ..young };
    removal.proof.as_mut().unwrap().scopes = vec!["credential:unlink".to_owned()];
    assert_eq!(decide(&bench, removal.clone()).await.unwrap().effect(), pb::Effect::FactorOnHold);
    removal.unlink_device = device(HERE, ALICE);
    assert_eq!(decide(&bench, removal).await.unwrap().effect(), pb::Effect::AllowWithProof);
}

#[tokio::test]
async fn a_sign_in_that_is_too_old_is_told_how_old_it_may_be() {
    let bench = Bench::new().await;
    let strict = bench.created(THERE, "other").await.action_settings;
    let mut request = wanted(HERE, "wallet");
    request.environment.as_mut().unwrap().action_settings = strict;
    request.environment.as_mut().unwrap().action_settings[0].reauthentication_seconds = 120;
    bench.create(request).await.unwrap();
    let signed_in = |ago: u64| pb::DecideRequest {
        factor_facts: Some(types::FactorFacts::default()),
        proof: None,
        session_auth_time: Some(convert::timestamp(bench.clock.now().minus(Duration::from_secs(ago)))),
        ..question(&bench)
    };
    let young = decide(&bench, signed_in(120)).await.unwrap();
    assert_eq!((young.effect(), young.reauthentication_seconds), (pb::Effect::Allow, 0));
    assert_eq!(young.rule_ids[0], "session.reauthenticated");
    let unknown = pb::DecideRequest { session_auth_time: None, ..signed_in(0) };
    for old in [signed_in(121), unknown] {
        let old = decide(&bench, old).await.unwrap();
        assert_eq!(old.effect(), pb::Effect::ReauthenticationRequired);
        assert_eq!((old.reauthentication_seconds, old.rule_ids[0].as_str()), (120, "session.too_old"));
    }
}

/// An environment that takes legacy tokens and assertions, bound to their senders or not.
async fn lenient(bench: &Bench, senders: types::SenderConstraint) {
    let mut request = wanted(HERE, "wallet");
    request.preset = pb::Preset::SeedCompatible.into();
    let environment = request.environment.as_mut().unwrap();
    environment.legacy_mfa_tokens = Some(pb::LegacyMfaTokens { enabled: true, token_expiry_seconds: 60 });
    environment.assertion_issuers = vec![assertion_issuer("step-up")];
    environment.sender_constraint = senders.into();
    bench.create(request).await.unwrap();
}

#[tokio::test]
async fn a_legacy_token_is_told_from_an_elevated_one() {
    let bench = Bench::new().await;
    lenient(&bench, types::SenderConstraint::Off).await;
    let legacy = |action: types::Action| {
        let mut request = pb::DecideRequest { action: action.into(), ..question(&bench) };
        let proof = request.proof.as_mut().unwrap();
        proof.token_kind = pb::TokenKind::LegacyMfa.into();
        proof.scopes.clear();
        proof.binding = types::Binding::Scope.into();
        request
    };
    let paid = decide(&bench, legacy(types::Action::WalletExport)).await.unwrap();
    assert_eq!(paid.effect(), pb::Effect::AllowWithProof);
    let factors = decide(&bench, legacy(types::Action::CredentialLink)).await.unwrap();
    assert_eq!(
        (factors.effect(), factors.rule_ids[0].as_str()),
        (pb::Effect::StepUpRequired, "proof.legacy")
    );
    let mut elevated = legacy(types::Action::WalletExport);
    elevated.proof.as_mut().unwrap().token_kind = pb::TokenKind::Elevated.into();
    assert_eq!(decide(&bench, elevated).await.unwrap().rule_ids[0], "proof.scope");
}

#[tokio::test]
async fn an_assertion_pays_without_a_factor_where_its_issuer_is_named() {
    let bench = Bench::new().await;
    lenient(&bench, types::SenderConstraint::Required).await;
    let asserted = |action: types::Action, issuer: &str| {
        let mut request = pb::DecideRequest { action: action.into(), ..question(&bench) };
        let proof = request.proof.as_mut().unwrap();
        proof.factor_kind = 0;
        proof.device.clear();
        proof.scopes = vec!["wallet:sign".to_owned(), "wallet:refresh".to_owned()];
        proof.assertion_issuer = issuer.to_owned();
        proof.sender_constrained = true;
        request
    };
    use types::Action::{WalletRefresh, WalletSign};
    for (action, issuer, rule) in [
        (WalletSign, "risk", "proof.satisfied"),
        (WalletRefresh, "risk", "proof.assertion_scope"),
        (WalletSign, "Risk", "proof.assertion_issuer"),
    ] {
        assert_eq!(decide(&bench, asserted(action, issuer)).await.unwrap().rule_ids[0], rule);
    }
    let mut loose = asserted(WalletSign, "risk");
    loose.proof.as_mut().unwrap().sender_constrained = false;
    let refused = decide(&bench, loose).await.unwrap();
    assert_eq!(refused.rule_ids[0], "proof.sender");
    assert_eq!(refused.requirement.unwrap().sender_constraint(), types::SenderConstraint::Required);
}

#[tokio::test]
async fn only_the_issuer_may_ask() {
    let bench = Bench::new().await;
    bench.created(HERE, "wallet").await;
    for role in ["mfa-devices", "waas-gateway", "mpc-signer", "policy", ""] {
        let refused = bench.peer(role).decide(anonymous(question(&bench))).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::PermissionDenied, "{role}");
    }
}

#[tokio::test]
async fn an_unknown_environment_is_not_found() {
    let bench = Bench::new().await;
    bench.created(HERE, "wallet").await;
    let mut question = question(&bench);
    question.environment = name(THERE);
    question.proof = None;
    question.factor_facts = Some(types::FactorFacts::default());
    assert_eq!(decide(&bench, question).await.unwrap_err().reason(), Reason::ResourceNotFound);
    assert_eq!(bench.read(THERE).await.unwrap_err().reason(), Reason::ResourceNotFound);
    let refused = bench.read("nonsense").await.unwrap_err();
    assert_eq!((refused.reason(), fields(&refused)), (Reason::InvalidRequest, vec!["name"]));
}

#[tokio::test]
async fn what_is_missing_malformed_or_unknown_is_never_judged() {
    let bench = Bench::new().await;
    bench.created(HERE, "wallet").await;
    type Change = fn(&mut pb::DecideRequest);
    fn proof(request: &mut pb::DecideRequest) -> &mut pb::Proof {
        request.proof.as_mut().unwrap()
    }
    fn facts(request: &mut pb::DecideRequest) -> &mut types::FactorFacts {
        request.factor_facts.as_mut().unwrap()
    }
    let cases: [(&str, Change); 37] = [
        ("environment", |r| r.environment.clear()),
        ("action", |r| r.action = 0),
        ("action", |r| r.action = 99),
        ("factor_facts", |r| r.factor_facts = None),
        ("factor_facts.factors[0].kind", |r| facts(r).factors[0].kind = 0),
        ("factor_facts.factors[0].kind", |r| facts(r).factors[0].kind = 99),
        ("factor_facts.factors[0].device", |r| facts(r).factors[0].device = device(HERE, "me")),
        ("factor_facts.factors[0].device", |r| facts(r).factors[0].device = device(THERE, ALICE)),
        ("factor_facts.factors[1].device", |r| {
            let mut theirs = facts(r).factors[0].clone();
            theirs.device = device(HERE, BOB);
            facts(r).factors.push(theirs);
        }),
        ("factor_facts.factors[1].device", |r| {
            let again = facts(r).factors[0].clone();
            facts(r).factors.push(again);
        }),
        ("factor_facts.factors[0].verify_time", |r| facts(r).factors[0].verify_time = None),
        ("factor_facts.factors[0].verify_time", |r| {
            facts(r).factors[0].verify_time.as_mut().unwrap().nanos = -1;
        }),
        // Nothing else can be used up.
        ("factor_facts.factors[0].exhausted", |r| facts(r).factors[0].exhausted = true),
        ("session_auth_time", |r| {
            r.session_auth_time = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 });
        }),
        ("unlink_device", |r| r.unlink_device = device(HERE, ALICE)),
        ("unlink_device", |r| {
            r.action = types::Action::CredentialUnlink.into();
            r.unlink_device = device(HERE, BOB);
        }),
        ("unlink_device", |r| {
            r.action = types::Action::CredentialUnlink.into();
            r.unlink_device = "devices/1".to_owned();
        }),
        ("client_kind", |r| r.client_kind = 0),
        ("client_kind", |r| r.client_kind = 99),
        ("proof.acr", |r| proof(r).acr = "phrhh".to_owned()),
        ("proof.factor_kind", |r| proof(r).factor_kind = 0),
        ("proof.device", |r| proof(r).device = device(HERE, BOB)),
        ("proof.device", |r| proof(r).device.clear()),
        ("proof.auth_time", |r| proof(r).auth_time = None),
        ("proof.auth_time", |r| proof(r).auth_time.as_mut().unwrap().nanos = -1),
        ("proof.scopes[0]", |r| proof(r).scopes[0] = "wallet:*".to_owned()),
        ("proof.binding", |r| proof(r).binding = 0),
        ("proof.binding", |r| proof(r).binding = 99),
        ("proof.token_behavior", |r| proof(r).token_behavior = 99),
        ("proof.token_kind", |r| proof(r).token_kind = 0),
        ("proof.token_kind", |r| proof(r).token_kind = 99),
        // What a legacy token does not have, and what has made it.
        ("proof.scopes", |r| {
            proof(r).token_kind = pb::TokenKind::LegacyMfa.into();
            proof(r).binding = types::Binding::Scope.into();
        }),
        ("proof.binding", |r| {
            proof(r).token_kind = pb::TokenKind::LegacyMfa.into();
            proof(r).scopes.clear();
        }),
        ("proof.assertion_issuer", |r| {
            proof(r).token_kind = pb::TokenKind::LegacyMfa.into();
            proof(r).assertion_issuer = "risk".to_owned();
        }),
        // An assertion was made by no factor.
        ("proof.factor_kind", |r| proof(r).assertion_issuer = "risk".to_owned()),
        ("proof.device", |r| {
            proof(r).assertion_issuer = "risk".to_owned();
            proof(r).factor_kind = 0;
        }),
        ("proof.device", |r| {
            proof(r).token_kind = pb::TokenKind::LegacyMfa.into();
            proof(r).device = device(HERE, BOB);
        }),
    ];
    for (field, change) in cases {
        let mut request = question(&bench);
        change(&mut request);
        let refused = decide(&bench, request).await.unwrap_err();
        assert_eq!((refused.reason(), fields(&refused)), (Reason::InvalidRequest, vec![field]));
    }
}
