//! What stands before every handler of a listener: a span, a bound on calls in flight, a deadline, and our own words
//! for what the gRPC framework refuses by itself.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};
use kernel::audit::{Actor, Event, Outcome};
use kernel::{Clock, Reason};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};
use storage::AuditLog;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{Instrument as _, field};

use crate::{limits, status, trace};

/// The response metadata that names the trace of a call, 32 hex digits.
const TRACE_HEADER: &str = "countersign-trace-id";

/// What the guard of one listener shares among calls.
#[derive(Clone)]
pub(crate) struct Guard {
    in_flight: Arc<Semaphore>,
    audit: Option<(Arc<dyn AuditLog>, Arc<dyn Clock>)>,
    calls: Counter<u64>,
    duration: Histogram<f64>,
}

impl Guard {
    pub(crate) fn new(audit: Option<(Arc<dyn AuditLog>, Arc<dyn Clock>)>) -> Self {
        let meter = opentelemetry::global::meter("countersign");
        Self {
            in_flight: Arc::new(Semaphore::new(limits::MAX_CALLS)),
            audit,
            calls: meter
                .u64_counter("countersign.calls")
                .with_description("Calls by method and status")
                .build(),
            duration: meter
                .f64_histogram("countersign.call.duration")
                .with_unit("s")
                .with_description("Time to answer a call, by method")
                .build(),
        }
    }
}

/// A place among the calls in flight; free when the last clone is gone.
#[derive(Clone)]
pub(crate) struct InFlight(#[expect(dead_code, reason = "held, not used")] Arc<OwnedSemaphorePermit>);

/// The middleware.
pub(crate) async fn guard(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let is_grpc = is_grpc(request.headers());
    let path = request.uri().path().to_owned();
    let span =
        tracing::info_span!("call", rpc.method = %path, trace_id = field::Empty, grpc.status = field::Empty);
    let trace = trace::join(&span, request.headers());
    if let Some(trace) = trace {
        span.record("trace_id", field::display(trace));
        request.extensions_mut().insert(trace);
    }
    let mut response = async {
        let Ok(permit) = guard.in_flight.clone().try_acquire_owned() else {
            return if is_grpc { status::overloaded().into_http() } else { unavailable() };
        };
        let permit = InFlight(Arc::new(permit));
        request.extensions_mut().insert(permit.clone());
        #[expect(clippy::disallowed_methods, reason = "measures a duration, decides nothing")]
        let started = std::time::Instant::now();
        let deadline = deadline(request.headers());
        let response = match tokio::time::timeout(deadline, next.run(request)).await {
            Ok(response) if is_grpc => guard.in_our_words(response).await,
            Ok(response) => response,
            Err(_) if is_grpc => status::deadline_exceeded().into_http(),
            Err(_) => unavailable(),
        };
        let code = response.headers().get("grpc-status").and_then(|code| code.to_str().ok()).unwrap_or("0");
        tracing::Span::current().record("grpc.status", code);
        tracing::debug!(code, "answered");
        let known = if code == "12" { "unknown" } else { path.as_str() };
        let method = KeyValue::new("rpc.method", known.to_owned());
        guard.calls.add(1, &[method.clone(), KeyValue::new("rpc.grpc.status_code", code.to_owned())]);
        guard.duration.record(started.elapsed().as_secs_f64(), &[method]);
        response
    }
    .instrument(span.clone())
    .await;
    // For the caller to quote to the operator.
    if let Some(value) = trace.and_then(|trace| HeaderValue::try_from(trace.to_string()).ok()) {
        response.headers_mut().insert(TRACE_HEADER, value);
    }
    response
}

impl Guard {
    /// A refusal that the framework made has no details: it is said again in our vocabulary, and written down.
    async fn in_our_words(&self, response: Response) -> Response {
        let headers = response.headers();
        if !headers.contains_key("grpc-status") || headers.contains_key("grpc-status-details-bin") {
            return response;
        }
        let Some(found) = status::in_headers(headers) else { return response };
        let Some(error) = status::explain(found.code(), found.message()) else { return response };
        // Paths that lead nowhere are not worth a row each.
        if error.reason() != Reason::MethodUnknown
            && let Some((audit, clock)) = &self.audit
        {
            let event = Event::new("call.decode", clock.now(), Actor::Unknown);
            if let Err(unwritten) = audit.record(event, Outcome::Refused(error.reason())).await {
                return status::to_status(&unwritten).into_http();
            }
        }
        status::to_status(&error).into_http()
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/grpc"))
}

fn unavailable() -> Response {
    let mut response = Response::default();
    *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
    response
}

/// The caller's deadline (gRPC over HTTP/2, `grpc-timeout`), at most ours. One that does not parse counts as none.
fn deadline(headers: &HeaderMap) -> Duration {
    headers
        .get("grpc-timeout")
        .and_then(|value| value.to_str().ok())
        .and_then(parse_timeout)
        .map_or(limits::MAX_CALL_TIME, |wanted| wanted.min(limits::MAX_CALL_TIME))
}

fn parse_timeout(text: &str) -> Option<Duration> {
    if !text.is_ascii() {
        return None;
    }
    let (digits, unit) = text.split_at(text.len().checked_sub(1)?);
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_read_as_grpc_writes_them_and_bounded() {
        assert_eq!(parse_timeout("5S"), Some(Duration::from_secs(5)));
        assert_eq!(parse_timeout("250m"), Some(Duration::from_millis(250)));
        for bad in ["", "S", "5", "5s", "-5S", "123456789S", "５S"] {
            assert_eq!(parse_timeout(bad), None, "{bad}");
        }
        let mut headers = HeaderMap::new();
        assert_eq!(deadline(&headers), limits::MAX_CALL_TIME);
        headers.insert("grpc-timeout", "99999999H".parse().unwrap());
        assert_eq!(deadline(&headers), limits::MAX_CALL_TIME);
    }
}
