use super::*;

// RFC 8037, appendix A.2.
const JWKS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a",
    "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

fn draft() -> ProviderDraft {
    ProviderDraft {
        id: "main".to_owned(),
        issuer: "https://idp.example".to_owned(),
        audience: "wallet".to_owned(),
        keys: Some(ProviderKeys::Inline(JWKS.to_owned())),
        algorithms: Vec::new(),
        session_claim: String::new(),
    }
}

/// The field that is refused when the good draft is changed.
fn refused(change: impl FnOnce(&mut ProviderDraft)) -> Option<String> {
    let mut changed = draft();
    change(&mut changed);
    check_all(vec![changed], Mode::Production)
        .err()
        .map(|error| error.violations()[0].field.replace("environment.identity_providers[0].", ""))
}

#[test]
fn what_is_left_open_is_filled_in() {
    let [provider] = check_all(vec![draft()], Mode::Production).unwrap().try_into().unwrap();
    assert_eq!(provider.session_claim, "sid");
    assert_eq!(provider.algorithms, Algorithm::ALL);
    assert_eq!(provider.keys, ProviderKeys::Inline(JWKS.to_owned()));
}

#[test]
fn ids_and_texts_are_bounded() {
    for bad in ["", "Main", "ma in", "mäin", "a/b", "a_b", &"x".repeat(33)] {
        assert_eq!(refused(|d| d.id = bad.to_owned()).as_deref(), Some("provider_id"), "{bad}");
    }
    assert_eq!(refused(|d| d.id = "x".repeat(32)), None);
    for bad in ["", "a\0b", "a\nb", &"x".repeat(513)] {
        assert_eq!(refused(|d| d.issuer = bad.to_owned()).as_deref(), Some("issuer"), "{bad}");
        assert_eq!(refused(|d| d.audience = bad.to_owned()).as_deref(), Some("audience"), "{bad}");
    }
    assert_eq!(refused(|d| d.audience = "x".repeat(512)), None);
}

#[test]
fn only_known_asymmetric_algorithms_are_accepted_each_once() {
    for bad in ["none", "HS256", "es256", "PS256", ""] {
        let field = refused(|d| d.algorithms = vec!["EdDSA".to_owned(), bad.to_owned()]);
        assert_eq!(field.as_deref(), Some("algorithms[1]"), "{bad}");
    }
    let field = refused(|d| d.algorithms = vec!["EdDSA".to_owned(), "EdDSA".to_owned()]);
    assert_eq!(field.as_deref(), Some("algorithms[1]"));
}

#[test]
fn keys_are_required_public_and_usable() {
    let keys = |jwks: &str| refused(|d| d.keys = Some(ProviderKeys::Inline(jwks.to_owned())));
    assert_eq!(refused(|d| d.keys = None).as_deref(), Some("keys"));
    let private = JWKS.replace("\"kid\"", "\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\",\"kid\"");
    let symmetric = r#"{"keys":[{"kty":"oct","kid":"a","k":"c2VjcmV0"}]}"#;
    let encryption = JWKS.replace("\"kid\"", "\"use\":\"enc\",\"kid\"");
    for bad in ["", "{}", "[]", r#"{"keys":[]}"#, &private, symmetric, &encryption, &"x".repeat(65_537)] {
        assert_eq!(keys(bad).as_deref(), Some("jwks"), "{bad}");
    }
    // The set has no key for the algorithms that are left.
    assert_eq!(refused(|d| d.algorithms = vec!["ES256".to_owned()]).as_deref(), Some("jwks"));
}

#[test]
fn a_refused_private_key_is_not_repeated() {
    let secret = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    let private = JWKS.replace("\"kid\"", &format!("\"d\":\"{secret}\",\"kid\""));
    let draft = ProviderDraft { keys: Some(ProviderKeys::Inline(private)), ..draft() };
    let error = check_all(vec![draft], Mode::Production).unwrap_err();
    assert!(error.message().contains("private"), "{error}");
    assert!(!format!("{error:?}").contains(secret));
}

#[test]
fn an_address_of_keys_follows_the_mode() {
    let draft = || ProviderDraft {
        keys: Some(ProviderKeys::Address("http://localhost:9/jwks".to_owned())),
        ..draft()
    };
    assert!(check_all(vec![draft()], Mode::Dev).is_ok());
    let error = check_all(vec![draft()], Mode::Production).unwrap_err();
    assert_eq!(error.violations()[0].field, "environment.identity_providers[0].jwks_uri");
}

#[test]
fn a_session_claim_names_one_session() {
    for bad in ["sub", "iss", "aud", "exp", "auth_time", "a b", "sïd", &"x".repeat(65)] {
        let field = refused(|d| d.session_claim = bad.to_owned());
        assert_eq!(field.as_deref(), Some("session_claim"), "{bad}");
    }
    assert_eq!(refused(|d| d.session_claim = "https://idp.example/session".to_owned()), None);
}

#[test]
fn no_two_providers_share_an_id_or_a_token() {
    let other = |change: fn(&mut ProviderDraft)| {
        let mut second = draft();
        change(&mut second);
        check_all(vec![draft(), second], Mode::Production)
            .err()
            .map(|error| error.violations()[0].field.clone())
    };
    assert_eq!(
        other(|d| d.audience = "other".to_owned()).as_deref(),
        Some("environment.identity_providers[1].provider_id")
    );
    assert_eq!(
        other(|d| d.id = "second".to_owned()).as_deref(),
        Some("environment.identity_providers[1].audience")
    );
    assert_eq!(other(|d| (d.id, d.issuer) = ("second".to_owned(), "https://b.example".to_owned())), None);
}

#[test]
fn there_are_at_most_sixteen() {
    let some = |count: usize| {
        let drafts = (0..count)
            .map(|n| ProviderDraft { id: format!("p{n}"), audience: format!("a{n}"), ..draft() })
            .collect();
        check_all(drafts, Mode::Production)
    };
    assert_eq!(some(16).unwrap().len(), 16);
    assert_eq!(some(17).unwrap_err().violations()[0].field, "environment.identity_providers");
}
