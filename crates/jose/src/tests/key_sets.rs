use serde_json::{Value, json};

use super::support::*;
use crate::{
    Algorithm, KeyError, KeyId, KeySet, KeySetError, MAX_JWKS_BYTES, PublicJwk, SigningKey, encoding,
};

fn jwk(key: &SigningKey) -> Value {
    serde_json::from_str(&key.public_jwk().to_json()).unwrap()
}

/// The JWK of the ES256 key, changed.
fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut jwk = jwk(es256());
    change(&mut jwk);
    jwk
}

fn without(name: &str) -> Value {
    changed(|jwk| {
        jwk.as_object_mut().unwrap().remove(name);
    })
}

fn read(keys: &[Value]) -> Result<KeySet, KeySetError> {
    KeySet::from_jwks_json(&json!({ "keys": keys }).to_string(), &Algorithm::ALL)
}

fn fault(bad: Value) -> KeyError {
    match read(&[jwk(key(Algorithm::EdDsa)), bad.clone()]) {
        Err(KeySetError::Key { index: 1, error }) => error,
        other => panic!("{bad}: {other:?}"),
    }
}

#[test]
fn a_set_round_trips_with_every_algorithm() {
    let all = set(&Algorithm::ALL.map(key));
    let text = all.to_jwks_json();
    let again = KeySet::from_jwks_json(&text, &Algorithm::ALL).unwrap();
    assert_eq!(again, all);
    assert_eq!(again.len(), 3);
    for algorithm in Algorithm::ALL {
        let found = again.get(key(algorithm).key_id()).unwrap();
        assert_eq!(found.algorithm(), algorithm);
        assert_eq!(PublicJwk::from_json(&found.to_json()).as_ref(), Ok(found));
    }
    for private in ["\"d\"", "\"p\"", "\"q\"", "\"k\""] {
        assert!(!text.contains(private));
    }
    let names: Vec<_> = all.iter().map(PublicJwk::key_id).collect();
    assert_eq!(names, again.into_iter().map(PublicJwk::key_id).collect::<Vec<_>>());
}

#[test]
fn an_absent_algorithm_is_inferred_and_a_declared_one_must_fit() {
    for algorithm in Algorithm::ALL {
        let mut jwk = jwk(key(algorithm));
        jwk.as_object_mut().unwrap().remove("alg");
        let set = read(std::slice::from_ref(&jwk)).unwrap();
        assert_eq!(set.get(key(algorithm).key_id()).map(PublicJwk::algorithm), Some(algorithm));
        for declared in Algorithm::ALL.into_iter().filter(|declared| *declared != algorithm) {
            jwk["alg"] = declared.as_str().into();
            assert_eq!(fault(jwk.clone()), KeyError::Invalid("`alg` does not fit `kty` and `crv`"));
        }
    }
    let p384 = json!({"kty": "EC", "crv": "P-384", "kid": "a", "alg": "ES256", "x": "AA", "y": "AA"});
    assert_eq!(fault(p384), KeyError::Invalid("`alg` does not fit `kty` and `crv`"));
}

#[test]
fn keys_for_other_purposes_are_skipped() {
    let foreign = [
        changed(|jwk| jwk["use"] = "enc".into()),
        changed(|jwk| jwk["key_ops"] = json!(["encrypt", "wrapKey"])),
        changed(|jwk| jwk["key_ops"] = json!([])),
        json!({"kty": "RSA", "alg": "RSA-OAEP", "use": "enc", "kid": "a", "n": "AQAB", "e": "AQAB"}),
        json!({"kty": "RSA", "alg": "PS256", "kid": "b", "n": "AQAB", "e": "AQAB"}),
        json!({"kty": "EC", "crv": "P-384", "kid": "c", "x": "AA", "y": "AA"}),
        json!({"kty": "EC", "crv": "P-521", "alg": "ES512", "kid": "d", "x": "AA", "y": "AA"}),
        json!({"kty": "OKP", "crv": "X25519", "kid": "e", "x": "AA"}),
        json!({"kty": "OKP", "crv": "Ed448", "alg": "EdDSA-448", "kid": "f", "x": "AA"}),
        json!({"kty": "AKP", "alg": "ML-DSA-65", "kid": "g", "pub": "AA"}),
        json!({"kty": "unheard-of"}),
    ];
    for other in &foreign {
        assert_eq!(read(std::slice::from_ref(other)), Err(KeySetError::NoUsableKey), "{other}");
    }
    let mut keys = foreign.to_vec();
    keys.push(jwk(es256()));
    let set = read(&keys).unwrap();
    assert_eq!(set.iter().map(PublicJwk::key_id).collect::<Vec<_>>(), [es256().key_id()]);
}

