use super::*;
use crate::domain::change::Change;
use crate::domain::environment::Settings;
use crate::domain::preset::Preset;
use crate::domain::provider::ProviderDraft;

// RFC 8037, appendix A.2.
const KEY: &str = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;

// RFC 7517, appendix A.1.
const OTHER_KEY: &str = r#""kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM""#;

fn jwks(keys: &[(&str, &str)]) -> ProviderKeys {
    let keys: Vec<_> = keys.iter().map(|(name, key)| format!("{{{key},\"kid\":\"{name}\"}}")).collect();
    ProviderKeys::Inline(format!("{{\"keys\":[{}]}}", keys.join(",")))
}

fn draft() -> AssertionIssuerDraft {
    AssertionIssuerDraft {
        id: "risk".to_owned(),
        issuer: "https://risk.example".to_owned(),
        audience: "step-up".to_owned(),
        keys: Some(jwks(&[("a", KEY)])),
        algorithms: Vec::new(),
        scopes: vec!["wallet:sign".to_owned()],
        acr: "urn:countersign:acr:otp".to_owned(),
        max_age_seconds: 0,
    }
}

/// The field that is refused when the good draft is changed.
fn refused(change: impl FnOnce(&mut AssertionIssuerDraft)) -> Option<String> {
    let mut changed = draft();
    change(&mut changed);
    check_all(vec![changed], Mode::Production)
        .err()
        .map(|error| error.violations()[0].field.replace("environment.assertion_issuers[0].", ""))
}

#[test]
fn what_is_left_open_is_filled_in() {
    let [issuer] = check_all(vec![draft()], Mode::Production).unwrap().try_into().unwrap();
    assert_eq!((issuer.max_age_seconds, issuer.acr), (120, Acr::Otp));
    assert_eq!((issuer.algorithms, issuer.scopes), (Algorithm::ALL.to_vec(), vec![Scope::WalletSign]));
}

#[test]
fn a_wrong_entry_is_refused_by_its_field() {
    type Change = fn(&mut AssertionIssuerDraft);
    let cases: [(&str, Change); 8] = [
        ("assertion_issuer_id", |d| d.id.clear()),
        ("assertion_issuer_id", |d| d.id = "Risk".to_owned()),
        ("issuer", |d| d.issuer.clear()),
        ("audience", |d| d.audience = "a\nb".to_owned()),
        ("algorithms[0]", |d| d.algorithms = vec!["HS256".to_owned()]),
        ("keys", |d| d.keys = None),
        ("jwks", |d| d.keys = Some(ProviderKeys::Inline("{\"keys\":[]}".to_owned()))),
        ("jwks_uri", |d| d.keys = Some(ProviderKeys::Address("http://localhost/jwks".to_owned()))),
    ];
    for (field, change) in cases {
        assert_eq!(refused(change).as_deref(), Some(field));
    }
    for seconds in [1, 9, 601, u32::MAX] {
        assert_eq!(refused(|d| d.max_age_seconds = seconds).as_deref(), Some("max_age_seconds"), "{seconds}");
    }
    for seconds in [10, 600] {
        assert_eq!(refused(|d| d.max_age_seconds = seconds), None);
    }
}

#[test]
fn no_assertion_is_phishing_resistant_and_its_strength_is_said() {
    for acr in ["", "otp", "phr", "phrh", "URN:COUNTERSIGN:ACR:OTP"] {
        assert_eq!(refused(|d| d.acr = acr.to_owned()).as_deref(), Some("acr"), "{acr}");
    }
    for acr in ["urn:countersign:acr:recovery", "urn:countersign:acr:otp"] {
        assert_eq!(refused(|d| d.acr = acr.to_owned()), None);
    }
}

#[test]
fn only_what_is_done_with_wallets_may_be_paid_for_and_it_is_said() {
    let scopes =
        |names: &[&str]| refused(|d| d.scopes = names.iter().map(|name| (*name).to_owned()).collect());
    assert_eq!(scopes(&["wallet:export", "wallet:sign", "wallet:refresh", "wallet:reshare"]), None);
    assert_eq!(scopes(&[]).as_deref(), Some("scopes"));
    for wrong in ["credential:link", "credential:unlink", "wallet:*", "", "wallet:sign"] {
        assert_eq!(scopes(&["wallet:sign", wrong]).as_deref(), Some("scopes[1]"), "{wrong}");
    }
}

