//! What came back: an answer, or a refusal in the public vocabulary.

use std::collections::HashMap;
use std::time::Duration;

use kernel::Reason;
use proto::convert::status_code;
use tonic::{Code, Response, Status};
use tonic_types::StatusExt as _;

/// A refusal that has been found to be one of the vocabulary's: code, reason and domain fit together.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    status: Status,
    /// Why.
    pub(crate) reason: Reason,
    /// What else was said.
    pub(crate) metadata: HashMap<String, String>,
}

impl Refusal {
    /// Reads a status.
    #[track_caller]
    pub(crate) fn of(status: Status) -> Self {
        let details = status.get_error_details();
        let Some(info) = details.error_info() else {
            panic!("a refusal without ErrorInfo: {status:?}");
        };
        assert_eq!(info.domain, "countersign.dev", "{status:?}");
        let Ok(reason) = info.reason.parse::<Reason>() else {
            panic!("{} is not in the vocabulary: {status:?}", info.reason);
        };
        assert_eq!(status.code(), status_code(reason.code()), "{reason} has its code: {status:?}");
        assert!(!status.message().is_empty(), "{reason} without a word to the reader");
        Self { metadata: info.metadata.clone(), status, reason }
    }

    /// What a person reads.
    pub(crate) fn message(&self) -> &str {
        self.status.message()
    }

    /// The fields that are wrong.
    pub(crate) fn fields(&self) -> Vec<String> {
        let details = self.status.get_error_details();
        let bad = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
        bad.iter().map(|violation| violation.field.clone()).collect()
    }

    /// When it may be tried again.
    pub(crate) fn retry_delay(&self) -> Option<Duration> {
        self.status.get_error_details().retry_info().and_then(|info| info.retry_delay)
    }

    /// Everything that a caller sees, octet for octet: two refusals that must not be told apart have the same.
    pub(crate) fn whole(&self) -> (Code, String, Vec<u8>) {
        (self.status.code(), self.status.message().to_owned(), self.status.details().to_vec())
    }
}

/// What may be said about the outcome of a call.
pub(crate) trait Outcome<R>: Sized {
    /// The answer, or the refusal.
    fn outcome(self) -> Result<R, Refusal>;

    /// It was refused, for this reason and no other.
    #[track_caller]
    fn refused(self, reason: Reason) -> Refusal {
        match self.outcome() {
            Ok(_) => panic!("expected {reason}, was answered a {}", std::any::type_name::<R>()),
            Err(refusal) => {
                assert_eq!(refusal.reason, reason, "{refusal:?}");
                refusal
            }
        }
    }
}

impl<R> Outcome<R> for Result<R, Status> {
    #[track_caller]
    fn outcome(self) -> Result<R, Refusal> {
        self.map_err(Refusal::of)
    }
}

/// The answer of a call that must succeed.
pub(crate) trait Done<T> {
    /// It was answered.
    fn done(self) -> T;
}

impl<T> Done<T> for Result<Response<T>, Status> {
    #[track_caller]
    fn done(self) -> T {
        match self {
            Ok(response) => response.into_inner(),
            Err(status) => panic!("refused: {:?}: {} ({status:?})", status.code(), status.message()),
        }
    }
}