#[test]
fn keys_of_algorithms_that_are_not_allowed_are_skipped() {
    let text = set(&Algorithm::ALL.map(key)).to_jwks_json();
    for allowed in Algorithm::ALL {
        let set = KeySet::from_jwks_json(&text, &[allowed]).unwrap();
        assert_eq!(set.iter().map(PublicJwk::algorithm).collect::<Vec<_>>(), [allowed]);
    }
    assert_eq!(KeySet::from_jwks_json(&text, &[]), Err(KeySetError::NoUsableKey));
}

#[test]
fn private_and_symmetric_keys_are_refused_wherever_they_stand() {
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] {
        assert_eq!(fault(changed(|jwk| jwk[member] = "AA".into())), KeyError::Private, "{member}");
    }
    let encryption = changed(|jwk| {
        jwk["use"] = "enc".into();
        jwk["d"] = "AA".into();
    });
    assert_eq!(fault(encryption), KeyError::Private);
    for alg in [json!("HS256"), json!("A256KW"), json!(null)] {
        let secret = json!({"kty": "oct", "kid": "a", "k": "c2VjcmV0", "alg": alg});
        assert_eq!(fault(secret), KeyError::Symmetric);
    }
}

#[test]
fn names_are_required_distinct_and_well_formed() {
    assert_eq!(fault(without("kid")), KeyError::NoKeyId);
    for bad in ["", "a b", "schlüssel", &"x".repeat(129)] {
        assert!(matches!(fault(changed(|jwk| jwk["kid"] = bad.into())), KeyError::Invalid(_)), "{bad}");
    }
    let mut twice = jwk(key(Algorithm::EdDsa));
    twice["kid"] = es256().key_id().as_str().into();
    assert_eq!(read(&[jwk(es256()), twice]), Err(KeySetError::DuplicateKeyId));
    assert_eq!(read(&[jwk(es256()), jwk(es256())]), Err(KeySetError::DuplicateKeyId));
    let same = es256().public_jwk();
    assert_eq!(KeySet::from_keys(vec![same.clone(), same]), Err(KeySetError::DuplicateKeyId));
}

#[test]
fn a_usable_key_must_be_right() {
    let off_curve = changed(|jwk| jwk["y"] = jwk["x"].clone());
    assert!(matches!(fault(off_curve), KeyError::Invalid(_)));
    for name in ["x", "y"] {
        assert!(matches!(fault(without(name)), KeyError::Invalid(_)));
        let long = encoding::encode(&[0; 33]);
        for bad in [json!(""), json!("AA"), json!(long), json!("A A"), json!(7), json!(null)] {
            assert!(matches!(fault(changed(|jwk| jwk[name] = bad.clone())), KeyError::Invalid(_)), "{bad}");
        }
    }
    for (name, bad) in [
        ("kty", json!(7)),
        ("kty", json!(null)),
        ("crv", json!(7)),
        ("use", json!(["sig"])),
        ("use", json!(null)),
        ("alg", json!(7)),
        ("kid", json!(7)),
        ("key_ops", json!("verify")),
    ] {
        assert!(
            matches!(fault(changed(|jwk| jwk[name] = bad.clone())), KeyError::Invalid(_)),
            "{name} {bad}"
        );
    }
    assert!(matches!(fault(without("kty")), KeyError::Invalid(_)));
    assert!(read(&[changed(|jwk| jwk["key_ops"] = json!(["verify", "sign"]))]).is_ok());
    assert!(read(&[without("use")]).is_ok());
}

#[test]
fn rsa_keys_are_bounded_and_minimal() {
    let rsa = |n: &[u8], e: &[u8]| {
        let jwk = json!({"kty": "RSA", "kid": "a", "n": encoding::encode(n), "e": encoding::encode(e)});
        read(&[jwk]).map(|set| set.len())
    };
    let (f4, modulus) = ([1, 0, 1], |octets: usize| vec![0xff; octets]);
    assert_eq!(rsa(&modulus(256), &f4), Ok(1));
    assert_eq!(rsa(&modulus(1024), &f4), Ok(1));
    assert_eq!(rsa(&modulus(256), &[3]), Ok(1));
    let mut of_2047_bits = modulus(256);
    of_2047_bits[0] = 0x7f;
    let mut even = modulus(256);
    even[255] = 0xfe;
    let padded = [vec![0], modulus(256)].concat();
    for n in [vec![], modulus(128), of_2047_bits, modulus(1025), even, padded] {
        assert!(
            matches!(rsa(&n, &f4), Err(KeySetError::Key { index: 0, error: KeyError::Invalid(_) })),
            "{n:?}"
        );
    }
    for e in [&[][..], &[0], &[1], &[2], &[1, 0, 0], &[0, 1, 0, 1], &[1, 0, 0, 0, 1]] {
        let refused = rsa(&modulus(256), e);
        assert!(matches!(refused, Err(KeySetError::Key { index: 0, error: KeyError::Invalid(_) })), "{e:?}");
    }
}

