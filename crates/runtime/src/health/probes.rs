//! The listener for probes.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use kernel::Result;
use tokio_util::sync::CancellationToken;

use super::Readiness;
use crate::server::Bound;

/// Answers `GET /livez` (the process runs) and `GET /readyz` (it should get calls) without TLS until `stop`, which should
/// come after the other listeners': a process that is stopping still says so.
pub async fn serve(listener: Bound, readiness: Readiness, stop: CancellationToken) -> Result<()> {
    listener.serve_http(router(readiness), stop).await
}

pub(super) fn router(readiness: Readiness) -> Router {
    Router::new()
        .route("/livez", get(|| async { text(StatusCode::OK, "alive\n".to_owned()) }))
        .route("/readyz", get(ready))
        .with_state(readiness)
}

async fn ready(State(readiness): State<Readiness>) -> Response {
    let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    text(status, readiness.report())
}

fn text(status: StatusCode, text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, text).into_response()
}
