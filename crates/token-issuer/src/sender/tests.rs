use super::*;
use crate::fixtures::{Bench, NOW, all_tokens, export, sender_key, sender_proof, sign, token};
use jose::{Algorithm, SigningKey};
use kernel::Reason;
use runtime::environments::SenderConstraint::{Allowed, Off, Required};

fn reason<T>(result: Result<T>) -> Option<Reason> {
    result.err().map(|error| error.reason())
}

#[test]
fn a_token_is_tied_to_a_key_where_the_environment_says_so() {
    let bench = Bench::new();
    let proof = sender_proof(sender_key(), Method::AuthenticateTotp, None);
    let thumbprint = sender_key().public_jwk().thumbprint();
    let (missing, invalid) = (Err(Some(Reason::SenderProofMissing)), Err(Some(Reason::InvalidRequest)));
    for (setting, without, with) in [
        (Off, Ok(None), invalid),
        (Allowed, Ok(None), Ok(Some(thumbprint))),
        (Required, missing, Ok(Some(thumbprint))),
    ] {
        let call = bench.call_with(NOW, all_tokens(setting));
        let key = |proof| key(&call, Method::AuthenticateTotp, proof).map_err(|error| Some(error.reason()));
        assert_eq!(key(None), without, "{setting:?}");
        assert_eq!(key(Some(&proof)), with, "{setting:?}");
    }
}

#[test]
fn a_proof_for_one_method_is_none_for_another() {
    let call = Bench::new().call_with(NOW, all_tokens(Allowed));
    for made_for in Method::ALL {
        let proof = sender_proof(sender_key(), made_for, None);
        for asked in Method::ALL {
            let expected = (made_for != asked).then_some(Reason::SenderProofInvalid);
            assert_eq!(reason(key(&call, asked, Some(&proof))), expected, "{made_for:?} as {asked:?}");
        }
    }
}

#[test]
fn a_tied_token_is_good_with_its_own_key_for_exactly_this() {
    let call = Bench::new().call_with(NOW, all_tokens(Allowed));
    let tied = Token { sender_key: Some(sender_key().public_jwk().thumbprint()), ..token(1) };
    let jwt = SecretText::from("a.token.".to_owned());
    let other_jwt = SecretText::from("another.token.".to_owned());
    let (operation, other) = (export(1), sign(2, b"hello"));
    let stranger = SigningKey::generate(Algorithm::Es256).unwrap();
    let proof = |key, used| sender_proof(key, Method::AuthorizeOperation, used);
    let check = |token: &Token, proof: Option<&SecretText>| {
        reason(check(&call, token, &jwt, operation.digest(), proof))
    };
    let own = proof(sender_key(), Some((&jwt, &operation)));
    assert_eq!(check(&tied, Some(&own)), None);
    assert_eq!(check(&tied, None), Some(Reason::SenderProofMissing));
    let invalid = Some(Reason::SenderProofInvalid);
    for wrong in [
        proof(&stranger, Some((&jwt, &operation))),
        proof(sender_key(), Some((&other_jwt, &operation))),
        proof(sender_key(), Some((&jwt, &other))),
        proof(sender_key(), None),
        sender_proof(sender_key(), Method::AuthenticateTotp, Some((&jwt, &operation))),
        SecretText::from("nonsense".to_owned()),
    ] {
        assert_eq!(check(&tied, Some(&wrong)), invalid);
    }
    // A token that is tied to nothing does not become so by a proof.
    assert_eq!(check(&token(1), None), None);
    assert_eq!(check(&token(1), Some(&own)), invalid);
}
