use kernel::{Error, Reason};
use proto::policy as pb;
use proto::types;

use super::bench::{Bench, HERE, THERE, assertion_issuer, fields, name, outcome, provider};

fn request(environment: &pb::Environment, paths: &[&str]) -> pb::UpdateEnvironmentRequest {
    pb::UpdateEnvironmentRequest {
        environment: Some(environment.clone()),
        update_mask: Some(prost_types::FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        }),
        validate_only: false,
    }
}

async fn update(bench: &Bench, request: pb::UpdateEnvironmentRequest) -> Result<pb::Environment, Error> {
    let role = format!("editor@{HERE}");
    let answer = bench.admin().update_environment(bench.by(&[&role], request)).await;
    outcome(answer).map(|answer| answer.environment.unwrap())
}

#[tokio::test]
async fn an_update_makes_a_version_and_changes_what_the_mask_names() {
    let bench = Bench::new().await;
    let first = bench.created(HERE, "wallet").await;
    let mut wanted = first.clone();
    wanted.enrolment_required = true;
    wanted.display_name = "not in the mask, however wrong\n".to_owned();
    wanted.max_totp_devices = 99;
    bench.clock.advance(std::time::Duration::from_secs(5));
    let second = update(&bench, request(&wanted, &["enrolment_required"])).await.unwrap();
    let expected = pb::Environment {
        enrolment_required: true,
        version: 2,
        etag: second.etag.clone(),
        update_time: second.update_time,
        ..first.clone()
    };
    assert_eq!(second, expected);
    assert_ne!(second.etag, first.etag);
    assert_eq!(second.update_time.unwrap().seconds, first.update_time.unwrap().seconds + 5);
    assert_eq!(bench.read(HERE).await.unwrap(), second);

    // The old version is still there, as it was.
    let get = async |version| {
        let request = pb::GetEnvironmentRequest { name: name(HERE), version };
        outcome(bench.admin().get_environment(bench.by(&["viewer@*"], request)).await)
            .map(|answer| answer.environment.unwrap())
    };
    assert_eq!(get(1).await.unwrap(), first);
    assert_eq!(get(0).await.unwrap(), second);
    assert_eq!(get(3).await.unwrap_err().reason(), Reason::ResourceNotFound);
}

#[tokio::test]
async fn a_stale_etag_changes_nothing() {
    let bench = Bench::new().await;
    let first = bench.created(HERE, "wallet").await;
    let second = update(&bench, request(&first, &["display_name"])).await.unwrap();
    for etag in [&first.etag, "nonsense", &second.etag.to_lowercase()] {
        for validate_only in [false, true] {
            let stale = pb::Environment { etag: etag.to_owned(), enrolment_required: true, ..first.clone() };
            let stale =
                pb::UpdateEnvironmentRequest { validate_only, ..request(&stale, &["enrolment_required"]) };
            assert_eq!(update(&bench, stale).await.unwrap_err().reason(), Reason::EtagMismatch, "{etag}");
        }
    }
    let missing = pb::Environment { etag: String::new(), ..second.clone() };
    let refused = update(&bench, request(&missing, &["display_name"])).await.unwrap_err();
    assert_eq!((refused.reason(), fields(&refused)), (Reason::InvalidRequest, vec!["environment.etag"]));
    assert_eq!(bench.read(HERE).await.unwrap(), second);
}

