use kernel::{Clock as _, Reason};
use proto::policy as pb;
use proto::{convert, types};

use super::bench::{Bench, HERE, THERE, anonymous, fields, name, outcome};

const ALICE: &str = "1b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11";
const BOB: &str = "1b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d12";

fn device(environment: &str, user: &str) -> String {
    format!("environments/{environment}/users/{user}/devices/2b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11")
}

fn factor(device: String) -> types::VerifiedFactor {
    types::VerifiedFactor { device, kind: types::FactorKind::Totp.into(), ..Default::default() }
}

/// A good question about an export, with a good proof.
fn question(bench: &Bench) -> pb::DecideRequest {
    pb::DecideRequest {
        environment: name(HERE),
        action: types::Action::WalletExport.into(),
        factor_facts: Some(types::FactorFacts {
            factors: vec![factor(device(HERE, ALICE))],
            ever_verified: true,
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
        }),
        opaque_payload: false,
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
    bench.clock.advance(std::time::Duration::from_secs(360));
    assert_eq!(decide(&bench, question.clone()).await.unwrap().effect(), pb::Effect::AllowWithProof);
    bench.clock.advance(std::time::Duration::from_secs(1));
    let late = decide(&bench, question).await.unwrap();
    assert_eq!(late.effect(), pb::Effect::StepUpRequired);
    assert_eq!(late.rule_ids[0], "proof.age");
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
    let cases: [(&str, Change); 21] = [
        ("environment", |r| r.environment.clear()),
        ("action", |r| r.action = 0),
        ("action", |r| r.action = 99),
        ("factor_facts", |r| r.factor_facts = None),
        ("factor_facts.factors[0].kind", |r| facts(r).factors[0].kind = 0),
        ("factor_facts.factors[0].kind", |r| facts(r).factors[0].kind = 99),
        ("factor_facts.factors[0].device", |r| facts(r).factors[0].device = device(HERE, "me")),
        ("factor_facts.factors[0].device", |r| facts(r).factors[0].device = device(THERE, ALICE)),
        ("factor_facts.factors[1].device", |r| facts(r).factors.push(factor(device(HERE, BOB)))),
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
    ];
    for (field, change) in cases {
        let mut request = question(&bench);
        change(&mut request);
        let refused = decide(&bench, request).await.unwrap_err();
        assert_eq!((refused.reason(), fields(&refused)), (Reason::InvalidRequest, vec![field]));
    }
}
