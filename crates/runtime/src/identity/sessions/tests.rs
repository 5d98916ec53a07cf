use async_trait::async_trait;
use jose::Algorithm;
use kernel::Clock as _;
use kernel::secret::ExposeSecret as _;
use serde_json::{Value, json};
use testkit::{FixedClock, TestProvider, TestReceipts};

use super::*;
use crate::environments::{ProviderKeySource, TokenSettings, TotpParameters};

const ISSUER: &str = "https://idp.example";
const AUDIENCE: &str = "wallet-app";
const ENVIRONMENT: &str = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11";

struct One(Arc<EnvironmentSettings>);

#[async_trait]
impl EnvironmentSource for One {
    async fn environment(&self, id: EnvironmentId) -> Result<Option<Arc<EnvironmentSettings>>> {
        Ok((id == self.0.id).then(|| self.0.clone()))
    }
}

struct Bench {
    idp: TestProvider,
    sessions: Sessions,
    now: Timestamp,
}

fn provider(idp: &TestProvider, id: &str) -> Provider {
    Provider {
        id: id.to_owned(),
        issuer: idp.issuer.clone(),
        audience: idp.audience.clone(),
        algorithms: vec![Algorithm::Es256],
        session_claim: "sid".to_owned(),
        keys: ProviderKeySource::Inline(Arc::new(idp.key_set())),
    }
}

fn bench() -> Bench {
    let idp = TestProvider::new(ISSUER, AUDIENCE);
    // Shares the issuer; its tokens are for another audience.
    let sibling = TestProvider::new(ISSUER, "another-app");
    let settings = EnvironmentSettings {
        id: ENVIRONMENT.parse().unwrap(),
        version: 1,
        providers: vec![provider(&sibling, "sibling"), provider(&idp, "main")],
        enrolment_required: false,
        max_totp_devices: 3,
        max_passkeys: 5,
        totp: TotpParameters::default(),
        relying_party: None,
        tokens: TokenSettings::default(),
    };
    let keys = ProviderKeys::new(false).unwrap();
    let sessions = Sessions::new(Arc::new(One(Arc::new(settings))), keys);
    Bench { idp, sessions, now: FixedClock::new().now() }
}

impl Bench {
    async fn with_header(&self, header: &str) -> Result<Session> {
        let mut metadata = MetadataMap::new();
        metadata.insert("authorization", header.parse().unwrap());
        let session = self.sessions.authenticate(&metadata, ENVIRONMENT.parse().unwrap(), self.now).await;
        session.map_err(|refused| refused.error)
    }

    async fn session(&self, token: &str) -> Result<Session> {
        self.with_header(&format!("Bearer {token}")).await
    }

    /// The reason for which a session with these claims changed is refused.
    async fn refused(&self, changes: Value) -> Reason {
        let mut claims = self.idp.session_claims("alice", "s-1", self.now);
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        self.session(&self.idp.sign(Kind::Session, &claims)).await.unwrap_err().reason()
    }
}

#[tokio::test]
async fn a_good_session_says_who_and_since_when() {
    let bench = bench();
    let session = bench.session(&bench.idp.session("alice", "s-1", bench.now)).await.unwrap();
    assert_eq!(session.user, UserId::derive(ENVIRONMENT.parse().unwrap(), "main", "alice"));
    assert_eq!(session.id.as_str(), "s-1");
    assert_eq!(session.provider_id, "main");
    assert_eq!(session.auth_time, Some(Timestamp::from_seconds(bench.now.seconds())));
}

#[tokio::test]
async fn no_session_is_told_from_a_wrong_one() {
    let bench = bench();
    let nothing = MetadataMap::new();
    let missing = bench.sessions.authenticate(&nothing, ENVIRONMENT.parse().unwrap(), bench.now).await;
    assert_eq!(missing.unwrap_err().error.reason(), Reason::SessionMissing);
    let good = bench.idp.session("alice", "s-1", bench.now);
    for header in
        [good.clone(), "Bearer".into(), "Bearer ".into(), format!("Basic {good}"), "Bearer x".into()]
    {
        assert_eq!(
            bench.with_header(&header).await.unwrap_err().reason(),
            Reason::SessionInvalid,
            "{header}"
        );
    }
    let mut twice = MetadataMap::new();
    twice.append("authorization", format!("Bearer {good}").parse().unwrap());
    twice.append("authorization", format!("Bearer {good}").parse().unwrap());
    let refused = bench.sessions.authenticate(&twice, ENVIRONMENT.parse().unwrap(), bench.now).await;
    assert_eq!(refused.unwrap_err().error.reason(), Reason::SessionInvalid);
}

