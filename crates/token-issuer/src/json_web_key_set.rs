//! The public keys that tokens and receipts are signed with, as RPC and over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use data_encoding::BASE64URL_NOPAD;
use kernel::Result;
use sha2::{Digest as _, Sha256};

use crate::mint::{KEYS_MAX_AGE_SECONDS, Mint};

/// A JSON Web Key Set (RFC 7517) of both kinds of keys.
pub(crate) fn json_web_key_set(mint: &Mint) -> Result<String> {
    mint.public_keys().map(|keys| keys.to_jwks_json())
}

/// The same at `/.well-known/jwks.json`, for caches too (RFC 9111).
pub(crate) fn router(mint: Arc<Mint>) -> Router {
    let answer = move |headers: HeaderMap| std::future::ready(answer(&mint, &headers));
    Router::new().route("/.well-known/jwks.json", get(answer))
}

fn answer(mint: &Mint, asked: &HeaderMap) -> Response {
    let keys = match json_web_key_set(mint) {
        Ok(keys) => keys,
        Err(error) => {
            tracing::error!(cause = ?error, "the public keys are not shown");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let etag = format!("\"{}\"", BASE64URL_NOPAD.encode(&Sha256::digest(&keys)));
    let known = is_known(asked, &etag);
    let cached = [(CACHE_CONTROL, format!("public, max-age={KEYS_MAX_AGE_SECONDS}")), (ETAG, etag)];
    if known {
        return (StatusCode::NOT_MODIFIED, cached).into_response();
    }
    (cached, [(CONTENT_TYPE, "application/jwk-set+json")], keys).into_response()
}

/// Whether the asker has these keys already (RFC 9110 section 13.1.2): by the weak comparison, in which `W/` does not
/// count.
fn is_known(asked: &HeaderMap, etag: &str) -> bool {
    let fields = asked.get_all(IF_NONE_MATCH).iter().filter_map(|field| field.to_str().ok());
    let mut tags = fields.flat_map(|field| field.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{self, rings};
    use crate::keys::monotonic;
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;

    const PATH: &str = "/.well-known/jwks.json";

    fn ask(method: &str, known: &[&str]) -> Request<Body> {
        let asked = Request::builder().method(method).uri(PATH);
        let asked = known.iter().fold(asked, |asked, tag| asked.header(IF_NONE_MATCH, *tag));
        asked.body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn the_keys_are_where_clients_look_for_them() {
        let mint = Arc::new(fixtures::mint());
        let jwks = json_web_key_set(&mint).unwrap();
        let answer = router(mint.clone()).oneshot(ask("GET", &[])).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/jwk-set+json");
        assert_eq!(answer.headers()[CACHE_CONTROL], "public, max-age=300");
        assert_eq!(to_bytes(answer.into_body(), 65_536).await.unwrap(), jwks);
        let refused = router(mint).oneshot(ask("POST", &[])).await.unwrap();
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[tokio::test]
    async fn who_has_the_keys_is_told_so_until_they_change() {
        let mint = Arc::new(fixtures::mint());
        let first = router(mint.clone()).oneshot(ask("GET", &[])).await.unwrap();
        let etag = first.headers()[ETAG].to_str().unwrap().to_owned();
        let weak = format!("W/{etag}");
        let among = format!("\"other\", {etag}");
        for known in [&[etag.as_str()][..], &[&weak], &[&among], &["\"other\"", &etag], &["*"]] {
            let same = router(mint.clone()).oneshot(ask("GET", known)).await.unwrap();
            assert_eq!(same.status(), StatusCode::NOT_MODIFIED, "{known:?}");
            assert_eq!(same.headers()[ETAG], etag);
            assert_eq!(same.headers()[CACHE_CONTROL], "public, max-age=300");
            assert!(to_bytes(same.into_body(), 65_536).await.unwrap().is_empty());
        }
        for unknown in ["\"other\"", "", etag.trim_matches('"')] {
            let whole = router(mint.clone()).oneshot(ask("GET", &[unknown])).await.unwrap();
            assert_eq!(whole.status(), StatusCode::OK, "{unknown:?}");
        }
        mint.keys.renew(Some(rings()), monotonic());
        let changed = router(mint).oneshot(ask("GET", &[&etag])).await.unwrap();
        assert_eq!(changed.status(), StatusCode::OK);
        assert_ne!(changed.headers()[ETAG], etag);
    }
}
