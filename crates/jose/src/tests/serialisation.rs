use serde_json::json;

use super::support::*;
use crate::{Kind, MAX_TOKEN_BYTES, SigningError, TokenError, encoding, sign};

#[test]
fn a_token_has_exactly_three_parts() {
    let good = token(Kind::Elevated, &good_claims(), es256());
    let parts: Vec<_> = good.split('.').collect();
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        parts[0].to_owned(),
        format!("{}.{}", parts[0], parts[1]),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{}", parts[2]),
        format!("{}.{}.AA.{}", parts[0], parts[1], parts[2]),
        format!("{}..{}", parts[0], parts[2]),
        format!("Bearer {good}"),
        format!(" {good}"),
        format!("{good}\n"),
    ] {
        let refused = refusal(&bad, Kind::Elevated);
        assert!(
            matches!(refused, Some(TokenError::Malformed | TokenError::BadSignature)),
            "{bad}: {refused:?}"
        );
    }
}

#[test]
fn case_19_the_json_serialisation_is_refused() {
    let good = token(Kind::Elevated, &good_claims(), es256());
    let parts: Vec<_> = good.split('.').collect();
    let flattened = json!({"protected": parts[0], "payload": parts[1], "signature": parts[2]}).to_string();
    let general =
        json!({"payload": parts[1], "signatures": [{"protected": parts[0], "signature": parts[2]}]})
            .to_string();
    for text in [flattened, general] {
        assert_eq!(refusal(&text, Kind::Elevated), Some(TokenError::Malformed));
    }
}

#[test]
fn every_part_is_canonical_base64url() {
    let good = token(Kind::Elevated, &good_claims(), es256());
    let parts: Vec<String> = good.split('.').map(str::to_owned).collect();
    for place in 0..3 {
        let replaced = |part: String| {
            let mut parts = parts.clone();
            parts[place] = part;
            parts.join(".")
        };
        for bad in [
            format!("{}=", parts[place]),
            format!("{}==", parts[place]),
            format!("{}\n", parts[place]),
            format!(" {}", parts[place]),
            format!("{}+", parts[place]),
            format!("{}/", parts[place]),
            format!("{}é", parts[place]),
        ] {
            let refused = refusal(&replaced(bad.clone()), Kind::Elevated);
            // A longer payload is looked at only after its signature, which cannot be right.
            let expected = if place == 1 { TokenError::BadSignature } else { TokenError::Malformed };
            assert_eq!(refused, Some(expected), "part {place}: {bad}");
        }
    }
}

#[test]
fn bits_after_the_last_octet_must_be_zero() {
    // 64 octets of signature leave four unused bits in the last character: sixteen spellings of one signature.
    let good = token(Kind::Elevated, &good_claims(), es256());
    let last = good.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let index = alphabet.find(last).unwrap();
    assert_eq!(index % 16, 0);
    for (other, character) in alphabet.char_indices().filter(|(other, _)| other / 16 == index / 16) {
        let respelt = format!("{}{character}", &good[..good.len() - 1]);
        let expected = (other != index).then_some(TokenError::Malformed);
        assert_eq!(refusal(&respelt, Kind::Elevated), expected, "{character}");
    }
}

#[test]
fn a_rightly_signed_payload_in_other_than_canonical_base64url_is_refused() {
    let header = encoding::encode(header(Kind::Elevated, es256(), "").as_bytes());
    let payload = encoding::encode(format!("{} ", good_claims()).as_bytes());
    for payload in [format!("{payload}="), format!("{payload}\n")] {
        let input = format!("{header}.{payload}");
        let signature = encoding::encode(&es256().signature(input.as_bytes()).unwrap());
        let token = format!("{input}.{signature}");
        assert_eq!(refusal(&token, Kind::Elevated), Some(TokenError::Malformed));
    }
}

#[test]
fn case_19_the_payload_is_one_json_object_without_repeated_members() {
    let header = header(Kind::Elevated, es256(), "");
    let claims = good_claims().to_string();
    let inside = &claims[1..claims.len() - 1];
    let exp = NOW + 60;
    for payload in [
        format!(r#"{{{inside},"exp":{exp}}}"#),
        format!(r#"{{{inside},"\u0065xp":{exp}}}"#),
        format!(r#"{{{inside},"iss":"{ISSUER}"}}"#),
        format!(r#"{{{inside},"deep":{{"a":1,"a":2}}}}"#),
        format!(r#"{{{inside},"deep":{}{}}}"#, "[".repeat(16), "]".repeat(16)),
        format!("[{claims}]"),
        format!("{claims}{claims}"),
        "null".to_owned(),
        String::new(),
    ] {
        let token = craft(&header, &payload, es256());
        assert_eq!(refusal(&token, Kind::Elevated), Some(TokenError::Malformed), "{payload}");
    }
    let bounded = format!(r#"{{{inside},"deep":{}{}}}"#, "[".repeat(15), "]".repeat(15));
    assert_eq!(refusal(&craft(&header, &bounded, es256()), Kind::Elevated), None);
}

#[test]
fn case_19_size_is_bounded_when_made_and_when_read() {
    let padded = |length: usize| with("padding", json!("x".repeat(length)));
    let fits = (0..MAX_TOKEN_BYTES)
        .rev()
        .step_by(16)
        .find_map(|length| sign(Kind::Elevated, &padded(length), es256()).ok().map(|_| length))
        .unwrap();
    let token = token(Kind::Elevated, &padded(fits), es256());
    assert!(token.len() <= MAX_TOKEN_BYTES && token.len() > MAX_TOKEN_BYTES - 64);
    assert_eq!(refusal(&token, Kind::Elevated), None);

    let too_much = padded(fits + 64);
    assert_eq!(sign(Kind::Elevated, &too_much, es256()).err(), Some(SigningError::TooLarge));
    let token = craft(&header(Kind::Elevated, es256(), ""), &too_much.to_string(), es256());
    assert_eq!(refusal(&token, Kind::Elevated), Some(TokenError::TooLarge));
    assert_eq!(refusal(&".".repeat(10_000_000), Kind::Elevated), Some(TokenError::TooLarge));
}

#[test]
fn only_an_object_can_be_signed() {
    for claims in [json!(null), json!([1]), json!("text"), json!(7)] {
        assert_eq!(sign(Kind::Elevated, &claims, es256()).err(), Some(SigningError::Claims));
    }
}

#[test]
fn no_refusal_repeats_the_token() {
    let token = craft(
        r#"{"alg":"hunter2","typ":"hunter2","kid":"hunter2"}"#,
        r#"{"iss":"hunter2","sub":"hunter2"}"#,
        es256(),
    );
    for kind in Kind::ALL {
        let error = refusal(&token, kind).unwrap();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    let claims = with("iss", json!("hunter2"));
    let error = refusal(&super::support::token(Kind::Elevated, &claims, es256()), Kind::Elevated).unwrap();
    assert_eq!(error, TokenError::WrongIssuer);
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}
