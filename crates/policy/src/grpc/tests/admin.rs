use kernel::Reason;
use proto::policy as pb;
use proto::types;

use super::bench::{Bench, HERE, THERE, anonymous, assertion_issuer, fields, name, outcome, wanted};

#[tokio::test]
async fn a_new_environment_is_strict_and_readable_by_those_who_verify_sessions() {
    let bench = Bench::new().await;
    let created = bench.created(HERE, "wallet").await;
    assert_eq!(created.name, name(HERE));
    assert_eq!((created.version, created.max_totp_devices, created.max_passkeys), (1, 3, 5));
    assert_eq!(created.factor_hold_seconds, Some(86_400));
    let totp = created.totp_parameters.unwrap();
    assert_eq!((totp.algorithm(), totp.digits, totp.period_seconds), (pb::TotpAlgorithm::Sha1, 6, 30));
    assert_eq!(created.preset(), pb::Preset::Strict);
    let legacy = pb::LegacyMfaTokens { enabled: false, token_expiry_seconds: 120 };
    assert_eq!(created.legacy_mfa_tokens, Some(legacy));
    assert!(created.assertion_issuers.is_empty());
    assert_eq!(created.sender_constraint(), types::SenderConstraint::Off);
    assert!(created.opaque_payload_as_export);
    assert_eq!(created.action_settings.len(), 4);
    let export = &created.action_settings[0];
    assert!(export.required && export.factor_always_required);
    assert_eq!(export.binding(), types::Binding::Operation);
    let acrs: Vec<_> = created.action_settings.iter().map(|settings| settings.acr.as_str()).collect();
    assert_eq!(acrs, ["urn:countersign:acr:otp"; 4]);
    let provider = &created.identity_providers[0];
    assert_eq!((provider.session_claim.as_str(), provider.algorithms.len()), ("sid", 3));

    let request = || anonymous(pb::ReadSettingsRequest { name: name(HERE) });
    for role in ["mfa-devices", "token-issuer", "waas-gateway"] {
        let read = outcome(bench.peer(role).read_settings(request()).await).unwrap();
        assert_eq!(read.environment.as_ref(), Some(&created), "{role}");
    }
    for role in ["mpc-signer", "policy", "", "Token-Issuer"] {
        let refused = bench.peer(role).read_settings(request()).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::PermissionDenied, "{role}");
    }
}

#[tokio::test]
async fn a_name_is_chosen_where_none_is_given() {
    let bench = Bench::new().await;
    let mut request = wanted(HERE, "wallet");
    request.environment.as_mut().unwrap().name.clear();
    request.preset = pb::Preset::SeedCompatible.into();
    let created = bench.create(request).await.unwrap();
    assert_ne!(created.name, name(HERE));
    assert_eq!(created.preset(), pb::Preset::SeedCompatible);
    assert!(!created.legacy_mfa_tokens.unwrap().enabled && created.assertion_issuers.is_empty());
    assert!(!created.opaque_payload_as_export);
    assert_eq!(created.factor_hold_seconds, Some(0));
    let acrs: Vec<_> = created.action_settings.iter().map(|settings| settings.acr.as_str()).collect();
    assert_eq!(acrs, ["urn:countersign:acr:recovery"; 4]);
    let id = created.name.strip_prefix("environments/").unwrap();
    assert_eq!(bench.read(id).await.unwrap(), created);
}

#[tokio::test]
async fn what_factors_may_be_is_chosen_with_the_environment() {
    let bench = Bench::new().await;
    for (preset, seconds, id) in [(pb::Preset::Strict, 0, HERE), (pb::Preset::SeedCompatible, 60, THERE)] {
        let mut request = wanted(id, id);
        request.preset = preset.into();
        let environment = request.environment.as_mut().unwrap();
        environment.factor_hold_seconds = Some(seconds);
        environment.max_passkeys = 1;
        let sha512 = pb::TotpAlgorithm::Sha512.into();
        environment.totp_parameters = Some(pb::TotpParameters { algorithm: sha512, ..Default::default() });
        let created = bench.create(request).await.unwrap();
        assert_eq!((created.factor_hold_seconds, created.max_passkeys), (Some(seconds), 1));
        let totp = created.totp_parameters.unwrap();
        assert_eq!((totp.algorithm, totp.digits, totp.period_seconds), (sha512, 6, 30));
    }
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let bench = Bench::new().await;
    let first = bench.created(HERE, "wallet").await;
    for validate_only in [true, false] {
        let request = pb::CreateEnvironmentRequest { validate_only, ..wanted(HERE, "other") };
        let refused = bench.create(request).await.unwrap_err();
        assert_eq!((refused.reason(), fields(&refused)), (Reason::InvalidRequest, vec!["environment.name"]));
    }
    assert_eq!(bench.read(HERE).await.unwrap(), first);
}

