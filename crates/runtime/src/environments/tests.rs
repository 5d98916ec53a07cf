use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use proto::policy::policy_service_server::{PolicyService, PolicyServiceServer};
use proto::policy::{DecideRequest, DecideResponse, ReadSettingsResponse};
use testkit::{FixedClock, TestProvider};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::*;
use crate::memory::MemoryNetwork;
use crate::mount::Mount;
use crate::server::serve_memory;

const ENVIRONMENT: &str = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11";

/// A policy service that answers what it is told to.
#[derive(Clone, Default)]
struct Stub {
    environment: Arc<Mutex<Option<Environment>>>,
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl PolicyService for Stub {
    async fn read_settings(
        &self,
        _: Request<ReadSettingsRequest>,
    ) -> Result<Response<ReadSettingsResponse>, Status> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match self.environment.lock().unwrap().clone() {
            Some(environment) => Ok(Response::new(ReadSettingsResponse { environment: Some(environment) })),
            None => Err(status::to_status(&Error::not_found())),
        }
    }

    async fn decide(&self, _: Request<DecideRequest>) -> Result<Response<DecideResponse>, Status> {
        Err(status::to_status(&Error::not_found()))
    }
}

struct Bench {
    stub: Stub,
    clock: Arc<FixedClock>,
    environments: PolicyEnvironments,
    stop: CancellationToken,
}

