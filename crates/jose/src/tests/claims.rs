use std::time::Duration;

use kernel::Timestamp;
use serde_json::{Value, json};

use super::support::*;
use crate::{ClaimMap, Expect, Kind, TokenError, verify};

fn judged(claims: &Value, expect: &Expect<'_>, now: i64) -> Option<TokenError> {
    let token = token(expect.kind, claims, es256());
    verify::<ClaimMap>(&token, &set(&[es256()]), expect, Timestamp::from_seconds(now)).err()
}

fn refused(claims: &Value) -> Option<TokenError> {
    judged(claims, &expect(Kind::Elevated), NOW)
}

#[test]
fn only_the_injected_clock_counts() {
    // The real time is decades after the first and before the second.
    assert_eq!(judged(&good_claims(), &expect(Kind::Elevated), NOW), None);
    let far = 4_102_444_800;
    let claims = with("exp", json!(far));
    assert_eq!(judged(&claims, &expect(Kind::Elevated), far - 1), None);
    assert_eq!(judged(&claims, &expect(Kind::Elevated), far), Some(TokenError::Expired));
}

#[test]
fn case_20_it_expires_on_the_second_and_leeway_moves_it() {
    let lenient = Expect { leeway: Duration::from_secs(5), ..expect(Kind::Elevated) };
    for (exp, strictly, leniently) in [
        (NOW + 1, None, None),
        (NOW, Some(TokenError::Expired), None),
        (NOW - 4, Some(TokenError::Expired), None),
        (NOW - 5, Some(TokenError::Expired), Some(TokenError::Expired)),
        (0, Some(TokenError::Expired), Some(TokenError::Expired)),
    ] {
        assert_eq!(refused(&with("exp", json!(exp))), strictly, "{exp}");
        assert_eq!(judged(&with("exp", json!(exp)), &lenient, NOW), leniently, "{exp}");
    }
}

#[test]
fn case_20_what_lies_in_the_future_is_not_valid_yet() {
    let lenient = Expect { leeway: Duration::from_secs(5), ..expect(Kind::Elevated) };
    for name in ["nbf", "iat"] {
        for (date, strictly, leniently) in [
            (NOW, None, None),
            (NOW + 1, Some(TokenError::NotYetValid), None),
            (NOW + 5, Some(TokenError::NotYetValid), None),
            (NOW + 6, Some(TokenError::NotYetValid), Some(TokenError::NotYetValid)),
        ] {
            assert_eq!(refused(&with(name, json!(date))), strictly, "{name} {date}");
            assert_eq!(judged(&with(name, json!(date)), &lenient, NOW), leniently, "{name} {date}");
        }
    }
}

#[test]
fn a_sign_in_in_the_future_is_refused() {
    assert_eq!(refused(&with("auth_time", json!(NOW))), None);
    let invalid = Some(TokenError::ClaimInvalid("auth_time"));
    assert_eq!(refused(&with("auth_time", json!(NOW + 1))), invalid);
    assert_eq!(refused(&with("auth_time", json!("yesterday"))), invalid);
}

#[test]
fn issued_too_long_ago_is_too_old() {
    let fresh = Expect { max_age: Some(Duration::from_secs(10)), ..expect(Kind::Session) };
    assert_eq!(judged(&with("iat", json!(NOW - 10)), &fresh, NOW), None);
    assert_eq!(judged(&with("iat", json!(NOW - 11)), &fresh, NOW), Some(TokenError::TooOld));
    let lenient = Expect { leeway: Duration::from_secs(5), ..fresh };
    assert_eq!(judged(&with("iat", json!(NOW - 15)), &lenient, NOW), None);
    assert_eq!(judged(&with("iat", json!(NOW - 16)), &lenient, NOW), Some(TokenError::TooOld));
    assert_eq!(judged(&with("iat", None), &fresh, NOW), Some(TokenError::ClaimInvalid("iat")));
}