#[tokio::test]
async fn an_administrator_whose_name_cannot_be_written_down_is_not_let_in() {
    let bench = Bench::new().await;
    for subject in ["", "a\0b", "a\nb", "\u{1b}[2J", "a\u{9d}b", &"x".repeat(256)] {
        let request = bench.by_subject(subject, &["owner@*"], wanted(HERE, "wallet"));
        let refused = outcome(bench.admin().create_environment(request).await).unwrap_err();
        assert_eq!(refused.reason(), Reason::AdminTokenInvalid, "{subject:?}");
    }
    assert!(bench.audit.rows().iter().all(|row| row.actor == "unknown"));
    let request = bench.by_subject(&"ß".repeat(127), &["owner@*"], wanted(HERE, "wallet"));
    outcome(bench.admin().create_environment(request).await).unwrap();
}

#[tokio::test]
async fn a_token_leads_to_one_environment() {
    let bench = Bench::new().await;
    bench.created(HERE, "wallet").await;
    for validate_only in [true, false] {
        let request = pb::CreateEnvironmentRequest { validate_only, ..wanted(THERE, "wallet") };
        let refused = bench.create(request).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::InvalidRequest);
        assert_eq!(fields(&refused), ["environment.identity_providers[0].audience"]);
        // Which environment has it is nobody else's business.
        assert!(!refused.message().contains(HERE));
    }
    assert_eq!(bench.read(THERE).await.unwrap_err().reason(), Reason::ResourceNotFound);
}

#[tokio::test]
async fn validating_a_creation_creates_nothing() {
    let bench = Bench::new().await;
    let request = pb::CreateEnvironmentRequest { validate_only: true, ..wanted(HERE, "wallet") };
    let foreseen = bench.create(request).await.unwrap();
    assert_eq!((foreseen.name.as_str(), foreseen.etag.as_str()), (name(HERE).as_str(), ""));
    assert_eq!(bench.read(HERE).await.unwrap_err().reason(), Reason::ResourceNotFound);
    // Nothing is held either.
    bench.created(THERE, "wallet").await;
}

#[tokio::test]
async fn what_cannot_be_created_is_refused_by_its_field() {
    let bench = Bench::new().await;
    type Change = fn(&mut pb::CreateEnvironmentRequest);
    let cases: [(&str, Change); 15] = [
        ("environment", |r| r.environment = None),
        ("preset", |r| r.preset = 99),
        ("environment.name", |r| r.environment.as_mut().unwrap().name = name(&HERE.to_uppercase())),
        ("environment.name", |r| r.environment.as_mut().unwrap().name = "environments/".to_owned()),
        ("environment.display_name", |r| r.environment.as_mut().unwrap().display_name = "x".repeat(129)),
        ("environment.max_totp_devices", |r| r.environment.as_mut().unwrap().max_totp_devices = 11),
        ("environment.max_passkeys", |r| r.environment.as_mut().unwrap().max_passkeys = 21),
        ("environment.factor_hold_seconds", |r| {
            r.environment.as_mut().unwrap().factor_hold_seconds = Some(604_801);
        }),
        ("environment.totp_parameters.digits", |r| {
            let wrong = pb::TotpParameters { digits: 5, ..Default::default() };
            r.environment.as_mut().unwrap().totp_parameters = Some(wrong);
        }),
        ("environment.legacy_mfa_tokens.token_expiry_seconds", |r| {
            let wrong = pb::LegacyMfaTokens { enabled: true, token_expiry_seconds: 301 };
            r.environment.as_mut().unwrap().legacy_mfa_tokens = Some(wrong);
        }),
        ("environment.assertion_issuers[0].acr", |r| {
            let wrong = pb::AssertionIssuer { acr: "phr".to_owned(), ..assertion_issuer("step-up") };
            r.environment.as_mut().unwrap().assertion_issuers = vec![wrong];
        }),
        ("environment.sender_constraint", |r| r.environment.as_mut().unwrap().sender_constraint = 99),
        ("environment.identity_providers[0].keys", |r| {
            r.environment.as_mut().unwrap().identity_providers[0].keys = None;
        }),
        ("environment.identity_providers[0].jwks_uri", |r| {
            let keys = pb::identity_provider::Keys::JwksUri("http://localhost/jwks".to_owned());
            r.environment.as_mut().unwrap().identity_providers[0].keys = Some(keys);
        }),
        ("environment.action_settings", |r| {
            r.environment.as_mut().unwrap().action_settings = vec![pb::ActionSettings {
                action: types::Action::WalletExport.into(),
                token_behavior: types::TokenBehavior::SingleUse.into(),
                binding: types::Binding::Scope.into(),
                ..Default::default()
            }];
        }),
    ];
    for (field, change) in cases {
        let mut request = wanted(HERE, "wallet");
        change(&mut request);
        let refused = bench.create(request).await.unwrap_err();
        assert_eq!((refused.reason(), fields(&refused)), (Reason::InvalidRequest, vec![field]));
    }
    assert_eq!(bench.read(HERE).await.unwrap_err().reason(), Reason::ResourceNotFound);
}

