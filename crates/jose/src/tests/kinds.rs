use super::support::*;
use crate::{Algorithm, Kind, TokenError};

#[test]
fn case_18_a_token_verifies_as_its_own_kind_and_as_no_other() {
    for made in Kind::ALL {
        let token = token(made, &good_claims(), es256());
        for asked in Kind::ALL {
            let expected = (made != asked).then_some(TokenError::WrongKind);
            assert_eq!(refusal(&token, asked), expected, "{made:?} as {asked:?}");
        }
    }
}

#[test]
fn a_provider_s_token_is_a_session_and_nothing_else() {
    for typ in ["", r#","typ":"JWT""#, r#","typ":"at+jwt""#, r#","typ":"application/at+jwt""#] {
        let header = format!(r#"{{"alg":"ES256","kid":"{}"{typ}}}"#, es256().key_id());
        let token = craft(&header, &good_claims().to_string(), es256());
        for asked in Kind::ALL {
            let expected = (asked != Kind::Session).then_some(TokenError::WrongKind);
            assert_eq!(refusal(&token, asked), expected, "{typ} as {asked:?}");
        }
    }
}

#[test]
fn every_algorithm_signs_and_verifies() {
    for algorithm in Algorithm::ALL {
        let key = key(algorithm);
        let token = token(Kind::Elevated, &good_claims(), key);
        let verified =
            crate::verify::<crate::ClaimMap>(&token, &set(&[key]), &expect(Kind::Elevated), now()).unwrap();
        assert_eq!(verified.algorithm, algorithm);
        assert_eq!(&verified.kid, key.key_id());
        assert_eq!(serde_json::Value::Object(verified.claims), good_claims());
    }
}
