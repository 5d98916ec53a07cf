use kernel::Timestamp;
use kernel::secret::{ExposeSecret as _, SecretText};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::support::{NOW, craft, es256, expect, good_claims, key, now, set};
use crate::sender_proof::{Call, ExpectCall, sign, verify};
use crate::{
    Algorithm, ClaimMap, KeyError, Kind, SenderProofError as Refusal, SigningKey, TokenError, encoding, peek,
};

const PATH: &str = "/countersign.token_issuer.v1.StepUpService/AuthorizeOperation";
const URI: &str = "https://issuer.example:8443/countersign.token_issuer.v1.StepUpService/AuthorizeOperation";
const TOKEN: &str = "header.payload.signature";
const DIGEST: [u8; 32] = [7; 32];

/// A call with a token, for an operation.
const AUTHORIZE: ExpectCall<'static> =
    ExpectCall { path: PATH, token: Some(TOKEN), operation_digest: Some(&DIGEST) };

fn proof(key: &SigningKey) -> String {
    let token = SecretText::from(TOKEN.to_owned());
    let call =
        Call { uri: URI, token: Some(&token), operation_digest: Some(&DIGEST), id: "proof-1", at: now() };
    sign(&call, key).unwrap().expose_secret().to_owned()
}

fn parts(proof: &str) -> (Value, Value) {
    let mut parts = proof.split('.').map(|part| encoding::decode(part).unwrap());
    let mut part = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (part(), part())
}

/// A proof with members of its header or its claims replaced, or removed where there is no value; rightly signed.
fn changed(header: &[(&str, Option<Value>)], claims: &[(&str, Option<Value>)]) -> String {
    let (mut of_header, mut of_claims) = parts(&proof(es256()));
    for (object, changes) in [(&mut of_header, header), (&mut of_claims, claims)] {
        let members = object.as_object_mut().unwrap();
        for (name, value) in changes {
            match value {
                Some(value) => members.insert((*name).to_owned(), value.clone()),
                None => members.remove(*name),
            };
        }
    }
    craft(&of_header.to_string(), &of_claims.to_string(), es256())
}

fn refusal(proof: &str) -> Option<Refusal> {
    verify(proof, &AUTHORIZE, now()).err()
}

fn claim(name: &str, value: impl Into<Option<Value>>) -> Option<Refusal> {
    refusal(&changed(&[], &[(name, value.into())]))
}

fn header(name: &str, value: impl Into<Option<Value>>) -> Option<Refusal> {
    refusal(&changed(&[(name, value.into())], &[]))
}

#[test]
fn a_proof_says_by_which_key_it_is() {
    for algorithm in Algorithm::ALL {
        let key = key(algorithm);
        let made = proof(key);
        let thumbprint = key.public_jwk().thumbprint();
        assert_eq!(verify(&made, &AUTHORIZE, now()), Ok(thumbprint), "{algorithm}");
        let (header, claims) = parts(&made);
        assert_eq!(header["typ"], "dpop+jwt");
        assert_eq!(header["jwk"], key.public_jwk().required_members());
        assert_eq!(claims["htu"], URI);
    }
}

#[test]
fn another_name_of_the_key_is_not_another_key() {
    let mut jwk = parts(&proof(es256())).0["jwk"].clone();
    jwk["kid"] = "work phone".replace(' ', "-").into();
    jwk["use"] = "sig".into();
    let made = changed(&[("jwk", Some(jwk))], &[]);
    assert_eq!(verify(&made, &AUTHORIZE, now()), Ok(es256().public_jwk().thumbprint()));
}

