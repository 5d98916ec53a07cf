//! Calls that are made again while they are told to try again.

use std::time::Duration;

use tonic::{Code, Response, Status};

/// What a client is told while something is away.
pub(crate) const RETRYABLE: [Code; 3] = [Code::Unavailable, Code::Aborted, Code::DeadlineExceeded];

/// How often a call is made again, and how long after the last time.
const TIMES: usize = 1200;
const PAUSE: Duration = Duration::from_millis(50);

/// Makes a call until it is told something else than to try again, for a minute or as long as so many calls take; with how
/// often it was told so.
pub(crate) async fn answered<T, F: Future<Output = Result<Response<T>, Status>>>(
    what: &str,
    call: impl Fn() -> F,
) -> (Result<T, Status>, usize) {
    for refusals in 0..TIMES {
        match call().await {
            Err(status) if RETRYABLE.contains(&status.code()) => tokio::time::sleep(PAUSE).await,
            other => return (other.map(Response::into_inner), refusals),
        }
    }
    panic!("{what} is not answered within a minute");
}

/// Makes a call until it is answered; each refusal on the way must say to try again.
pub(crate) async fn insist<T, F: Future<Output = Result<Response<T>, Status>>>(
    what: &str,
    call: impl Fn() -> F,
) -> (T, usize) {
    let (answer, refusals) = answered(what, call).await;
    (answer.unwrap_or_else(|status| panic!("{what}: {status:?}")), refusals)
}