#[tokio::test]
async fn of_many_updates_with_one_etag_one_succeeds() {
    let bench = Bench::new().await;
    let first = bench.created(HERE, "wallet").await;
    let mut attempts = Vec::new();
    for index in 0..16 {
        let wanted = pb::Environment { display_name: format!("attempt {index}"), ..first.clone() };
        let call = bench.by(&["editor@*"], request(&wanted, &["display_name"]));
        let mut client = bench.admin();
        attempts.push(tokio::spawn(async move { outcome(client.update_environment(call).await) }));
    }
    let mut winners = Vec::new();
    for attempt in attempts {
        match attempt.await.unwrap() {
            Ok(answer) => winners.push(answer.environment.unwrap()),
            Err(refused) => assert_eq!(refused.reason(), Reason::EtagMismatch),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(bench.read(HERE).await.unwrap(), winners[0]);
}

#[tokio::test]
async fn a_mask_names_fields_that_can_be_changed() {
    let bench = Bench::new().await;
    let first = bench.created(HERE, "wallet").await;
    for wrong in [
        &["*"][..],
        &[],
        &[""],
        &["nonsense"],
        &["displayName"],
        &["relying_party.rp_id"],
        &["action_settings[0].required"],
        &["name"],
        &["preset"],
        &["version"],
        &["etag"],
        &["create_time"],
        &["update_time"],
        &["display_name", "nonsense"],
    ] {
        let refused = update(&bench, request(&first, wrong)).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::InvalidRequest, "{wrong:?}");
        assert_eq!(fields(&refused), ["update_mask"], "{wrong:?}");
    }
    let refused =
        update(&bench, pb::UpdateEnvironmentRequest { update_mask: None, ..request(&first, &[]) }).await;
    assert_eq!(fields(&refused.unwrap_err()), ["update_mask"]);
    assert_eq!(bench.read(HERE).await.unwrap(), first);
}

#[tokio::test]
async fn every_field_that_can_be_changed_can_be() {
    let bench = Bench::new().await;
    let first = bench.created(HERE, "wallet").await;
    let mut wanted = pb::Environment {
        display_name: "Tenant".to_owned(),
        identity_providers: vec![provider("other")],
        relying_party: Some(pb::RelyingParty {
            rp_id: "wallet.example".to_owned(),
            origins: vec!["https://app.wallet.example".to_owned()],
        }),
        allowed_origins: vec!["https://app.wallet.example".to_owned()],
        enrolment_required: true,
        max_totp_devices: 10,
        opaque_payload_as_export: false,
        max_passkeys: 20,
        totp_parameters: Some(pb::TotpParameters {
            algorithm: pb::TotpAlgorithm::Sha256.into(),
            digits: 8,
            period_seconds: 60,
        }),
        factor_hold_seconds: Some(604_800),
        legacy_mfa_tokens: Some(pb::LegacyMfaTokens { enabled: true, token_expiry_seconds: 300 }),
        assertion_issuers: vec![pb::AssertionIssuer {
            algorithms: vec!["ES256".to_owned()],
            max_age_seconds: 600,
            ..assertion_issuer("step-up")
        }],
        sender_constraint: types::SenderConstraint::Required.into(),
        ..first.clone()
    };
    wanted.identity_providers[0].session_claim = "session".to_owned();
    wanted.identity_providers[0].algorithms = vec!["EdDSA".to_owned()];
    wanted.action_settings[1].required = false;
    wanted.action_settings[3].binding = types::Binding::Wallet.into();
    wanted.action_settings[0].acr = "phr".to_owned();
    wanted.action_settings[0].reauthentication_seconds = 60;
    wanted.action_settings[2].acr = "urn:countersign:acr:recovery".to_owned();
    let mask = [
        "display_name",
        "identity_providers",
        "relying_party",
        "allowed_origins",
        "action_settings",
        "enrolment_required",
        "max_totp_devices",
        "opaque_payload_as_export",
        "max_passkeys",
        "totp_parameters",
        "factor_hold_seconds",
        "legacy_mfa_tokens",
        "assertion_issuers",
        "sender_constraint",
    ];
    let second = update(&bench, request(&wanted, &mask)).await.unwrap();
    let expected = pb::Environment { version: 2, etag: second.etag.clone(), ..wanted };
    assert_eq!(second, expected);
    // A message that is left out takes the relying party away.
    let without = pb::Environment {
        relying_party: None,
        totp_parameters: None,
        legacy_mfa_tokens: None,
        assertion_issuers: Vec::new(),
        sender_constraint: 0,
        ..second
    };
    let left_out =
        ["relying_party", "totp_parameters", "legacy_mfa_tokens", "assertion_issuers", "sender_constraint"];
    let third = update(&bench, request(&without, &left_out)).await.unwrap();
    assert_eq!(third.relying_party, None);
    // Of tokens it takes away what was more than usual.
    assert_eq!(third.legacy_mfa_tokens, first.legacy_mfa_tokens);
    assert_eq!(third.assertion_issuers, []);
    assert_eq!(third.sender_constraint(), types::SenderConstraint::Off);
    // What is left out of the others stands for what every app can do.
    assert_eq!(third.totp_parameters, first.totp_parameters);
}

#[tokio::test]
async fn what_factors_may_be_is_refused_by_its_field() {
    type Change = fn(&mut pb::Environment);
    fn totp(environment: &mut pb::Environment) -> &mut pb::TotpParameters {
        environment.totp_parameters.as_mut().unwrap()
    }
    let bench = Bench::new().await;
    let first = bench.created(HERE, "wallet").await;
    let cases: [(&str, &str, Change); 15] = [
        ("max_passkeys", "max_passkeys", |e| e.max_passkeys = 0),
        ("max_passkeys", "max_passkeys", |e| e.max_passkeys = 21),
        ("totp_parameters", "totp_parameters.algorithm", |e| totp(e).algorithm = 99),
        ("totp_parameters", "totp_parameters.algorithm", |e| totp(e).algorithm = -1),
        ("totp_parameters", "totp_parameters.digits", |e| totp(e).digits = 5),
        ("totp_parameters", "totp_parameters.digits", |e| totp(e).digits = 9),
        ("totp_parameters", "totp_parameters.period_seconds", |e| totp(e).period_seconds = 14),
        ("totp_parameters", "totp_parameters.period_seconds", |e| totp(e).period_seconds = 61),
        ("factor_hold_seconds", "factor_hold_seconds", |e| e.factor_hold_seconds = None),
        ("factor_hold_seconds", "factor_hold_seconds", |e| e.factor_hold_seconds = Some(604_801)),
        ("action_settings", "action_settings[3].acr", |e| e.action_settings[3].acr = "phrh".to_owned()),
        ("action_settings", "action_settings[3].acr", |e| e.action_settings[3].acr = "PHR".to_owned()),
        ("action_settings", "action_settings[3].acr", |e| e.action_settings[3].acr = "otp".to_owned()),
        ("action_settings", "action_settings[0].reauthentication_seconds", |e| {
            e.action_settings[0].reauthentication_seconds = 29;
        }),
        ("action_settings", "action_settings[0].reauthentication_seconds", |e| {
            e.action_settings[0].reauthentication_seconds = 3_601;
        }),
    ];
    for (path, field, change) in cases {
        let mut wanted = first.clone();
        change(&mut wanted);
        let refused = update(&bench, request(&wanted, &[path])).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::InvalidRequest, "{field}");
        assert_eq!(fields(&refused), [format!("environment.{field}")]);
    }
    assert_eq!(bench.read(HERE).await.unwrap(), first);
}

