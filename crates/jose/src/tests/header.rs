use aws_lc_rs::hmac;

use super::support::*;
use crate::{Algorithm, KeySet, Kind, PublicJwk, TokenError, encoding, peek, verify};

#[test]
fn the_header_made_here_is_exactly_alg_typ_and_kid() {
    let token = token(Kind::Receipt, &good_claims(), es256());
    let made = encoding::decode(token.split('.').next().unwrap()).unwrap();
    assert_eq!(String::from_utf8(made).unwrap(), header(Kind::Receipt, es256(), ""));
}

#[test]
fn case_19_dangerous_parameters_are_refused_of_every_kind() {
    let jwk = es256().public_jwk().to_json();
    for (name, value) in [
        ("crit", r#"["exp"]"#),
        ("crit", "[]"),
        ("jwk", jwk.as_str()),
        ("jku", r#""https://attacker.example/jwks""#),
        ("x5u", r#""https://attacker.example/cert""#),
        ("x5c", r#"["AAAA"]"#),
        ("b64", "false"),
        ("b64", "true"),
        ("zip", r#""DEF""#),
        ("enc", r#""A256GCM""#),
        ("cty", r#""JWT""#),
        ("crit", "null"),
    ] {
        for kind in Kind::ALL {
            let header = header(kind, es256(), &format!(r#","{name}":{value}"#));
            let token = craft(&header, &good_claims().to_string(), es256());
            assert_eq!(refusal(&token, kind), Some(TokenError::HeaderForbidden(name)), "{kind:?} {name}");
            assert_eq!(peek(&token).err(), Some(TokenError::HeaderForbidden(name)), "peek {name}");
        }
    }
}

#[test]
fn harmless_parameters_are_ignored_of_foreign_tokens_and_refused_of_ours() {
    for more in [r#","x5t":"AAAA""#, r##","x5t#S256":"AAAA""##, r#","cat":"cl_1""#] {
        for kind in Kind::ALL {
            let token = craft(&header(kind, es256(), more), &good_claims().to_string(), es256());
            let refused = matches!(refusal(&token, kind), Some(TokenError::HeaderForbidden(_)));
            assert_eq!(refused, !kind.is_foreign(), "{kind:?} {more}");
            assert_eq!(refusal(&token, kind).is_none(), kind.is_foreign(), "{kind:?} {more}");
        }
    }
}

#[test]
fn case_19_an_unsigned_token_is_refused() {
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = format!(r#"{{"alg":"{alg}","typ":"elevated+jwt","kid":"{}"}}"#, es256().key_id());
        let signed = craft(&header, &good_claims().to_string(), es256());
        let unsigned = format!("{}.", signed.rsplit_once('.').unwrap().0);
        for token in [signed, unsigned] {
            assert_eq!(refusal(&token, Kind::Elevated), Some(TokenError::AlgorithmNotAllowed), "{alg}");
        }
    }
    let good = token(Kind::Elevated, &good_claims(), es256());
    let stripped = format!("{}.", good.rsplit_once('.').unwrap().0);
    assert_eq!(refusal(&stripped, Kind::Elevated), Some(TokenError::BadSignature));
}

#[test]
fn case_19_a_public_key_is_never_taken_for_a_shared_secret() {
    let public = key(Algorithm::Rs256).public_jwk();
    for secret in [public.to_json().into_bytes(), public.thumbprint().to_string().into_bytes()] {
        let header = format!(r#"{{"alg":"HS256","typ":"elevated+jwt","kid":"{}"}}"#, public.key_id());
        let input = format!(
            "{}.{}",
            encoding::encode(header.as_bytes()),
            encoding::encode(good_claims().to_string().as_bytes())
        );
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), input.as_bytes());
        let token = format!("{input}.{}", encoding::encode(tag.as_ref()));
        let keys = set(&[key(Algorithm::Rs256)]);
        let refused = verify::<crate::ClaimMap>(&token, &keys, &expect(Kind::Elevated), now()).err();
        assert_eq!(refused, Some(TokenError::AlgorithmNotAllowed));
    }
}

#[test]
fn the_algorithm_must_be_allowed_and_be_that_of_the_key() {
    let all = set(&Algorithm::ALL.map(key));
    for of_key in Algorithm::ALL {
        let good = token(Kind::Elevated, &good_claims(), key(of_key));
        for allowed in Algorithm::ALL {
            let expect = crate::Expect { algorithms: &[allowed], ..expect(Kind::Elevated) };
            let refused = verify::<crate::ClaimMap>(&good, &all, &expect, now()).err();
            assert_eq!(refused, (allowed != of_key).then_some(TokenError::AlgorithmNotAllowed));
        }
        let none_allowed = crate::Expect { algorithms: &[], ..expect(Kind::Elevated) };
        assert!(verify::<crate::ClaimMap>(&good, &all, &none_allowed, now()).is_err());

        for declared in Algorithm::ALL.into_iter().filter(|declared| *declared != of_key) {
            let header =
                format!(r#"{{"alg":"{declared}","typ":"elevated+jwt","kid":"{}"}}"#, key(of_key).key_id());
            let token = craft(&header, &good_claims().to_string(), key(of_key));
            let refused = verify::<crate::ClaimMap>(&token, &all, &expect(Kind::Elevated), now()).err();
            assert_eq!(refused, Some(TokenError::AlgorithmNotAllowed), "{declared} with {of_key}");
        }
    }
}

#[test]
fn the_key_is_the_one_named_and_only_from_the_set() {
    let ours = es256();
    let other = crate::SigningKey::generate(Algorithm::Es256).unwrap();
    let named = |kid: &str| format!(r#"{{"alg":"ES256","typ":"elevated+jwt","kid":"{kid}"}}"#);
    let payload = good_claims().to_string();
    let refused = |token: &str, keys: &KeySet| {
        verify::<crate::ClaimMap>(token, keys, &expect(Kind::Elevated), now()).err()
    };

    // Signed by a stranger, under our key's name and under its own.
    let forged = craft(&named(ours.key_id().as_str()), &payload, &other);
    assert_eq!(refused(&forged, &set(&[ours])), Some(TokenError::BadSignature));
    let strange = craft(&named(other.key_id().as_str()), &payload, &other);
    assert_eq!(refused(&strange, &set(&[ours])), Some(TokenError::UnknownKey));
    assert_eq!(refused(&strange, &KeySet::default()), Some(TokenError::UnknownKey));
    // Both keys are in the set: still only the one named is tried.
    let crossed = craft(&named(other.key_id().as_str()), &payload, ours);
    assert_eq!(refused(&crossed, &set(&[ours, &other])), Some(TokenError::BadSignature));
    // Names that are no names.
    for kid in ["", "a b", "../../dev/null", "' OR '1'='1", "*", &"x".repeat(129)] {
        let token = craft(&named(kid), &payload, ours);
        assert_eq!(refused(&token, &set(&[ours])), Some(TokenError::UnknownKey), "{kid}");
    }
    let nameless = craft(r#"{"alg":"ES256","typ":"elevated+jwt"}"#, &payload, ours);
    assert_eq!(refused(&nameless, &set(&[ours])), Some(TokenError::UnknownKey));
}

#[test]
fn a_name_does_not_reach_into_another_issuer_s_set() {
    // Two issuers gave the same name to different keys.
    let name: crate::KeyId = "2024-01".parse().unwrap();
    let theirs = crate::SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(name.clone());
    let ours = crate::SigningKey::generate(Algorithm::Es256).unwrap().with_key_id(name);
    let token = token(Kind::Session, &good_claims(), &theirs);
    let refused = verify::<crate::ClaimMap>(&token, &set(&[&ours]), &expect(Kind::Session), now()).err();
    assert_eq!(refused, Some(TokenError::BadSignature));
}

#[test]
fn case_19_a_header_of_wrong_types_or_with_repeated_members_is_malformed() {
    let kid = es256().key_id();
    for header in [
        format!(r#"{{"alg":["ES256"],"typ":"elevated+jwt","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"ES256","typ":1,"kid":"{kid}"}}"#),
        format!(r#"{{"alg":"ES256","typ":null,"kid":"{kid}"}}"#),
        r#"{"alg":"ES256","typ":"elevated+jwt","kid":7}"#.to_owned(),
        format!(r#"{{"alg":"none","alg":"ES256","typ":"elevated+jwt","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"ES256","\u0061lg":"none","typ":"elevated+jwt","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"ES256","typ":"mfa+jwt","typ":"elevated+jwt","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"ES256","typ":"elevated+jwt","kid":"{kid}","kid":"{kid}"}}"#),
        format!(r#"["ES256","elevated+jwt","{kid}"]"#),
        String::new(),
        "{}x".to_owned(),
    ] {
        let token = craft(&header, &good_claims().to_string(), es256());
        assert_eq!(refusal(&token, Kind::Elevated), Some(TokenError::Malformed), "{header}");
    }
    let token = craft(&format!(r#"{{"typ":"elevated+jwt","kid":"{kid}"}}"#), "{}", es256());
    assert_eq!(refusal(&token, Kind::Elevated), Some(TokenError::AlgorithmNotAllowed));
}

#[test]
fn peeking_finds_the_issuer_and_believes_nothing() {
    let stranger = crate::SigningKey::generate(Algorithm::EdDsa).unwrap();
    let token = token(Kind::Session, &with("iss", serde_json::json!("https://somebody.example")), &stranger);
    let seen = peek(&token).unwrap();
    assert_eq!(seen.issuer(), "https://somebody.example");
    assert_eq!(seen.key_id(), stranger.key_id());
    for claims in
        [with("iss", None), with("iss", serde_json::json!("")), with("iss", serde_json::json!(["a"]))]
    {
        let token = super::support::token(Kind::Session, &claims, &stranger);
        assert_eq!(peek(&token).err(), Some(TokenError::ClaimInvalid("iss")));
    }
    for token in ["", "a", "a.b", "a.b.c", "..", "e30.e30.e30"] {
        assert!(peek(token).is_err(), "{token}");
    }
    assert_eq!(peek(&"a".repeat(crate::MAX_TOKEN_BYTES + 1)).err(), Some(TokenError::TooLarge));
}

#[test]
fn the_key_inside_a_token_is_not_used_even_when_it_fits() {
    let attacker = crate::SigningKey::generate(Algorithm::Es256).unwrap();
    let jwk: PublicJwk = attacker.public_jwk();
    let header = header(Kind::Session, &attacker, &format!(r#","jwk":{}"#, jwk.to_json()));
    let token = craft(&header, &good_claims().to_string(), &attacker);
    assert_eq!(refusal(&token, Kind::Session), Some(TokenError::HeaderForbidden("jwk")));
}