#[tokio::test]
async fn an_unknown_environment_looks_like_a_token_that_is_not_accepted() {
    let bench = bench();
    let mut metadata = MetadataMap::new();
    let token = bench.idp.session("alice", "s-1", bench.now);
    metadata.insert("authorization", format!("Bearer {token}").parse().unwrap());
    let elsewhere = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d12".parse().unwrap();
    let unknown = bench.sessions.authenticate(&metadata, elsewhere, bench.now).await.unwrap_err();
    assert_eq!(unknown.environment, None, "what a caller makes up is not written down");
    let unknown = unknown.error;
    let stranger = TestProvider::new(ISSUER, AUDIENCE).session("alice", "s-1", bench.now);
    let invalid = bench.session(&stranger).await.unwrap_err();
    assert_eq!((unknown.reason(), unknown.message()), (invalid.reason(), invalid.message()));
}

#[tokio::test]
async fn wrong_claims_are_refused() {
    let bench = bench();
    let now = bench.now.seconds();
    for changes in [
        json!({"iss": "https://evil.example"}),
        json!({"aud": "other"}),
        json!({"aud": []}),
        json!({"sub": ""}),
        json!({"sub": null}),
        json!({"sid": null}),
        json!({"sid": ""}),
        json!({"sid": 7}),
        json!({"exp": null}),
        json!({"exp": "soon"}),
        json!({"nbf": now + 3600}),
        json!({"iat": now + 3600}),
        json!({"auth_time": now + 3600}),
    ] {
        assert_eq!(bench.refused(changes.clone()).await, Reason::SessionInvalid, "{changes}");
    }
    assert_eq!(bench.refused(json!({"exp": now - 3600})).await, Reason::SessionExpired);
    assert_eq!(bench.refused(json!({"exp": now - 30})).await, Reason::SessionExpired);
}

#[tokio::test]
async fn every_other_kind_of_token_is_refused_as_a_session() {
    let bench = bench();
    let claims = bench.idp.session_claims("alice", "s-1", bench.now);
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Session) {
        let token = bench.idp.sign(kind, &claims);
        assert_eq!(bench.session(&token).await.unwrap_err().reason(), Reason::SessionInvalid, "{kind:?}");
    }
    assert!(bench.session(&bench.idp.sign(Kind::Session, &claims)).await.is_ok());
}

#[tokio::test]
async fn unsigned_and_confused_tokens_are_refused() {
    let bench = bench();
    let good = bench.idp.session("alice", "s-1", bench.now);
    let parts: Vec<&str> = good.split('.').collect();
    let header = |text: &str| data_encoding::BASE64URL_NOPAD.encode(text.as_bytes());
    let kid = bench.idp.key_set().iter().next().unwrap().key_id().as_str().to_owned();
    for bad in [
        format!("{}.{}.", header(r#"{"alg":"none"}"#), parts[1]),
        format!("{}.{}.", header(&format!(r#"{{"alg":"none","kid":"{kid}"}}"#)), parts[1]),
        format!("{}.{}.{}", header(&format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#)), parts[1], parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{good}."),
    ] {
        assert_eq!(bench.session(&bad).await.unwrap_err().reason(), Reason::SessionInvalid, "{bad}");
    }
    // A receipt of the issuer's is not a session either, whatever its claims.
    let receipts = TestReceipts::new(ISSUER);
    let statement = receipts.statement(1, bench.now);
    assert!(bench.session(&statement).await.is_err());
}

#[tokio::test]
async fn the_token_kept_for_forwarding_cannot_be_printed() {
    let bench = bench();
    let token = bench.idp.session("alice", "s-1", bench.now);
    let session = bench.session(&token).await.unwrap();
    assert_eq!(session.bearer.expose_secret(), token);
    assert!(!format!("{session:?}").contains(token.rsplit('.').next().unwrap()));
}
