use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use data_encoding::BASE64;
use kernel::SecretBytes;
use kernel::secret::ExposeSecret;

use super::support::*;
use crate::{Algorithm, ClaimMap, KeyError, Kind, SigningKey, verify};

/// Made with `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024` for this test; guards nothing.
const RSA_1024: &str = "MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBALGtEbMacIiLSFdXB5pFbbwShIgCmmirmMMKRGLhvE1HsNP8HhFl\
    KuV8S+zO3Z+5ndqMcLEt/PyNfeKCsS3OLN+SZ0+OEsWbWpyvG9SZqdk9vW7p1odADXxzEAqOXJKnhpil3WaqTKafGJ2+7FlfWhVc\
    u641yR90GCTMudVOTPHTAgMBAAECgYA7IlLlvUL+7vxgtUJ+geUH11HswpEJjTMGlwAzuNWnEtkzdJG9UGJ6hmfupNr2MhzrhBpt\
    ndS5aY4gOUcm65vbLynLtE2Myw5xjBHzIpTjCS2URRK/U6mj1ZHC2gxXPjnQDQyp/Omk8CK/XNEdtSF49vI1WDenx6Ea0F7fg0lg\
    wQJBANpeFqeXEKMUCIFU9DLvpCLJgMTBk0+xfj8Uj6n32BgO6K02ei3NT5n4Ioly1zJ5Bf1azulIFU1m58VggHHjMcsCQQDQS8JJ\
    2sLP3RUonl72klStFyuRHhpQHn+w74DzVPyJijRfyRC16t95Frjm4V8sd1vL+cYnZ4wzo6RjTDATkJ8ZAkEAy6Pk4qNJW5uqFtpf\
    5USAQATEdjjDpRU0U6VcGLjOKBl3OVlNdXs7Ga5CnwWe1C3yvQO7Y+faHdWynOnSvuKOIwJANt6+H5ZxGzCyEjEl8u45QB+Kan/z\
    jod6O7Hb1j3dCJ5Pjav5qvJkTBGgQ7G60IvgsqrpeBfe5vuEomO/hmfigQJARNf2PzeZMWWiquGRLtdz82NMQN3Q3iygctuRefWq\
    j8ABUekTYol7YJ+T72P9ZO8RVqrrTiIG/kpUgtIUQvXMKA==";

fn der(base64: &str) -> SecretBytes {
    SecretBytes::from(BASE64.decode(base64.as_bytes()).unwrap())
}

#[test]
fn a_key_survives_storage() {
    for algorithm in Algorithm::ALL {
        let original = key(algorithm);
        let stored = original.to_pkcs8().unwrap();
        let again = SigningKey::from_pkcs8(algorithm, &stored).unwrap();
        assert_eq!(again.public_jwk(), original.public_jwk());
        assert_eq!(again.algorithm(), algorithm);
        let token = token(Kind::Elevated, &good_claims(), &again);
        assert!(verify::<ClaimMap>(&token, &set(&[original]), &expect(Kind::Elevated), now()).is_ok());
    }
}

#[test]
fn a_key_is_called_by_its_thumbprint_unless_named() {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    assert_eq!(key.key_id(), &key.public_jwk().thumbprint().into());
    let thumbprint = key.public_jwk().thumbprint();
    let named = key.with_key_id("2030-01".parse().unwrap());
    assert_eq!(named.key_id().as_str(), "2030-01");
    assert_eq!(named.public_jwk().key_id().as_str(), "2030-01");
    assert_eq!(named.public_jwk().thumbprint(), thumbprint);
    let token = token(Kind::Elevated, &good_claims(), &named);
    let verified = verify::<ClaimMap>(&token, &set(&[&named]), &expect(Kind::Elevated), now()).unwrap();
    assert_eq!(verified.kid.as_str(), "2030-01");
}

#[test]
fn generated_keys_differ() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let (one, two) = (SigningKey::generate(algorithm).unwrap(), SigningKey::generate(algorithm).unwrap());
        assert_ne!(one.key_id(), two.key_id());
    }
}

#[test]
fn a_private_key_of_another_type_or_too_short_is_refused() {
    let refused = |algorithm, document: &SecretBytes| {
        matches!(SigningKey::from_pkcs8(algorithm, document), Err(KeyError::Invalid(_)))
    };
    for of_key in Algorithm::ALL {
        let document = key(of_key).to_pkcs8().unwrap();
        for asked in Algorithm::ALL {
            assert_eq!(refused(asked, &document), asked != of_key, "{of_key} as {asked}");
        }
        let bytes = document.expose_secret();
        assert!(refused(of_key, &SecretBytes::from(bytes[..bytes.len() - 1].to_vec())));
        assert!(refused(of_key, &SecretBytes::from(Vec::new())));
    }
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let document = SecretBytes::from(p384.to_pkcs8v1().unwrap().as_ref().to_vec());
    assert!(refused(Algorithm::Es256, &document));
    assert!(refused(Algorithm::Rs256, &der(RSA_1024)));
}

#[test]
fn printing_a_key_shows_its_name_only() {
    for algorithm in Algorithm::ALL {
        let key = key(algorithm);
        let shown = format!("{key:?}");
        assert_eq!(
            shown,
            format!("SigningKey {{ key_id: {:?}, algorithm: {algorithm:?}, .. }}", key.key_id())
        );
    }
}

#[test]
fn an_ed25519_key_as_openssl_writes_it_can_be_read() {
    // RFC 8410 sections 10.1 and 10.3: a version 1 document and the public key it belongs to.
    let key = SigningKey::from_pkcs8(
        Algorithm::EdDsa,
        &der("MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC"),
    )
    .unwrap();
    let public = BASE64.decode(b"MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=").unwrap();
    let x = crate::encoding::encode(&public[12..]);
    assert!(key.public_jwk().to_json().contains(&format!(r#""x":"{x}""#)));
}