/// RFC 9449 section 4.1, and its thumbprint from section 6.1.
#[test]
fn the_example_of_the_standard_verifies() {
    let made = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklD\
        UkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNy\
        diI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGU\
        uY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FN\
        yJK70nfbV37xRZT3Lg";
    let token = ExpectCall { path: "/token", token: None, operation_digest: None };
    let at = Timestamp::from_seconds(1_562_262_616);
    let thumbprint = verify(made, &token, at).unwrap();
    assert_eq!(thumbprint.to_string(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}

/// RFC 9449 section 7.1: another method, with the hash of a token.
#[test]
fn the_example_with_a_token_is_for_another_method() {
    let made = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklD\
        UkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNy\
        diI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGx\
        lLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUl\
        pS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
    let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
    let call = ExpectCall { path: "/protectedresource", token: Some(token), operation_digest: None };
    let at = Timestamp::from_seconds(1_562_262_618);
    assert_eq!(verify(made, &call, at), Err(Refusal::WrongCall));
    let secret = SecretText::from(token.to_owned());
    let ours = Call { uri: "https://a/", token: Some(&secret), operation_digest: None, id: "1", at };
    let ours = sign(&ours, es256()).unwrap();
    assert_eq!(parts(ours.expose_secret()).1["ath"], parts(made).1["ath"]);
}

#[test]
fn it_is_for_this_method_wherever_that_is_called() {
    for host in ["https://a", "http://127.0.0.1:7443", "https://[::1]:1"] {
        assert_eq!(claim("htu", json!(format!("{host}{PATH}"))), None, "{host}");
    }
    let login = PATH.replace("AuthorizeOperation", "AuthenticateTotp");
    for uri in [
        PATH.to_owned(),
        format!("https://{PATH}"),
        format!("ftp://a{PATH}"),
        format!("HTTPS://a{PATH}"),
        format!("https://a{login}"),
        format!("https://a/prefix{PATH}"),
        format!("https://a{PATH}/"),
        format!("https://a{PATH}?a=1"),
        format!("https://a{PATH}#a"),
        format!("https://a?{PATH}"),
        "https://a".to_owned(),
        String::new(),
    ] {
        assert_eq!(claim("htu", json!(uri)), Some(Refusal::WrongCall), "{uri}");
    }
    for method in ["GET", "post", ""] {
        assert_eq!(claim("htm", json!(method)), Some(Refusal::WrongCall), "{method}");
    }
}

#[test]
fn it_is_for_this_token_and_this_operation() {
    let other = SecretText::from("another.token.".to_owned());
    let make = |token, operation_digest| {
        sign(&Call { uri: URI, token, operation_digest, id: "1", at: now() }, es256()).unwrap()
    };
    let token = SecretText::from(TOKEN.to_owned());
    for (token, digest, expected) in [
        (Some(&token), Some(&DIGEST), None),
        (Some(&other), Some(&DIGEST), Some(Refusal::WrongToken)),
        (None, Some(&DIGEST), Some(Refusal::WrongToken)),
        (Some(&token), Some(&[8; 32]), Some(Refusal::WrongOperation)),
        (Some(&token), None, Some(Refusal::WrongOperation)),
    ] {
        assert_eq!(refusal(make(token, digest).expose_secret()), expected);
    }
    // Where nothing is presented, nothing may be named.
    let bare = ExpectCall { token: None, operation_digest: None, ..AUTHORIZE };
    assert!(verify(make(None, None).expose_secret(), &bare, now()).is_ok());
    let named = make(Some(&token), None);
    assert_eq!(verify(named.expose_secret(), &bare, now()), Err(Refusal::WrongToken));
    let named = make(None, Some(&DIGEST));
    assert_eq!(verify(named.expose_secret(), &bare, now()), Err(Refusal::WrongOperation));
}

#[test]
fn it_was_made_within_a_minute() {
    for (iat, expected) in [
        (NOW - 60, None),
        (NOW - 61, Some(Refusal::NotCurrent)),
        (NOW + 60, None),
        (NOW + 61, Some(Refusal::NotCurrent)),
        (0, Some(Refusal::NotCurrent)),
    ] {
        assert_eq!(claim("iat", json!(iat)), expected, "{iat}");
    }
    // The last second is over when the next begins.
    let late = Timestamp::from_millis(NOW * 1_000 + 60_001);
    assert_eq!(verify(&proof(es256()), &AUTHORIZE, late), Err(Refusal::NotCurrent));
}

#[test]
fn every_claim_is_there_and_of_its_type() {
    for name in ["jti", "htm", "htu", "iat"] {
        let invalid = Some(Refusal::Token(TokenError::ClaimInvalid(name)));
        for bad in [None, Some(json!(null)), Some(json!({})), Some(json!([1])), Some(json!(true))] {
            assert_eq!(claim(name, bad.clone()), invalid, "{name} {bad:?}");
        }
    }
    for name in ["ath", "operation_digest"] {
        let invalid = Some(Refusal::Token(TokenError::ClaimInvalid(name)));
        for bad in [json!(null), json!({}), json!(7)] {
            assert_eq!(claim(name, bad.clone()), invalid, "{name} {bad}");
        }
    }
    for bad in [json!(""), json!("x".repeat(256))] {
        assert_eq!(claim("jti", bad), Some(Refusal::Token(TokenError::ClaimInvalid("jti"))));
    }
    assert_eq!(claim("nonce", json!("unknown claims are ignored")), None);
}

#[test]
fn the_header_is_exactly_what_the_standard_asks_for() {
    let forbidden =
        Some(Refusal::Token(TokenError::HeaderForbidden("parameters other than alg, typ and jwk")));
    for name in ["crit", "jku", "x5u", "x5c", "x5t", "b64", "zip", "enc", "cty", "kid", "anything"] {
        assert_eq!(header(name, json!("a")), forbidden, "{name}");
    }
    for typ in [None, Some("JWT"), Some("elevated+jwt"), Some("DPOP+JWT"), Some("application/dpop+jwt")] {
        assert_eq!(
            header("typ", typ.map(Value::from)),
            Some(Refusal::Token(TokenError::WrongKind)),
            "{typ:?}"
        );
    }
    let not_allowed = Some(Refusal::Token(TokenError::AlgorithmNotAllowed));
    for alg in [None, Some("none"), Some("HS256"), Some("ES384"), Some("EdDSA"), Some("RS256")] {
        assert_eq!(header("alg", alg.map(Value::from)), not_allowed, "{alg:?}");
    }
}

#[test]
fn the_key_is_one_public_key_that_signs() {
    for bad in [None, Some(json!(null)), Some(json!("key")), Some(json!([]))] {
        assert_eq!(header("jwk", bad), Some(Refusal::Key(KeyError::Malformed)));
    }
    let jwk = parts(&proof(es256())).0["jwk"].clone();
    let with = |name: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk[name] = value;
        header("jwk", jwk)
    };
    for private in ["d", "p", "q", "k", "oth", "priv"] {
        assert_eq!(with(private, json!("AAAA")), Some(Refusal::Key(KeyError::Private)), "{private}");
    }
    assert_eq!(with("kty", json!("oct")), Some(Refusal::Key(KeyError::Symmetric)));
    for (name, value) in [("use", json!("enc")), ("crv", json!("P-384")), ("key_ops", json!(["sign"]))] {
        assert_eq!(with(name, value), Some(Refusal::Key(KeyError::Unsupported)), "{name}");
    }
    assert!(matches!(with("x", json!("AAAA")), Some(Refusal::Key(KeyError::Invalid(_)))));
    // Somebody else's key, with a signature by one's own.
    let other = SigningKey::generate(Algorithm::Es256).unwrap();
    let stolen = header("jwk", other.public_jwk().required_members());
    assert_eq!(stolen, Some(Refusal::Token(TokenError::BadSignature)));
}

#[test]
fn a_proof_is_no_token_and_no_token_is_a_proof() {
    let made = proof(es256());
    assert_eq!(peek(&made).err(), Some(TokenError::HeaderForbidden("jwk")));
    for kind in Kind::ALL {
        let refused = crate::verify::<ClaimMap>(&made, &set(&[es256()]), &expect(kind), now()).err();
        assert_eq!(refused, Some(TokenError::HeaderForbidden("jwk")), "{kind:?}");
        let (_, mut claims) = parts(&made);
        claims.as_object_mut().unwrap().extend(good_claims().as_object().unwrap().clone());
        let token = super::support::token(kind, &claims, es256());
        assert!(matches!(refusal(&token), Some(Refusal::Token(TokenError::HeaderForbidden(_)))), "{kind:?}");
    }
}

#[test]
fn no_refusal_repeats_the_proof() {
    for (header, claims) in [
        (vec![("hunter2", Some(json!("hunter2")))], vec![]),
        (vec![("typ", Some(json!("hunter2")))], vec![]),
        (vec![], vec![("htu", Some(json!("hunter2")))]),
        (vec![], vec![("ath", Some(json!("hunter2")))]),
    ] {
        let error = refusal(&changed(&header, &claims)).unwrap();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    for algorithm in Algorithm::ALL {
        let good = proof(key(algorithm));
        let thumbprint = key(algorithm).public_jwk().thumbprint();
        for place in 0..good.len() {
            for bit in 0..7 {
                let mut octets = good.clone().into_bytes();
                octets[place] ^= 1 << bit;
                let flipped = String::from_utf8(octets).unwrap();
                let verified = verify(&flipped, &AUTHORIZE, now());
                assert_ne!(verified, Ok(thumbprint), "{algorithm}: bit {bit} of character {place}");
            }
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(
        text in "\\PC{0,200}",
        parts in prop::collection::vec("[A-Za-z0-9_=-]{0,40}", 0..5),
    ) {
        prop_assert!(verify(&text, &AUTHORIZE, now()).is_err());
        prop_assert!(verify(&parts.join("."), &AUTHORIZE, now()).is_err());
    }

    #[test]
    fn every_removed_or_added_piece_is_noticed(
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        added in "[A-Za-z0-9_.=-]{0,4}",
    ) {
        let good = proof(es256());
        let (from, to) = (from.index(good.len()), to.index(good.len() + 1));
        let (from, to) = (from.min(to), from.max(to));
        let changed = format!("{}{added}{}", &good[..from], &good[to..]);
        prop_assert_eq!(verify(&changed, &AUTHORIZE, now()).is_ok(), changed == good);
    }
}