#[tokio::test]
async fn unknown_enum_values_are_refused_wherever_they_stand() {
    let bench = Bench::new().await;
    let strict = bench.created(THERE, "other").await.action_settings;
    type Change = fn(&mut pb::ActionSettings, i32);
    let cases: [(&str, Change); 3] = [
        ("action", |s, value| s.action = value),
        ("token_behavior", |s, value| s.token_behavior = value),
        ("binding", |s, value| s.binding = value),
    ];
    for (field, change) in cases {
        for value in [0, 99, -1] {
            let mut request = wanted(HERE, "wallet");
            let mut settings = strict.clone();
            change(&mut settings[2], value);
            request.environment.as_mut().unwrap().action_settings = settings;
            let refused = bench.create(request).await.unwrap_err();
            assert_eq!(refused.reason(), Reason::InvalidRequest);
            assert_eq!(fields(&refused), [format!("environment.action_settings[2].{field}")], "{value}");
        }
    }
}

#[tokio::test]
async fn roles_are_kept_apart_and_other_environments_do_not_seem_to_exist() {
    let bench = Bench::new().await;
    bench.created(HERE, "wallet").await;
    let here = |role: &str| format!("{role}@{HERE}");
    let there = |role: &str| format!("{role}@{THERE}");
    let get = async |roles: &[&str]| {
        let request = pb::GetEnvironmentRequest { name: name(HERE), version: 0 };
        outcome(bench.admin().get_environment(bench.by(roles, request)).await).map_err(|error| error.reason())
    };
    for role in ["viewer", "editor", "owner"] {
        assert!(get(&[&here(role)]).await.is_ok(), "{role}");
    }
    assert_eq!(get(&[&here("auditor")]).await, Err(Reason::AdminRoleMissing));
    assert_eq!(get(&[&there("owner")]).await, Err(Reason::ResourceNotFound));
    assert_eq!(get(&[]).await, Err(Reason::ResourceNotFound));

    // The same to the letter as what does not exist.
    let absent = pb::GetEnvironmentRequest { name: name(THERE), version: 0 };
    let unknown = bench.admin().get_environment(bench.by(&["owner@*"], absent)).await.unwrap_err();
    let hidden = pb::GetEnvironmentRequest { name: name(HERE), version: 0 };
    let hidden = bench.admin().get_environment(bench.by(&[&there("owner")], hidden)).await.unwrap_err();
    assert_eq!((unknown.code(), unknown.message()), (hidden.code(), hidden.message()));
    assert_eq!(unknown.details(), hidden.details());

    let create = async |roles: &[&str]| {
        let request = wanted(THERE, "other");
        outcome(bench.admin().create_environment(bench.by(roles, request)).await)
            .map_err(|error| error.reason())
    };
    for roles in [&["viewer@*"][..], &["auditor@*"], &[&there("owner")], &[]] {
        assert_eq!(create(roles).await, Err(Reason::AdminRoleMissing), "{roles:?}");
    }
    assert!(create(&["editor@*"]).await.is_ok());
}

