//! A token as claims and back. Both directions are exact: what was signed and what is on file are compared whole.

use jose::{AuthorizationDetail, Confirmation, ElevatedClaims, MfaClaims};
use kernel::{Action, Amr, Scope, Timestamp};
use operation::{BatchRoot, Digest};

use super::bound::{Bound, BoundOperation};
use super::requirement::TokenBehavior;
use super::token::{Source, Token, TokenKind};

/// The claims of an elevated token, as `issuer` signs them for `audience`.
pub(crate) fn elevated(token: &Token, issuer: &str, audience: &str) -> ElevatedClaims {
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
        amr: names(&token.amr),
        auth_time: token.auth_time.seconds(),
        device_id: token.source.device(),
        assertion_issuer: token.source.assertion_issuer().map(str::to_owned),
        policy_version: token.policy_version,
        authorization_details: detail(token).map(|detail| vec![detail]),
        cnf: token.sender_key.map(|jkt| Confirmation { jkt }),
    }
}

/// The claims of a legacy MFA token; `None` for one that is said to rest on something else than a factor.
pub(crate) fn legacy(token: &Token, issuer: &str, audience: &str) -> Option<MfaClaims> {
    Some(MfaClaims {
        iss: issuer.to_owned(),
        aud: audience.to_owned(),
        sub: token.user,
        environment_id: token.environment,
        sid: token.session.clone(),
        jti: token.id,
        iat: token.issued.seconds(),
        nbf: token.issued.seconds(),
        exp: token.expires.seconds(),
        single_use: token.behavior == TokenBehavior::SingleUse,
        acr: token.acr,
        amr: names(&token.amr),
        auth_time: token.auth_time.seconds(),
        device_id: token.source.device()?,
        policy_version: token.policy_version,
        cnf: token.sender_key.map(|jkt| Confirmation { jkt }),
    })
}

fn names(methods: &[Amr]) -> Vec<String> {
    methods.iter().map(|method| method.as_str().to_owned()).collect()
}

fn methods(names: &[String]) -> Option<Vec<Amr>> {
    names.iter().map(|method| method.parse().ok()).collect()
}

fn behavior(single_use: bool) -> TokenBehavior {
    if single_use { TokenBehavior::SingleUse } else { TokenBehavior::TimeBound }
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

/// The elevated token that the claims state; `None` for claims that this issuer never makes.
pub(crate) fn of_elevated(claims: ElevatedClaims) -> Option<Token> {
    let bound = match claims.authorization_details.as_deref() {
        None => Bound::Scopes,
        Some([detail]) => bound(detail, &claims.scope)?,
        Some(_) => return None,
    };
    let source = match (claims.device_id, claims.assertion_issuer) {
        (Some(device), None) => Source::Factor(device),
        (None, Some(issuer)) => Source::Assertion(issuer),
        (Some(_), Some(_)) | (None, None) => return None,
    };
    if claims.nbf != claims.iat {
        return None;
    }
    Some(Token {
        kind: TokenKind::Elevated,
        id: claims.jti,
        environment: claims.environment_id,
        user: claims.sub,
        session: claims.sid,
        scopes: claims.scope,
        behavior: behavior(claims.single_use),
        bound,
        acr: claims.acr,
        amr: methods(&claims.amr)?,
        auth_time: Timestamp::from_seconds(claims.auth_time),
        source,
        sender_key: claims.cnf.map(|confirmation| confirmation.jkt),
        policy_version: claims.policy_version,
        issued: Timestamp::from_seconds(claims.iat),
        expires: Timestamp::from_seconds(claims.exp),
    })
}

/// The legacy MFA token that the claims state; `None` for claims that this issuer never makes.
pub(crate) fn of_legacy(claims: MfaClaims) -> Option<Token> {
    if claims.nbf != claims.iat {
        return None;
    }
    Some(Token {
        kind: TokenKind::LegacyMfa,
        id: claims.jti,
        environment: claims.environment_id,
        user: claims.sub,
        session: claims.sid,
        scopes: Vec::new(),
        behavior: behavior(claims.single_use),
        bound: Bound::Scopes,
        acr: claims.acr,
        amr: methods(&claims.amr)?,
        auth_time: Timestamp::from_seconds(claims.auth_time),
        source: Source::Factor(claims.device_id),
        sender_key: claims.cnf.map(|confirmation| confirmation.jkt),
        policy_version: claims.policy_version,
        issued: Timestamp::from_seconds(claims.iat),
        expires: Timestamp::from_seconds(claims.exp),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{asserted, export, legacy_token, sender_key, token, wallet};

    #[test]
    fn an_elevated_token_survives_its_claims() {
        let unbound = token(1);
        let bound = Token { bound: Bound::to(&export(1)), ..token(2) };
        let to_wallet = Token { bound: Bound::Wallet(wallet()), ..token(4) };
        let scopes = vec![Scope::WalletExport, Scope::WalletSign];
        let batch = Token { bound: Bound::Batch(BatchRoot { hash: [7; 32], size: 3 }), scopes, ..token(5) };
        let time_bound = Token { behavior: TokenBehavior::TimeBound, ..token(3) };
        let tied = Token { sender_key: Some(sender_key().public_jwk().thumbprint()), ..token(6) };
        for token in [unbound, bound, to_wallet, batch, time_bound, tied, asserted(7)] {
            assert_eq!(of_elevated(elevated(&token, "issuer", "audience")), Some(token));
        }
    }

    #[test]
    fn a_legacy_token_survives_its_claims() {
        let time_bound = Token { behavior: TokenBehavior::TimeBound, ..legacy_token(2) };
        let tied = Token { sender_key: Some(sender_key().public_jwk().thumbprint()), ..legacy_token(3) };
        for token in [legacy_token(1), time_bound, tied] {
            assert_eq!(of_legacy(legacy(&token, "issuer", "audience").unwrap()), Some(token));
        }
        let source = Source::Assertion("risk".to_owned());
        assert_eq!(legacy(&Token { source, ..legacy_token(1) }, "issuer", "audience"), None);
    }

    #[test]
    fn claims_we_never_make_are_no_token() {
        let claims = elevated(&token(1), "issuer", "audience");
        let bound = Token { bound: Bound::to(&export(1)), ..token(2) };
        let details = elevated(&bound, "issuer", "audience").authorization_details.unwrap();
        let twice = [details.clone(), details].concat();
        let actions = vec![Action::WalletSign];
        let batch = vec![AuthorizationDetail::Batch { root: [7; 32], size: 3, actions }];
        for other in [
            ElevatedClaims { nbf: claims.nbf - 1, ..claims.clone() },
            ElevatedClaims { amr: vec!["telepathy".to_owned()], ..claims.clone() },
            ElevatedClaims { device_id: None, ..claims.clone() },
            ElevatedClaims { assertion_issuer: Some("risk".to_owned()), ..claims.clone() },
            ElevatedClaims { authorization_details: Some(twice), ..claims.clone() },
            // A batch of other actions than its scopes are for.
            ElevatedClaims { authorization_details: Some(batch), ..claims },
        ] {
            assert_eq!(of_elevated(other), None);
        }
        let claims = legacy(&legacy_token(1), "issuer", "audience").unwrap();
        for other in [
            MfaClaims { nbf: claims.nbf - 1, ..claims.clone() },
            MfaClaims { amr: vec!["telepathy".to_owned()], ..claims },
        ] {
            assert_eq!(of_legacy(other), None);
        }
    }
}