#[test]
fn exp_is_always_required_and_iat_of_our_own_kinds() {
    for kind in Kind::ALL {
        let missing = Some(TokenError::ClaimInvalid("exp"));
        assert_eq!(judged(&with("exp", None), &expect(kind), NOW), missing, "{kind:?}");
        let iat = (kind != Kind::Session).then_some(TokenError::ClaimInvalid("iat"));
        assert_eq!(judged(&with("iat", None), &expect(kind), NOW), iat, "{kind:?}");
        assert_eq!(judged(&with("nbf", None), &expect(kind), NOW), None, "{kind:?}");
    }
}

#[test]
fn a_date_is_a_number_of_seconds_in_range() {
    // RFC 7519 section 2 allows fractions; they are cut off.
    assert_eq!(refused(&with("exp", json!(NOW as f64 + 1.5))), None);
    assert_eq!(refused(&with("exp", json!(NOW as f64 + 0.9))), Some(TokenError::Expired));
    assert_eq!(refused(&with("exp", json!(253_402_300_799_i64))), None);
    for bad in [
        json!("1000000060"),
        json!(null),
        json!(true),
        json!([NOW + 60]),
        json!({"seconds": NOW + 60}),
        json!(-1),
        json!(-0.5),
        json!(253_402_300_800_i64),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1e300),
        json!(f64::from(i32::MAX) * 1e10),
    ] {
        for name in ["exp", "nbf", "iat", "auth_time"] {
            assert_eq!(
                refused(&with(name, bad.clone())),
                Some(TokenError::ClaimInvalid(name)),
                "{name} {bad}"
            );
        }
    }
}

#[test]
fn the_issuer_is_compared_octet_for_octet() {
    for other in [
        "https://issuer.example/",
        "https://ISSUER.example",
        "http://issuer.example",
        "https://issuer.example.attacker.example",
        " https://issuer.example",
    ] {
        assert_eq!(refused(&with("iss", json!(other))), Some(TokenError::WrongIssuer), "{other}");
    }
    for bad in [None, Some(json!("")), Some(json!(null)), Some(json!([ISSUER])), Some(json!(7))] {
        assert_eq!(refused(&with("iss", bad)), Some(TokenError::ClaimInvalid("iss")));
    }
}

#[test]
fn one_of_the_audiences_must_be_ours() {
    for good in [
        json!("countersign"),
        json!("countersign-too"),
        json!(["countersign"]),
        json!(["somebody", "countersign-too", "else"]),
    ] {
        assert_eq!(refused(&with("aud", good.clone())), None, "{good}");
    }
    for wrong in
        [json!("somebody"), json!("Countersign"), json!("countersign "), json!([]), json!(["a", "b"])]
    {
        assert_eq!(refused(&with("aud", wrong.clone())), Some(TokenError::WrongAudience), "{wrong}");
    }
    for bad in [
        None,
        Some(json!(null)),
        Some(json!(7)),
        Some(json!({"countersign": 1})),
        Some(json!(["countersign", 7])),
    ] {
        assert_eq!(refused(&with("aud", bad)), Some(TokenError::ClaimInvalid("aud")));
    }
    let nobody = Expect { audiences: &[], ..expect(Kind::Elevated) };
    assert_eq!(judged(&good_claims(), &nobody, NOW), Some(TokenError::WrongAudience));
}

#[test]
fn claims_of_another_shape_than_asked_for_are_refused() {
    #[derive(serde::Deserialize)]
    struct Shape {
        sub: u32,
    }
    let check = |claims: &Value| {
        let token = token(Kind::Elevated, claims, es256());
        verify::<Shape>(&token, &set(&[es256()]), &expect(Kind::Elevated), now()).map(|it| it.claims.sub)
    };
    assert_eq!(check(&with("sub", json!(7))), Ok(7));
    assert_eq!(check(&with("sub", json!("7"))), Err(TokenError::ClaimInvalid("payload")));
}
