//! A token as claims and back. Both directions are exact: what was signed and what is on file are compared whole.

use jose::{AuthorizationDetail, ElevatedClaims};
use kernel::{Action, Scope, Timestamp};
use operation::{BatchRoot, Digest};

use super::bound::{Bound, BoundOperation};
use super::requirement::TokenBehavior;
use super::token::Token;

/// The claims of the token, as `issuer` signs them for `audience`.
pub(crate) fn of_token(token: &Token, issuer: &str, audience: &str) -> ElevatedClaims {
    ElevatedClaims {
        iss: issuer.to_owned(),
        aud: audience.to_owned(),
        sub: token.user,
        environment_id: token.environment,
        sid: token.session.clone(),
        jti: token.id,
        iat: token.issued.seconds(),
        nbf: token.issued.seconds(),
        exp: token.expires.seconds(),
        scope: token.scopes.clone(),
        single_use: token.behavior == TokenBehavior::SingleUse,
        acr: token.acr,
        amr: token.amr.iter().map(|method| method.as_str().to_owned()).collect(),
        auth_time: token.auth_time.seconds(),
        device_id: token.device,
        policy_version: token.policy_version,
        authorization_details: detail(token).map(|detail| vec![detail]),
        cnf: None,
    }
}

fn detail(token: &Token) -> Option<AuthorizationDetail> {
    match &token.bound {
        Bound::Scopes => None,
        Bound::Wallet(wallet) => Some(AuthorizationDetail::Wallet { wallet: *wallet }),
        Bound::Operation(operation) => Some(AuthorizationDetail::Operation {
            operation_id: operation.id,
            digest: *operation.digest.as_bytes(),
            action: operation.action,
            wallet: operation.wallet,
        }),
        Bound::Batch(root) => Some(AuthorizationDetail::Batch {
            root: root.hash,
            size: root.size,
            actions: actions(&token.scopes),
        }),
    }
}

/// What the operations of a batch do: each scope is there for one of them.
fn actions(scopes: &[Scope]) -> Vec<Action> {
    scopes.iter().map(|scope| scope.action()).collect()
}

/// What a token with these scopes is bound to, as the detail states it.
fn bound(detail: &AuthorizationDetail, scopes: &[Scope]) -> Option<Bound> {
    Some(match *detail {
        AuthorizationDetail::Batch { root, size, ref actions } => {
            if *actions != self::actions(scopes) {
                return None;
            }
            Bound::Batch(BatchRoot { hash: root, size })
        }
        AuthorizationDetail::Wallet { wallet } => Bound::Wallet(wallet),
        AuthorizationDetail::Operation { operation_id, digest, action, wallet } => {
            Bound::Operation(BoundOperation {
                id: operation_id,
                digest: Digest::from_bytes(digest),
                action,
                wallet,
            })
        }
    })
}

/// The token that the claims state; `None` for claims that this issuer never makes.
pub(crate) fn to_token(claims: ElevatedClaims) -> Option<Token> {
    let bound = match claims.authorization_details.as_deref() {
        None => Bound::Scopes,
        Some([detail]) => bound(detail, &claims.scope)?,
        Some(_) => return None,
    };
    if claims.nbf != claims.iat || claims.cnf.is_some() {
        return None;
    }
    Some(Token {
        id: claims.jti,
        environment: claims.environment_id,
        user: claims.sub,
        session: claims.sid,
        scopes: claims.scope,
        behavior: if claims.single_use { TokenBehavior::SingleUse } else { TokenBehavior::TimeBound },
        bound,
        acr: claims.acr,
        amr: claims.amr.iter().map(|method| method.parse()).collect::<Result<_, _>>().ok()?,
        auth_time: Timestamp::from_seconds(claims.auth_time),
        device: claims.device_id,
        policy_version: claims.policy_version,
        issued: Timestamp::from_seconds(claims.iat),
        expires: Timestamp::from_seconds(claims.exp),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{export, token, wallet};

    #[test]
    fn a_token_survives_its_claims() {
        let unbound = token(1);
        let bound = Token { bound: Bound::to(&export(1)), ..token(2) };
        let to_wallet = Token { bound: Bound::Wallet(wallet()), ..token(4) };
        let scopes = vec![Scope::WalletExport, Scope::WalletSign];
        let batch = Token { bound: Bound::Batch(BatchRoot { hash: [7; 32], size: 3 }), scopes, ..token(5) };
        let time_bound = Token { behavior: TokenBehavior::TimeBound, ..token(3) };
        for token in [unbound, bound, to_wallet, batch, time_bound] {
            assert_eq!(to_token(of_token(&token, "issuer", "audience")), Some(token));
        }
    }

    #[test]
    fn claims_we_never_make_are_no_token() {
        let claims = of_token(&token(1), "issuer", "audience");
        let bound = Token { bound: Bound::to(&export(1)), ..token(2) };
        let details = of_token(&bound, "issuer", "audience").authorization_details.unwrap();
        let twice = [details.clone(), details].concat();
        let actions = vec![Action::WalletSign];
        let batch = vec![AuthorizationDetail::Batch { root: [7; 32], size: 3, actions }];
        for other in [
            ElevatedClaims { nbf: claims.nbf - 1, ..claims.clone() },
            ElevatedClaims { amr: vec!["telepathy".to_owned()], ..claims.clone() },
            ElevatedClaims { authorization_details: Some(twice), ..claims.clone() },
            // A batch of other actions than its scopes are for.
            ElevatedClaims { authorization_details: Some(batch), ..claims },
        ] {
            assert_eq!(to_token(other), None);
        }
    }
}