#[test]
fn no_two_entries_share_an_id_or_a_token_and_there_are_at_most_eight() {
    let other = |change: fn(&mut AssertionIssuerDraft)| {
        let mut second = draft();
        change(&mut second);
        check_all(vec![draft(), second], Mode::Production)
            .err()
            .map(|error| error.violations()[0].field.replace("environment.assertion_issuers", ""))
    };
    assert_eq!(other(|d| d.audience = "other".to_owned()).as_deref(), Some("[1].assertion_issuer_id"));
    assert_eq!(other(|d| d.id = "second".to_owned()).as_deref(), Some("[1].audience"));
    assert_eq!(other(|d| (d.id, d.audience) = ("second".to_owned(), "b".to_owned())), None);
    let some = |count: usize| {
        let drafts = (0..count).map(|n| AssertionIssuerDraft {
            id: format!("i{n}"),
            audience: format!("a{n}"),
            ..draft()
        });
        check_all(drafts.collect(), Mode::Production)
    };
    assert_eq!(some(8).unwrap().len(), 8);
    assert_eq!(some(9).unwrap_err().violations()[0].field, "environment.assertion_issuers");
}

fn provider(audience: &str, keys: ProviderKeys) -> ProviderDraft {
    ProviderDraft {
        id: "main".to_owned(),
        issuer: "https://risk.example".to_owned(),
        audience: audience.to_owned(),
        keys: Some(keys),
        algorithms: Vec::new(),
        session_claim: String::new(),
    }
}

/// The field that is refused beside this provider, whichever of the two comes first.
fn beside(provider: ProviderDraft, issuer: AssertionIssuerDraft) -> Option<String> {
    let changes = || {
        [Change::IdentityProviders(vec![provider.clone()]), Change::AssertionIssuers(vec![issuer.clone()])]
    };
    let field = |result: Result<Settings>| {
        let field = result.err().map(|error| error.violations()[0].field.clone());
        field.map(|field| field.replace("environment.assertion_issuers[0].", ""))
    };
    let at_once = field(Settings::of(Preset::Strict).with(changes().into(), Mode::Production));
    for first in 0..2 {
        let mut changes = Vec::from(changes());
        let first = changes.remove(first);
        let settings = Settings::of(Preset::Strict).with(vec![first], Mode::Production).unwrap();
        assert_eq!(field(settings.with(changes, Mode::Production)), at_once);
    }
    at_once
}

#[test]
fn what_signs_assertions_may_not_sign_sessions() {
    let with = |keys| AssertionIssuerDraft { keys: Some(keys), ..draft() };
    let address = |text: &str| ProviderKeys::Address(text.to_owned());
    let (mine, both, theirs) =
        (jwks(&[("a", KEY)]), jwks(&[("b", OTHER_KEY), ("c", KEY)]), jwks(&[("a", OTHER_KEY)]));
    // The same name is no matter, the same key is, whatever it is called.
    assert_eq!(beside(provider("sessions", theirs.clone()), with(mine.clone())), None);
    assert_eq!(beside(provider("sessions", both.clone()), with(mine.clone())).as_deref(), Some("jwks"));
    assert_eq!(beside(provider("sessions", mine.clone()), with(both.clone())).as_deref(), Some("jwks"));
    // Nor is a key let through because it is for an algorithm that one of the two does not accept now.
    let narrow = AssertionIssuerDraft { algorithms: vec!["ES256".to_owned()], ..with(both) };
    assert_eq!(beside(provider("sessions", mine.clone()), narrow).as_deref(), Some("jwks"));
    let (one, other) = (address("https://risk.example/jwks"), address("https://risk.example/other"));
    assert_eq!(beside(provider("sessions", one.clone()), with(one.clone())).as_deref(), Some("jwks_uri"));
    assert_eq!(beside(provider("sessions", other), with(one)), None);
    // And one token does not pass for both.
    assert_eq!(beside(provider("step-up", theirs), with(mine)).as_deref(), Some("audience"));
}

#[test]
fn a_key_that_is_wrong_and_not_accepted_does_not_hide_the_others() {
    let broken = r#""kty":"RSA","n":"AQAB","e":"AQAB""#;
    let keys = jwks(&[("a", KEY), ("b", broken)]);
    let issuer = AssertionIssuerDraft { keys: Some(keys), algorithms: vec!["EdDSA".to_owned()], ..draft() };
    assert_eq!(beside(provider("sessions", jwks(&[("x", KEY)])), issuer).as_deref(), Some("jwks"));
}
