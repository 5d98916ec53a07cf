//! The public keys that tokens and receipts are signed with, as RPC and over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use kernel::Result;

use crate::mint::{KEYS_MAX_AGE_SECONDS, Mint};

/// A JSON Web Key Set (RFC 7517) of both kinds of keys.
pub(crate) fn json_web_key_set(mint: &Mint) -> Result<String> {
    mint.public_keys().map(|keys| keys.to_jwks_json())
}

/// The same at `/.well-known/jwks.json`.
pub(crate) fn router(mint: Arc<Mint>) -> Router {
    Router::new().route("/.well-known/jwks.json", get(move || std::future::ready(answer(&mint))))
}

fn answer(mint: &Mint) -> Response {
    let headers = [
        (CONTENT_TYPE, "application/jwk-set+json".to_owned()),
        (CACHE_CONTROL, format!("public, max-age={KEYS_MAX_AGE_SECONDS}")),
    ];
    match json_web_key_set(mint) {
        Ok(keys) => (headers, keys).into_response(),
        Err(error) => {
            tracing::error!(cause = ?error, "the public keys are not shown");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;

    #[tokio::test]
    async fn the_keys_are_where_clients_look_for_them() {
        let mint = Arc::new(crate::fixtures::mint());
        let jwks = json_web_key_set(&mint).unwrap();
        let ask = |method: &str, path: &str| {
            Request::builder().method(method).uri(path).body(Body::empty()).unwrap()
        };
        let answer = router(mint.clone()).oneshot(ask("GET", "/.well-known/jwks.json")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/jwk-set+json");
        assert_eq!(answer.headers()[CACHE_CONTROL], "public, max-age=300");
        assert_eq!(to_bytes(answer.into_body(), 65_536).await.unwrap(), jwks);
        let refused = router(mint).oneshot(ask("POST", "/.well-known/jwks.json")).await.unwrap();
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
