//! What this issuer's own key might sign and is no token: claims that are missing, of another type, or out of all measure.

use super::*;

/// The claims of a token.
fn claims() -> Value {
    let token = Token { scopes: vec![Scope::WalletExport, Scope::WalletSign], ..token(1) };
    serde_json::to_value(claims::elevated(&token, ISSUER, ELEVATED_AUDIENCE)).unwrap()
}

fn with(name: &str, value: Option<Value>) -> Value {
    let mut claims = claims();
    let members = claims.as_object_mut().unwrap();
    match value {
        Some(value) => drop(members.insert(name.to_owned(), value)),
        None => drop(members.remove(name)),
    }
    claims
}

fn judged(mint: &Mint, claims: &Value) -> Result<Token> {
    mint.open(TokenKind::Elevated, &mint.keys.last().elevated.sign(claims).unwrap(), NOW)
}

#[test]
fn case_19_claims_that_are_missing_or_of_another_type_make_no_token() {
    let mint = mint();
    judged(&mint, &claims()).unwrap();
    for (name, good) in claims().as_object().unwrap() {
        let others =
            [json!(null), json!(true), json!("7"), json!([7]), json!({"7": 7}), json!(-1.5), json!(7)];
        let wrong = others.into_iter().filter(|other| {
            let same = std::mem::discriminant(other) == std::mem::discriminant(good);
            !same || other.is_f64()
        });
        for value in std::iter::once(None).chain(wrong.map(Some)) {
            let refused = judged(&mint, &with(name, value.clone())).err();
            let refused = refused.unwrap_or_else(|| panic!("{name} was {value:?} and it was taken"));
            assert_eq!(refused.reason(), Reason::TokenInvalid, "{name} is {value:?}");
        }
    }
}

#[test]
fn case_16_scopes_that_are_unknown_repeated_or_ten_thousand_make_no_token() {
    let mint = mint();
    let many: Vec<String> = (0..700).map(|number| format!("wallet:sign{number}")).collect();
    for scope in [
        "",
        " ",
        "wallet:export ",
        "wallet:export  wallet:sign",
        "wallet:export\twallet:sign",
        "wallet:export wallet:export",
        "Wallet:export",
        "wallet:*",
        "*",
        &many.join(" "),
    ] {
        let refused = judged(&mint, &with("scope", Some(json!(scope)))).unwrap_err();
        assert_eq!(refused.reason(), Reason::TokenInvalid, "{scope}");
    }
    // Ten thousand are longer than any token.
    let scope = json!("wallet:sign ".repeat(10_000));
    assert!(mint.keys.last().elevated.sign(&with("scope", Some(scope))).is_err());
}