#[tokio::test]
async fn without_an_administrators_token_nothing_is_told() {
    let bench = Bench::new().await;
    bench.created(HERE, "wallet").await;
    let request = || pb::GetEnvironmentRequest { name: name(HERE), version: 0 };
    let refused = outcome(bench.admin().get_environment(anonymous(request())).await).unwrap_err();
    assert_eq!(refused.reason(), Reason::AdminTokenMissing);
    let mut wrong = anonymous(request());
    wrong.metadata_mut().insert("authorization", "Bearer a.b.c".parse().unwrap());
    let refused = outcome(bench.admin().get_environment(wrong).await).unwrap_err();
    assert_eq!(refused.reason(), Reason::AdminTokenInvalid);
}

#[tokio::test]
async fn lists_show_what_the_caller_may_view_page_by_page() {
    let bench = Bench::new().await;
    let ids: Vec<_> = (0..5).map(|n| format!("0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d2{n}")).collect();
    for id in ids.iter().rev() {
        bench.created(id, id).await;
    }
    let list = async |roles: &[&str], page_size, page_token: &str| {
        let request = pb::ListEnvironmentsRequest { page_size, page_token: page_token.to_owned() };
        outcome(bench.admin().list_environments(bench.by(roles, request)).await)
    };
    let names = |answer: &pb::ListEnvironmentsResponse| -> Vec<_> {
        answer.environments.iter().map(|each| each.name.clone()).collect()
    };
    let all: Vec<_> = ids.iter().map(|id| name(id)).collect();

    let mut walked = Vec::new();
    let mut token = String::new();
    for expected in [2, 2, 1] {
        let page = list(&["viewer@*"], 2, &token).await.unwrap();
        assert_eq!(page.environments.len(), expected);
        walked.extend(names(&page));
        token = page.next_page_token;
    }
    assert_eq!((walked, token.as_str()), (all.clone(), ""));

    let (second, fourth) = (format!("viewer@{}", ids[1]), format!("owner@{}", ids[3]));
    let some = list(&[&second, &fourth], 1, "").await.unwrap();
    assert_eq!(names(&some), [all[1].clone()]);
    let rest = list(&[&second, &fourth], 1, &some.next_page_token).await.unwrap();
    assert_eq!((names(&rest), rest.next_page_token), (vec![all[3].clone()], String::new()));
    let auditor = format!("auditor@{}", ids[0]);
    assert!(list(&[&auditor], 0, "").await.unwrap().environments.is_empty());

    assert_eq!(list(&["viewer@*"], -1, "").await.unwrap_err().reason(), Reason::InvalidRequest);
    assert_eq!(list(&["viewer@*"], 0, "nonsense").await.unwrap_err().reason(), Reason::InvalidRequest);
}

#[tokio::test]
async fn a_page_ends_before_it_is_too_large_to_read() {
    let bench = Bench::new().await;
    for index in 0..8 {
        let mut request = wanted(&format!("0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d3{index}"), "none");
        let keys = format!("{{\"keys\":[{}]}}{}", RFC_8037_KEY, " ".repeat(60_000));
        request.environment.as_mut().unwrap().identity_providers = (0..3)
            .map(|n| pb::IdentityProvider {
                provider_id: format!("p{n}"),
                audience: format!("{index}-{n}"),
                keys: Some(pb::identity_provider::Keys::Jwks(keys.clone())),
                ..super::bench::provider("")
            })
            .collect();
        bench.create(request).await.unwrap();
    }
    let mut token = String::new();
    let mut pages = Vec::new();
    loop {
        let request = pb::ListEnvironmentsRequest { page_size: 100, page_token: token };
        let page = outcome(bench.admin().list_environments(bench.by(&["viewer@*"], request)).await).unwrap();
        pages.push(page.environments.len());
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(pages, [5, 3]);
}

/// RFC 8037, appendix A.2.
const RFC_8037_KEY: &str =
    r#"{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