#[test]
fn a_set_is_bounded_and_strict_json() {
    let many = |count: usize| {
        let keys: Vec<_> =
            (0..count).map(|n| changed(|jwk| jwk["kid"] = format!("key-{n}").into())).collect();
        read(&keys)
    };
    assert_eq!(many(32).map(|set| set.len()), Ok(32));
    assert_eq!(many(33), Err(KeySetError::TooManyKeys));
    let mut skipped = vec![json!({"kty": "unheard-of"}); 32];
    skipped.push(jwk(es256()));
    assert_eq!(read(&skipped), Err(KeySetError::TooManyKeys));
    assert_eq!(
        KeySet::from_keys((0..33).map(|_| es256().public_jwk()).collect()),
        Err(KeySetError::TooManyKeys)
    );

    let good = json!({"keys": [jwk(es256())]}).to_string();
    let padded = |length: usize| format!("{good}{}", " ".repeat(length - good.len()));
    assert!(KeySet::from_jwks_json(&padded(MAX_JWKS_BYTES), &Algorithm::ALL).is_ok());
    assert_eq!(
        KeySet::from_jwks_json(&padded(MAX_JWKS_BYTES + 1), &Algorithm::ALL),
        Err(KeySetError::TooLarge)
    );

    for bad in [
        String::new(),
        "[]".to_owned(),
        "{}".to_owned(),
        r#"{"keys":{}}"#.to_owned(),
        r#"{"keys":["a"]}"#.to_owned(),
        format!("{good}{good}"),
        good.replacen('{', r#"{"keys":[],"#, 1),
        good.replacen(r#""kty""#, r#""kid":"other","kty""#, 1),
    ] {
        assert_eq!(KeySet::from_jwks_json(&bad, &Algorithm::ALL), Err(KeySetError::Malformed), "{bad}");
    }
    assert_eq!(read(&[]), Err(KeySetError::NoUsableKey));
    let more = json!({"keys": [jwk(es256())], "next": "ignored"}).to_string();
    assert!(KeySet::from_jwks_json(&more, &Algorithm::ALL).is_ok());
}

#[test]
fn an_empty_set_verifies_nothing() {
    let empty = KeySet::from_keys(Vec::new()).unwrap();
    assert!(empty.is_empty() && empty.get(es256().key_id()).is_none());
    assert_eq!(empty.to_jwks_json(), r#"{"keys":[]}"#);
}

#[test]
fn a_single_key_without_a_name_is_called_by_its_thumbprint() {
    let key = PublicJwk::from_json(&without("kid").to_string()).unwrap();
    assert_eq!(key.key_id(), es256().key_id());
    let named = PublicJwk::from_json(&changed(|jwk| jwk["kid"] = "root".into()).to_string()).unwrap();
    assert_eq!(named.key_id(), &"root".parse::<KeyId>().unwrap());
    assert_eq!(named.thumbprint(), key.thumbprint());
    assert_ne!(named, key);

    assert_eq!(PublicJwk::from_json("{}x"), Err(KeyError::Malformed));
    assert_eq!(PublicJwk::from_json(&" ".repeat(20_000)), Err(KeyError::Malformed));
    let encryption = changed(|jwk| jwk["use"] = "enc".into()).to_string();
    assert_eq!(PublicJwk::from_json(&encryption), Err(KeyError::Unsupported));
    let private = changed(|jwk| jwk["d"] = "AA".into()).to_string();
    assert_eq!(PublicJwk::from_json(&private), Err(KeyError::Private));
}

#[test]
fn the_largest_set_is_one_that_can_be_read_again() {
    let modulus = vec![0xff; 1024];
    let keys = (0..32)
        .map(|n| {
            let name = format!("{n:0>128}").parse().unwrap();
            PublicJwk::rsa(modulus.clone(), vec![0xff; 4], Some(name)).unwrap()
        })
        .collect();
    let set = KeySet::from_keys(keys).unwrap();
    assert_eq!(KeySet::from_jwks_json(&set.to_jwks_json(), &Algorithm::ALL), Ok(set));
}
