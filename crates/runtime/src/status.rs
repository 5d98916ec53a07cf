//! Errors to statuses and back: the only place where a `tonic::Status` is made.
//!
//! A status carries `google.rpc.ErrorInfo` (reason, domain, metadata) and where they apply `BadRequest`, `RetryInfo`
//! and `PreconditionFailure`. What only the log may know stays in the log.
#![expect(clippy::disallowed_methods, reason = "the one place that makes statuses")]

use std::collections::HashMap;
use std::time::Duration;

use kernel::{Code, Error, Reason};
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

/// The `domain` of every `ErrorInfo` of ours.
pub const DOMAIN: &str = "countersign.dev";

/// The status that a caller gets for `error`. Logs what the caller does not get.
pub fn to_status(error: &Error) -> Status {
    if let Some(cause) = error.internal_cause() {
        match error.code() {
            Code::Internal => tracing::error!(reason = %error.reason(), %cause, "a call failed"),
            _ => tracing::warn!(reason = %error.reason(), %cause, "a call was refused"),
        }
    }
    let metadata: HashMap<String, String> =
        error.metadata().iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    let mut details = ErrorDetails::with_error_info(error.reason().as_str(), DOMAIN, metadata);
    for violation in error.violations() {
        details.add_bad_request_violation(&violation.field, &violation.description);
    }
    if let Some(delay) = error.retry_delay() {
        details.set_retry_info(Some(delay));
    }
    if error.code() == Code::FailedPrecondition {
        details.add_precondition_failure_violation(error.reason().as_str(), "", error.message());
    }
    Status::with_error_details(proto::convert::status_code(error.code()), error.message(), details)
}

/// The error that another service of the suite answered with: a public refusal of ours stays what it is; anything
/// else means that the service did not do its part.
pub fn from_status(status: &Status) -> Error {
    let details = status.get_error_details();
    let ours = details.error_info().filter(|info| info.domain == DOMAIN);
    let reason = ours.and_then(|info| info.reason.parse::<Reason>().ok());
    let (Some(info), Some(reason)) = (ours, reason) else {
        return Error::new(
            Reason::DependencyUnavailable,
            "a service this depends on did not answer; nothing was authorized. Try again",
        )
        .cause(format!("{:?}: {}{}", status.code(), status.message(), chain(status)));
    };
    if reason.code() == Code::Internal || reason == Reason::PeerNotAllowed {
        // A peer's defect, or our own wiring: not something the caller of this service did.
        return Error::internal(format!("a peer answered {reason}: {}", status.message()));
    }
    let mut error = Error::new(reason, status.message().to_owned());
    for (key, value) in &info.metadata {
        error = error.with(key, value);
    }
    for violation in details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default() {
        error = error.violation(&violation.field, &violation.description);
    }
    if let Some(delay) = details.retry_info().and_then(|info| info.retry_delay) {
        error = error.retry_after(delay);
    }
    error
}

/// What lies behind a status that was not sent by anybody: a connection that failed, and why.
fn chain(status: &Status) -> String {
    let first = std::error::Error::source(status);
    let causes = std::iter::successors(first, |error| error.source());
    causes.map(|cause| format!(": {cause}")).collect()
}

/// The reason that another service of the suite gave, also one that is ours to put right; none when it was not one of
/// them that answered.
pub fn reason_of(status: &Status) -> Option<Reason> {
    let details = status.get_error_details();
    details.error_info().filter(|info| info.domain == DOMAIN)?.reason.parse().ok()
}

/// A call that ran out of time.
pub(crate) fn deadline_exceeded() -> Error {
    Error::new(
        Reason::DeadlineExceeded,
        "the call did not finish in time; it may or may not have had an effect. Repeat it with the same ids",
    )
}

/// A call for which there is no place.
pub(crate) fn overloaded() -> Error {
    Error::new(Reason::Overloaded, "the server is busy; nothing was done. Try again")
        .retry_after(Duration::from_secs(1))
}

/// The end of a stream that goes on until the server stops, as trailers. Whoever listens connects again, to another one.
pub(crate) fn stopping() -> http::HeaderMap {
    let mut trailers = http::HeaderMap::new();
    // Fails only for a message that is no header; a stream that ends without a status has failed too.
    let _ = Status::unavailable("the server stops; connect again").add_header(&mut trailers);
    trailers
}

/// A call by somebody who has no business here.
pub(crate) fn not_a_caller() -> Error {
    Error::new(
        Reason::PeerNotAllowed,
        "this method is for certain services of the suite; the caller is not one of them",
    )
}

/// A request that is larger than is read.
pub(crate) fn too_large() -> Error {
    Error::new(
        Reason::RequestTooLarge,
        format!("the request is larger than the {} bytes that are read", crate::limits::MAX_REQUEST_BYTES),
    )
}

/// Bytes that are no message.
pub(crate) fn malformed(cause: &str) -> Error {
    Error::new(
        Reason::RequestMalformed,
        "the bytes are not a message of this method's type, or are nested too deeply",
    )
    .cause(cause.to_owned())
}

/// The status in the headers of an answer that has no body; none when the call went on.
pub(crate) fn in_headers(headers: &http::HeaderMap) -> Option<Status> {
    Status::from_header_map(headers)
}

/// Our words for a refusal that the gRPC framework made itself, without details.
pub(crate) fn explain(code: tonic::Code, message: &str) -> Option<Error> {
    match code {
        tonic::Code::OutOfRange => Some(too_large()),
        tonic::Code::Unimplemented => Some(Error::new(
            Reason::MethodUnknown,
            "there is no such method on this address; `grpcurl -plaintext ADDRESS list` shows what there is",
        )),
        tonic::Code::Internal | tonic::Code::Unknown | tonic::Code::InvalidArgument => {
            Some(malformed(message))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_survives_the_way_to_a_peer_and_back() {
        for reason in Reason::ALL.iter().copied() {
            let error = Error::new(reason, "why").with("key", "value").retry_after(Duration::from_secs(7));
            let back = from_status(&to_status(&error.violation("field", "wrong")));
            if reason.code() == Code::Internal || reason == Reason::PeerNotAllowed {
                assert_eq!(back.reason(), Reason::Internal);
                continue;
            }
            assert_eq!(back.reason(), reason);
            assert_eq!(back.message(), "why");
            assert_eq!(back.metadata()["key"], "value");
            assert_eq!(back.violations()[0].field, "field");
            assert_eq!(back.retry_delay(), Some(Duration::from_secs(7)));
        }
    }

    #[test]
    fn nothing_internal_is_in_a_status() {
        let status = to_status(&Error::internal("hunter2"));
        assert!(!format!("{status:?}").contains("hunter2"));
    }

    #[test]
    fn a_status_that_is_not_ours_means_the_peer_is_away() {
        let strange = Status::with_error_details(
            tonic::Code::PermissionDenied,
            "no",
            ErrorDetails::with_error_info("STEP_UP_REQUIRED", "elsewhere.example", HashMap::new()),
        );
        assert_eq!(from_status(&strange).reason(), Reason::DependencyUnavailable);
    }
}