#[tokio::test]
async fn what_is_not_said_of_an_action_is_that_of_a_one_time_password() {
    let bench = Bench::new().await;
    let mut wanted = bench.created(HERE, "wallet").await;
    wanted.action_settings[1].acr.clear();
    let updated = update(&bench, request(&wanted, &["action_settings"])).await.unwrap();
    assert_eq!(updated.action_settings[1].acr, "urn:countersign:acr:otp");
}

#[tokio::test]
async fn unknown_enum_values_are_refused() {
    let bench = Bench::new().await;
    let first = bench.created(HERE, "wallet").await;
    for value in [0, 99] {
        let mut wanted = first.clone();
        wanted.action_settings[0].binding = value;
        let refused = update(&bench, request(&wanted, &["action_settings"])).await.unwrap_err();
        assert_eq!(fields(&refused), ["environment.action_settings[0].binding"]);
    }
    assert_eq!(bench.read(HERE).await.unwrap(), first);
}

#[tokio::test]
async fn a_pair_of_another_environment_cannot_be_taken() {
    let bench = Bench::new().await;
    bench.created(THERE, "theirs").await;
    let first = bench.created(HERE, "ours").await;
    for validate_only in [true, false] {
        let wanted = pb::Environment { identity_providers: vec![provider("theirs")], ..first.clone() };
        let attempt =
            pb::UpdateEnvironmentRequest { validate_only, ..request(&wanted, &["identity_providers"]) };
        let refused = update(&bench, attempt).await.unwrap_err();
        assert_eq!(fields(&refused), ["environment.identity_providers[0].audience"]);
    }
    assert_eq!(bench.read(HERE).await.unwrap(), first);
}

