//! A call as a client makes it: again with the same ids, until there is an answer.

use std::error::Error as _;
use std::time::Duration;

use kernel::{Code, Reason};
use tonic::{Response, Status};
use tonic_types::StatusExt as _;

use super::notes::Notes;
use crate::faults::stopwatch::Stopwatch;

/// How long a client waits for one answer.
const DEADLINE: Duration = Duration::from_secs(10);

/// How long a client goes on asking. Longer than any fault lasts.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a client waits before it repeats itself.
const PAUSE: Duration = Duration::from_millis(50);

/// What a refusal says to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// Try again, with the same ids.
    Again,
    /// This is the answer.
    Final(Reason),
    /// Nothing that a client could understand.
    Unclear,
}

/// Makes a call until it is answered; `None` when it never is, or not in a way that says what to do, which is noted.
pub(crate) async fn persist<T, F>(
    notes: &Notes,
    what: &str,
    call: impl Fn() -> F,
) -> Option<Result<T, Reason>>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let watch = Stopwatch::start();
    let mut last = "no answer at all".to_owned();
    while watch.elapsed() < PATIENCE {
        match tokio::time::timeout(DEADLINE, call()).await {
            Ok(Ok(response)) => return Some(Ok(response.into_inner())),
            Ok(Err(status)) => match meaning(&status) {
                Meaning::Final(reason) => return Some(Err(reason)),
                Meaning::Again => last = format!("{:?}: {}", status.code(), status.message()),
                Meaning::Unclear => {
                    notes.complain(format!("{what}: an unclear refusal: {status:?}"));
                    return None;
                }
            },
            Err(_) => last = format!("no answer within {DEADLINE:?}"),
        }
        notes.repeated();
        tokio::time::sleep(PAUSE).await;
    }
    notes.complain(format!("{what}: given up after {PATIENCE:?}; the last was {last}"));
    None
}

fn meaning(status: &Status) -> Meaning {
    let details = status.get_error_details();
    let Some(info) = details.error_info() else {
        // No service said this. Either what stands before them reaches none, or the client's own library has lost its
        // connection in the middle of an answer, and says so with the error behind it.
        let lost = status.code() == tonic::Code::Unavailable || status.source().is_some();
        return if lost { Meaning::Again } else { Meaning::Unclear };
    };
    match info.reason.parse::<Reason>() {
        // Nobody but an operator mends these.
        Ok(Reason::Internal | Reason::ServiceHalted) | Err(_) => Meaning::Unclear,
        Ok(reason) => match reason.code() {
            Code::Unavailable | Code::Aborted | Code::DeadlineExceeded => Meaning::Again,
            _ => Meaning::Final(reason),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Error;
    use runtime::status::to_status;

    fn said(reason: Reason) -> Meaning {
        meaning(&to_status(&Error::new(reason, "why")))
    }

    #[test]
    fn only_what_may_pass_is_asked_again() {
        for reason in [
            Reason::StoreUnavailable,
            Reason::DependencyUnavailable,
            Reason::AuditUnavailable,
            Reason::AttemptUnknown,
        ] {
            assert_eq!(said(reason), Meaning::Again, "{reason}");
        }
        for reason in [Reason::TokenAlreadyRedeemed, Reason::TokenStoreChanged, Reason::CodeRejected] {
            assert_eq!(said(reason), Meaning::Final(reason));
        }
        for reason in [Reason::Internal, Reason::ServiceHalted] {
            assert_eq!(said(reason), Meaning::Unclear, "{reason}");
        }
    }
}