fn environment() -> Environment {
    let idp = TestProvider::new("https://idp.example", "app");
    Environment {
        name: format!("environments/{ENVIRONMENT}"),
        version: 7,
        max_totp_devices: 3,
        identity_providers: vec![IdentityProvider {
            provider_id: "main".to_owned(),
            issuer: idp.issuer.clone(),
            audience: idp.audience.clone(),
            keys: Some(identity_provider::Keys::Jwks(idp.jwks())),
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn bench() -> Bench {
    let (stub, clock, network) = (Stub::default(), Arc::new(FixedClock::new()), MemoryNetwork::default());
    *stub.environment.lock().unwrap() = Some(environment());
    let stop = CancellationToken::new();
    let mount = Mount::new().service(PolicyServiceServer::new(stub.clone()));
    tokio::spawn(serve_memory(network.listen("policy"), mount, stop.clone()));
    let environments = PolicyEnvironments::new(network.channel("mfa-devices", "policy"), clock.clone());
    Bench { stub, clock, environments, stop }
}

impl Bench {
    async fn read(&self) -> Result<Option<Arc<EnvironmentSettings>>> {
        self.environments.environment(ENVIRONMENT.parse().unwrap()).await
    }
}

#[tokio::test]
async fn settings_are_kept_for_five_seconds_and_no_longer() {
    let bench = bench();
    assert_eq!(bench.read().await.unwrap().unwrap().version, 7);
    bench.stub.environment.lock().unwrap().as_mut().unwrap().version = 8;
    bench.clock.advance(Duration::from_millis(4_999));
    assert_eq!(bench.read().await.unwrap().unwrap().version, 7);
    bench.clock.advance(Duration::from_millis(1));
    assert_eq!(bench.read().await.unwrap().unwrap().version, 8);
    assert_eq!(bench.stub.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_copy_that_cannot_be_renewed_refuses() {
    let bench = bench();
    bench.read().await.unwrap();
    bench.stop.cancel();
    while bench.environments.fetch(ENVIRONMENT.parse().unwrap()).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(bench.read().await.unwrap().is_some(), "still young enough");
    bench.clock.advance(MAX_AGE);
    assert_eq!(bench.read().await.unwrap_err().reason(), Reason::DependencyUnavailable);
}

#[tokio::test]
async fn an_unknown_environment_is_asked_for_again_and_a_removed_one_is_gone() {
    let bench = bench();
    *bench.stub.environment.lock().unwrap() = None;
    assert!(bench.read().await.unwrap().is_none());
    *bench.stub.environment.lock().unwrap() = Some(environment());
    assert!(bench.read().await.unwrap().is_some());
    *bench.stub.environment.lock().unwrap() = None;
    bench.clock.advance(MAX_AGE);
    assert!(bench.read().await.unwrap().is_none());
}

fn totp_value(
    algorithm: TotpAlgorithmValue,
    digits: u32,
    period_seconds: u32,
) -> Option<proto::policy::TotpParameters> {
    Some(proto::policy::TotpParameters { algorithm: algorithm.into(), digits, period_seconds })
}

fn party(rp_id: &str, origins: &[&str]) -> Option<RelyingPartyValue> {
    let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
    Some(RelyingPartyValue { rp_id: rp_id.to_owned(), origins })
}

#[tokio::test]
async fn what_factors_look_like_is_read_too() {
    let bench = bench();
    let plain = bench.read().await.unwrap().unwrap();
    assert_eq!((plain.totp, plain.relying_party.clone()), (TotpParameters::default(), None));
    *bench.stub.environment.lock().unwrap() = Some(Environment {
        max_passkeys: 5,
        totp_parameters: totp_value(TotpAlgorithmValue::Sha512, 8, 60),
        relying_party: party("wallet.example", &["https://app.wallet.example:8443"]),
        ..environment()
    });
    bench.clock.advance(MAX_AGE);
    let read = bench.read().await.unwrap().unwrap();
    assert_eq!((read.max_totp_devices, read.max_passkeys), (3, 5));
    let expected = TotpParameters { algorithm: TotpAlgorithm::Sha512, digits: 8, period_seconds: 60 };
    assert_eq!(read.totp, expected);
    let party = read.relying_party.clone().unwrap();
    assert_eq!(party.rp_id, "wallet.example");
    assert_eq!(party.origins, ["https://app.wallet.example:8443"]);
}

fn assertion_issuer(environment: &mut Environment) -> &mut proto::policy::AssertionIssuer {
    let idp = TestProvider::new("https://risk.example", "step-up");
    environment.assertion_issuers.push(proto::policy::AssertionIssuer {
        assertion_issuer_id: "risk".to_owned(),
        issuer: idp.issuer.clone(),
        audience: idp.audience.clone(),
        algorithms: Vec::new(),
        scopes: vec!["wallet:sign".to_owned()],
        acr: "urn:countersign:acr:otp".to_owned(),
        max_age_seconds: 60,
        keys: Some(proto::policy::assertion_issuer::Keys::Jwks(idp.jwks())),
    });
    environment.assertion_issuers.last_mut().unwrap()
}

fn legacy(enabled: bool, token_expiry_seconds: u32) -> Option<proto::policy::LegacyMfaTokens> {
    Some(proto::policy::LegacyMfaTokens { enabled, token_expiry_seconds })
}

#[tokio::test]
async fn what_tokens_there_are_is_read_too() {
    let bench = bench();
    let plain = bench.read().await.unwrap().unwrap();
    assert_eq!(plain.tokens.legacy_mfa_expiry, None);
    assert_eq!(plain.tokens.sender_constraint, SenderConstraint::Off);
    assert!(plain.tokens.assertion_issuers.is_empty());
    for (enabled, expected) in [(false, None), (true, Some(Duration::from_secs(300)))] {
        let mut environment = environment();
        environment.legacy_mfa_tokens = legacy(enabled, 300);
        environment.sender_constraint = proto::types::SenderConstraint::Required.into();
        assertion_issuer(&mut environment);
        *bench.stub.environment.lock().unwrap() = Some(environment);
        bench.clock.advance(MAX_AGE);
        let read = &bench.read().await.unwrap().unwrap().tokens;
        assert_eq!(read.legacy_mfa_expiry, expected);
        assert_eq!(read.sender_constraint, SenderConstraint::Required);
        let issuer = &read.assertion_issuers[0];
        assert_eq!((issuer.id.as_str(), issuer.issuer.as_str()), ("risk", "https://risk.example"));
        assert_eq!((issuer.audience.as_str(), issuer.max_age), ("step-up", Duration::from_secs(60)));
        assert_eq!((issuer.acr, &issuer.scopes[..]), (kernel::Acr::Otp, &[kernel::Scope::WalletSign][..]));
        assert_eq!(issuer.algorithms, Algorithm::ALL);
        assert!(matches!(&issuer.keys, ProviderKeySource::Inline(keys) if keys.len() == 1));
    }
}

#[tokio::test]
async fn settings_that_make_no_sense_refuse() {
    for spoil in [
        (|environment| environment.name = "environments/other".to_owned()) as fn(&mut Environment),
        |environment| environment.identity_providers[0].keys = None,
        |environment| environment.identity_providers[0].algorithms = vec!["HS256".to_owned()],
        |environment| {
            environment.identity_providers[0].keys =
                Some(identity_provider::Keys::Jwks("{\"keys\":[]}".to_owned()));
        },
        |environment| environment.totp_parameters = totp_value(TotpAlgorithmValue::Unspecified, 6, 30),
        |environment| environment.totp_parameters = totp_value(TotpAlgorithmValue::Sha1, 5, 30),
        |environment| environment.totp_parameters = totp_value(TotpAlgorithmValue::Sha1, 9, 30),
        |environment| environment.totp_parameters = totp_value(TotpAlgorithmValue::Sha1, 6, 14),
        |environment| environment.totp_parameters = totp_value(TotpAlgorithmValue::Sha1, 6, 61),
        |environment| environment.legacy_mfa_tokens = legacy(true, 29),
        |environment| environment.legacy_mfa_tokens = legacy(true, 301),
        |environment| environment.sender_constraint = 99,
        |environment| assertion_issuer(environment).keys = None,
        |environment| assertion_issuer(environment).algorithms = vec!["HS256".to_owned()],
        |environment| assertion_issuer(environment).scopes = vec!["wallet:*".to_owned()],
        |environment| assertion_issuer(environment).acr = "very strong".to_owned(),
        |environment| assertion_issuer(environment).max_age_seconds = 9,
        |environment| assertion_issuer(environment).max_age_seconds = 601,
        |environment| environment.relying_party = party("", &["https://wallet.example"]),
        |environment| environment.relying_party = party("wallet.example", &[]),
        |environment| environment.relying_party = party("wallet.example", &["https://wallet.example/"]),
        |environment| environment.relying_party = party("wallet.example", &["https://wallet.example:443"]),
        |environment| environment.relying_party = party("wallet.example", &["wallet.example"]),
    ] {
        let bench = bench();
        spoil(bench.stub.environment.lock().unwrap().as_mut().unwrap());
        assert_eq!(bench.read().await.unwrap_err().reason(), Reason::Internal);
    }
}