#[tokio::test]
async fn what_signs_sessions_anywhere_signs_no_assertions() {
    let bench = Bench::new().await;
    bench.created(THERE, "theirs").await;
    let first = bench.created(HERE, "ours").await;
    let here = || pb::AssertionIssuer { issuer: provider("").issuer, ..assertion_issuer("ours") };
    let there = pb::AssertionIssuer { audience: "theirs".to_owned(), ..here() };
    let keys = pb::AssertionIssuer {
        keys: Some(pb::assertion_issuer::Keys::JwksUri("https://idp.example/jwks".to_owned())),
        ..assertion_issuer("step-up")
    };
    for (issuer, field) in [(here(), "audience"), (there, "audience"), (keys, "jwks_uri")] {
        for validate_only in [true, false] {
            let wanted = pb::Environment { assertion_issuers: vec![issuer.clone()], ..first.clone() };
            let attempt =
                pb::UpdateEnvironmentRequest { validate_only, ..request(&wanted, &["assertion_issuers"]) };
            let refused = update(&bench, attempt).await.unwrap_err();
            assert_eq!(refused.reason(), Reason::InvalidRequest);
            assert_eq!(fields(&refused), [format!("environment.assertion_issuers[0].{field}")]);
            assert!(!refused.message().contains(THERE));
        }
    }
    // Nor does a provider come to what signs assertions.
    let second = pb::Environment { assertion_issuers: vec![assertion_issuer("step-up")], ..first };
    let second = update(&bench, request(&second, &["assertion_issuers"])).await.unwrap();
    let mut moved = provider("step-up");
    moved.issuer = "https://risk.example".to_owned();
    let wanted = pb::Environment { identity_providers: vec![moved], ..second.clone() };
    let refused = update(&bench, request(&wanted, &["identity_providers"])).await.unwrap_err();
    assert_eq!(fields(&refused), ["environment.assertion_issuers[0].audience"]);
    assert_eq!(bench.read(HERE).await.unwrap(), second);
}

#[tokio::test]
async fn validating_an_update_changes_nothing() {
    let bench = Bench::new().await;
    let first = bench.created(HERE, "wallet").await;
    let wanted = pb::Environment { max_totp_devices: 5, ..first.clone() };
    let attempt =
        pb::UpdateEnvironmentRequest { validate_only: true, ..request(&wanted, &["max_totp_devices"]) };
    let foreseen = update(&bench, attempt).await.unwrap();
    assert_eq!((foreseen.version, foreseen.max_totp_devices), (2, 5));
    // What is foreseen is not there yet: the etag is still that of what is.
    assert_eq!(foreseen.etag, first.etag);
    assert_eq!(bench.read(HERE).await.unwrap(), first);
}

#[tokio::test]
async fn changing_needs_the_role_here() {
    let bench = Bench::new().await;
    let first = bench.created(HERE, "wallet").await;
    let attempt = async |roles: &[&str]| {
        let call = bench.by(roles, request(&first, &["display_name"]));
        outcome(bench.admin().update_environment(call).await).map_err(|error| error.reason())
    };
    assert_eq!(attempt(&[&format!("viewer@{HERE}")]).await, Err(Reason::AdminRoleMissing));
    assert_eq!(attempt(&[&format!("auditor@{HERE}")]).await, Err(Reason::AdminRoleMissing));
    assert_eq!(attempt(&[&format!("owner@{THERE}")]).await, Err(Reason::ResourceNotFound));
    assert_eq!(bench.read(HERE).await.unwrap(), first);
    let absent = pb::Environment { name: name(THERE), ..first.clone() };
    let call = bench.by(&["owner@*"], request(&absent, &["display_name"]));
    let refused = outcome(bench.admin().update_environment(call).await).unwrap_err();
    assert_eq!(refused.reason(), Reason::ResourceNotFound);
}
