use std::sync::Arc;
use std::time::Duration;

use jose::Algorithm;
use kernel::{Acr, Scope};
use serde_json::{Value, json};
use testkit::TestProvider;

use super::*;
use crate::environments::{ProviderKeySource, TokenSettings, TotpParameters};

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);

struct Bench {
    risk: TestProvider,
    settings: EnvironmentSettings,
}

fn issuer(id: &str, made_by: &TestProvider) -> AssertionIssuer {
    AssertionIssuer {
        id: id.to_owned(),
        issuer: made_by.issuer.clone(),
        audience: made_by.audience.clone(),
        algorithms: vec![Algorithm::Es256],
        keys: ProviderKeySource::Inline(Arc::new(made_by.key_set())),
        scopes: vec![Scope::WalletSign],
        acr: Acr::Otp,
        max_age: Duration::from_secs(120),
    }
}

fn bench() -> Bench {
    let risk = TestProvider::new("https://risk.example", "step-up");
    let settings = EnvironmentSettings {
        id: "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11".parse().unwrap(),
        version: 1,
        providers: Vec::new(),
        enrolment_required: false,
        max_totp_devices: 3,
        max_passkeys: 5,
        totp: TotpParameters::default(),
        relying_party: None,
        tokens: TokenSettings { assertion_issuers: vec![issuer("risk", &risk)], ..TokenSettings::default() },
    };
    Bench { risk, settings }
}

impl Bench {
    fn claims(&self) -> Value {
        let now = NOW.seconds();
        json!({
            "iss": self.risk.issuer, "aud": self.risk.audience, "sub": "alice", "scope": "wallet:sign",
            "jti": "a-1", "iat": now - 5, "exp": now + 55,
        })
    }

    fn with(&self, name: &str, value: impl Into<Value>) -> String {
        let mut claims = self.claims();
        claims[name] = value.into();
        self.risk.sign(Kind::Assertion, &claims)
    }

    async fn refusal(&self, assertion: String) -> Option<Reason> {
        let assertions = Assertions::new(ProviderKeys::new(false).unwrap());
        let verified = assertions.verify(&assertion.into(), &self.settings, NOW).await;
        verified.err().map(|error| error.reason())
    }
}

#[tokio::test]
async fn an_assertion_is_verified_with_the_keys_of_the_entry_of_its_issuer_and_audience() {
    let mut bench = bench();
    // Another entry with the same issuer, keys of its own and another audience.
    let other = TestProvider::new(&bench.risk.issuer, "elsewhere");
    bench.settings.tokens.assertion_issuers.insert(0, issuer("elsewhere", &other));
    let assertions = Assertions::new(ProviderKeys::new(false).unwrap());
    let text = bench.risk.sign(Kind::Assertion, &bench.claims());
    let verified = assertions.verify(&text.into(), &bench.settings, NOW).await.unwrap();
    assert_eq!(verified.issuer.id, "risk");
    assert_eq!((verified.claims.subject.as_str(), verified.claims.id.as_str()), ("alice", "a-1"));
    let crossed = other.sign(Kind::Assertion, &bench.claims());
    assert_eq!(bench.refusal(crossed).await, Some(Reason::AssertionInvalid));
}

#[tokio::test]
async fn what_is_no_assertion_of_a_listed_issuer_is_refused() {
    let bench = bench();
    let invalid = Some(Reason::AssertionInvalid);
    assert_eq!(bench.refusal(bench.with("x", 1)).await, None);
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Assertion) {
        assert_eq!(bench.refusal(bench.risk.sign(kind, &bench.claims())).await, invalid, "{kind:?}");
    }
    let stranger = TestProvider::new(&bench.risk.issuer, &bench.risk.audience);
    assert_eq!(bench.refusal(stranger.sign(Kind::Assertion, &bench.claims())).await, invalid);
    for (name, value) in [
        ("iss", json!("https://somebody.example")),
        ("aud", json!("somebody")),
        ("scope", json!("wallet:fly")),
        ("jti", json!("")),
        ("jti", json!(null)),
        ("sub", json!(null)),
    ] {
        assert_eq!(bench.refusal(bench.with(name, value.clone())).await, invalid, "{name} {value}");
    }
    for text in ["", "a.b.c", "nonsense"] {
        assert_eq!(bench.refusal(text.to_owned()).await, invalid);
    }
    let mut none = bench;
    none.settings.tokens.assertion_issuers.clear();
    assert_eq!(none.refusal(none.with("x", 1)).await, invalid);
}

#[tokio::test]
async fn an_assertion_is_young_and_short_lived() {
    let bench = bench();
    let now = NOW.seconds();
    let good = |iat: i64, exp: i64| {
        let mut claims = bench.claims();
        (claims["iat"], claims["exp"]) = (iat.into(), exp.into());
        bench.risk.sign(Kind::Assertion, &claims)
    };
    let invalid = Some(Reason::AssertionInvalid);
    for (iat, exp, expected) in [
        (now, now + 120, None),
        (now, now + 121, invalid),
        (now - 120, now, None),
        // Clocks may differ by half a minute.
        (now - 149, now - 29, None),
        (now - 150, now - 30, invalid),
        (now + 30, now + 60, None),
        (now + 31, now + 60, invalid),
    ] {
        assert_eq!(bench.refusal(good(iat, exp)).await, expected, "{} {}", iat - now, exp - now);
    }
    let mut claims = bench.claims();
    claims.as_object_mut().unwrap().remove("iat");
    assert_eq!(bench.refusal(bench.risk.sign(Kind::Assertion, &claims)).await, invalid);
}
