//! What stands before every handler of a listener: a span, bounds on calls in flight and on the octets of their messages,
//! a deadline, and our own words for what the gRPC framework refuses by itself.

mod message;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};
use http_body::Frame;
use kernel::audit::{Actor, Event, Outcome};
use kernel::{Clock, Error, Reason};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram};
use storage::AuditLog;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tracing::{Instrument as _, field};

pub(crate) use self::message::Share;
use self::message::{Pool, Taken, Unread};
use crate::identity::PeerIdentity;
use crate::tls::Stranger;
use crate::{limits, status, trace};

/// The response metadata that names the trace of a call, 32 hex digits.
const TRACE_HEADER: &str = "countersign-trace-id";

/// What the guard of one listener shares among calls.
#[derive(Clone)]
pub(crate) struct Guard {
    calls: Arc<Semaphore>,
    messages: Pool,
    checks: Arc<Semaphore>,
    listeners: Arc<Semaphore>,
    audit: Option<(Arc<dyn AuditLog>, Arc<dyn Clock>)>,
    /// On a listener for services, the roles that get in.
    callers: Option<Arc<[&'static str]>>,
    /// The last minute in which a refusal by the guard itself was written down.
    noted: Arc<AtomicI64>,
    /// When streams end, which would go on as long as their callers like.
    stop: CancellationToken,
    count: Counter<u64>,
    duration: Histogram<f64>,
}

impl Guard {
    pub(crate) fn new(
        audit: Option<(Arc<dyn AuditLog>, Arc<dyn Clock>)>,
        callers: Option<Vec<&'static str>>,
        stop: CancellationToken,
    ) -> Self {
        let meter = opentelemetry::global::meter("countersign");
        Self {
            calls: Arc::new(Semaphore::new(limits::MAX_CALLS)),
            messages: Pool::default(),
            checks: Arc::new(Semaphore::new(limits::MAX_CHECKS)),
            listeners: Arc::new(Semaphore::new(limits::MAX_LISTENERS)),
            audit,
            callers: callers.map(Into::into),
            noted: Arc::new(AtomicI64::new(i64::MIN)),
            stop,
            count: meter
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

/// A place among the calls in flight, and the octets of its message; free when the last clone is gone.
#[derive(Clone)]
pub(crate) struct InFlight(
    #[expect(dead_code, reason = "held, not used")] Arc<(OwnedSemaphorePermit, Taken)>,
);

/// The middleware.
pub(crate) async fn guard(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let span =
        tracing::info_span!("call", rpc.method = %path, trace_id = field::Empty, grpc.status = field::Empty);
    let trace = trace::join(&span, request.headers());
    if let Some(trace) = trace {
        span.record("trace_id", field::display(trace));
        request.extensions_mut().insert(trace);
    }
    #[expect(clippy::disallowed_methods, reason = "measures a duration, decides nothing")]
    let started = std::time::Instant::now();
    let mut response = guard.answer(&path, request, next).instrument(span.clone()).await;
    let code = response.headers().get("grpc-status").and_then(|code| code.to_str().ok()).unwrap_or("0");
    span.record("grpc.status", code);
    span.in_scope(|| tracing::debug!(code, "answered"));
    let known = if code == "12" { "unknown" } else { path.as_str() };
    let method = KeyValue::new("rpc.method", known.to_owned());
    guard.count.add(1, &[method.clone(), KeyValue::new("rpc.grpc.status_code", code.to_owned())]);
    guard.duration.record(started.elapsed().as_secs_f64(), &[method]);
    // For the caller to quote to the operator.
    if let Some(value) = trace.and_then(|trace| HeaderValue::try_from(trace.to_string()).ok()) {
        response.headers_mut().insert(TRACE_HEADER, value);
    }
    response
}

impl Guard {
    async fn answer(&self, path: &str, request: Request, next: Next) -> Response {
        if let Some(callers) = &self.callers
            && !is_among(callers, request.extensions())
        {
            return self.not_a_caller(request.extensions()).await;
        }
        if path.starts_with("/grpc.reflection.") || path == "/grpc.health.v1.Health/Watch" {
            return self.stream(request, next).await;
        }
        let is_grpc = is_grpc(request.headers());
        let deadline = deadline(request.headers());
        let (mut head, body) = request.into_parts();
        let share = head.extensions.remove::<Share>().unwrap_or_default();
        let limit = limits::MESSAGE_TIMEOUT.min(deadline);
        let (message, taken) = match tokio::time::timeout(limit, self.messages.read(body, &share)).await {
            Ok(Ok(read)) => read,
            Ok(Err(Unread::Bad(error))) => return self.undecodable(&error).await,
            Ok(Err(Unread::Overloaded)) => return self.refuse(is_grpc, &status::overloaded()).await,
            Err(_) => return self.refuse(is_grpc, &status::deadline_exceeded()).await,
        };
        let places = if path.starts_with("/grpc.health.") { &self.checks } else { &self.calls };
        let Ok(permit) = places.clone().try_acquire_owned() else {
            return self.refuse(is_grpc, &status::overloaded()).await;
        };
        let permit = InFlight(Arc::new((permit, taken)));
        let mut request = Request::from_parts(head, Body::from(message));
        request.extensions_mut().insert(permit.clone());
        match tokio::time::timeout(deadline, next.run(request)).await {
            Ok(response) if is_grpc => self.in_our_words(response).await,
            Ok(response) => response,
            Err(_) => self.refuse(is_grpc, &status::deadline_exceeded()).await,
        }
    }

    /// A call whose answer goes on, at the longest until the server stops: its place is taken until the answer ends.
    async fn stream(&self, request: Request, next: Next) -> Response {
        let Ok(permit) = self.listeners.clone().try_acquire_owned() else {
            return self.refuse(true, &status::overloaded()).await;
        };
        let stop = Box::pin(self.stop.clone().cancelled_owned());
        next.run(request).await.map(|body| Body::new(Held { body: Some(body), stop, _permit: permit }))
    }

    /// The refusal of somebody who has no business on this listener, written down with what is known of them. Like ones
    /// within a minute are one row.
    async fn not_a_caller(&self, caller: &http::Extensions) -> Response {
        let error = status::not_a_caller();
        if let Some((audit, clock)) = &self.audit {
            let actor = match caller.get::<PeerIdentity>() {
                Some(PeerIdentity(role)) => Actor::Peer(role.clone()),
                None => Actor::Unknown,
            };
            let mut event = Event::new("peer.admit", clock.now(), actor);
            if let Some(Stranger(names)) = caller.get::<Stranger>() {
                event.resource = format!("certificate:{names}");
            }
            if let Err(unwritten) = audit.record(event, Outcome::Refused(error.reason())).await {
                return status::to_status(&unwritten).into_http();
            }
        }
        status::to_status(&error).into_http()
    }

    /// A refusal by the guard itself, written down at most once a minute: whoever floods must not fill the trail.
    async fn refuse(&self, is_grpc: bool, error: &Error) -> Response {
        if let Some((audit, clock)) = &self.audit {
            let now = clock.now();
            let minute = now.seconds().div_euclid(60);
            if self.noted.swap(minute, Ordering::Relaxed) != minute {
                let event = Event::new("call.admit", now, Actor::Unknown);
                if let Err(unwritten) = audit.record(event, Outcome::Refused(error.reason())).await {
                    tracing::error!(?unwritten, "a refusal could not be written to the audit trail");
                }
            }
        }
        if is_grpc {
            return status::to_status(error).into_http();
        }
        let mut response = Response::default();
        *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        response
    }
}

/// The body of a stream, with its place among the streams.
struct Held {
    /// None once the stream was ended.
    body: Option<Body>,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    _permit: OwnedSemaphorePermit,
}

impl http_body::Body for Held {
    type Data = <Body as http_body::Body>::Data;
    type Error = <Body as http_body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        // What there is to say is said before the end.
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(context) {
            return Poll::Ready(frame);
        }
        ready!(self.stop.as_mut().poll(context));
        self.body = None;
        Poll::Ready(Some(Ok(Frame::trailers(status::stopping()))))
    }
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
        // Paths that lead nowhere are not worth a row.
        if error.reason() == Reason::MethodUnknown {
            return status::to_status(&error).into_http();
        }
        self.undecodable(&error).await
    }

    /// The refusal of bytes that are no message of the method, written down. Like ones within a minute are one row.
    async fn undecodable(&self, error: &Error) -> Response {
        if let Some((audit, clock)) = &self.audit {
            let event = Event::new("call.decode", clock.now(), Actor::Unknown);
            if let Err(unwritten) = audit.record(event, Outcome::Refused(error.reason())).await {
                return status::to_status(&unwritten).into_http();
            }
        }
        status::to_status(error).into_http()
    }
}

fn is_among(callers: &[&str], caller: &http::Extensions) -> bool {
    caller.get::<PeerIdentity>().is_some_and(|PeerIdentity(role)| callers.contains(&role.as_str()))
}

fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/grpc"))
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
