//! Running an operation once.
//!
//! An operation that the nodes are asked to carry out is run by one call at a time, and what it comes to is kept before
//! anybody hears of it. (The gate sees to it that a call runs to its end when its caller goes away.) A process that
//! dies leaves the operation open; whoever sends it again continues.

use std::future::Future;
use std::time::Duration;

use kernel::{Error, Reason, Result, Timestamp, entropy};
use operation::CheckedOperation;

use crate::caller::Caller;
use crate::domain::outcome::Outcome;
use crate::gateway::Gateway;
use crate::ports::{Claim, OperationKey, Run, operation_id_reused};

/// The longest that a run takes. Shorter than the longest call, so that a caller who is told that it took too long is
/// told so by us.
const RUN_LIMIT: Duration = Duration::from_secs(25);

/// For how long a run has the operation; longer than the longest run, so that no two ever run at once.
const LEASE: Duration = Duration::from_secs(30);

/// When it is worth while to ask again for an operation that is being run.
const ASK_AGAIN: Duration = Duration::from_secs(1);

impl Gateway {
    /// Runs `work`, which must keep what it comes to by [`Gateway::keep`], unless the operation is being run or done;
    /// then answers what that came to. Writes down the intent first.
    ///
    /// # Errors
    ///
    /// Those of `work`; `OPERATION_ID_REUSED`; `ATTEMPT_UNKNOWN`, to be tried again, when another call ran the
    /// operation and came to nothing or is not through.
    pub(crate) async fn once(
        &self,
        caller: &Caller,
        operation: &CheckedOperation,
        work: impl Future<Output = Result<Outcome>> + Send,
    ) -> Result<Outcome> {
        caller.trail.intend().await?;
        let key = OperationKey::of(operation);
        let _running = match self.in_flight.enter(key, operation.digest()) {
            Ok(guard) => guard,
            Err(other) if other.digest != operation.digest() => {
                return Err(not_run(caller, operation_id_reused()).await);
            }
            Err(other) => {
                other.ended().await;
                return match self.outcome(operation).await? {
                    Some(outcome) => Ok(outcome),
                    None => Err(not_run(caller, busy(ASK_AGAIN)).await),
                };
            }
        };
        let now = self.clock.now();
        let run = self.fresh_run(now);
        let claim = self.operations.claim(key, operation.digest(), operation.kind(), run, now).await;
        let first = match claim {
            Ok(Claim::Granted { first }) => first,
            Ok(Claim::Done(outcome)) => return Ok(outcome),
            Ok(Claim::Busy(until)) => {
                return Err(not_run(caller, busy(until.since(now).min(ASK_AGAIN))).await);
            }
            Err(refused) => return Err(not_run(caller, refused).await),
        };
        let result = tokio::time::timeout(RUN_LIMIT, work).await.unwrap_or_else(|_| Err(too_long()));
        let given_up = match &result {
            Ok(_) => Ok(()),
            // What was never authorized leaves nothing behind: its id is free for an operation that is.
            Err(error) if first && never_authorized(error.reason()) => {
                caller.trail.untouched().await;
                self.operations.forget(key, run).await
            }
            Err(_) => self.operations.release(key, run).await,
        };
        if let Err(error) = given_up {
            tracing::warn!(
                ?error,
                "an operation could not be given up; it is open again when its time is over"
            );
        }
        result
    }

    fn fresh_run(&self, now: Timestamp) -> Run {
        let id = uuid::Builder::from_random_bytes(entropy::bytes(&*self.entropy)).into_uuid();
        Run { id, until: now.plus(LEASE) }
    }

    /// Keeps what an operation came to. Answers what is kept, which is that of an earlier run if one was through first.
    pub(crate) async fn keep(&self, operation: &CheckedOperation, outcome: Outcome) -> Result<Outcome> {
        self.operations.finish(OperationKey::of(operation), operation.digest(), &outcome).await
    }
}

/// What a call is told that ran nothing, and so changed nothing in spite of its intent.
async fn not_run(caller: &Caller, error: Error) -> Error {
    caller.trail.untouched().await;
    error
}

/// Whether the nodes refused the receipt, which they look at before anything else of an operation, or were not asked
/// because there is no place for another wallet. What the id is bound to at a node that did accept a receipt is that
/// node's to enforce.
const fn never_authorized(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::ReceiptMissing
            | Reason::ReceiptInvalid
            | Reason::ReceiptExpired
            | Reason::ReceiptMismatch
            | Reason::ReceiptSpent
            | Reason::WalletLimitReached
    )
}

fn busy(again: Duration) -> Error {
    Error::new(
        Reason::AttemptUnknown,
        "the same operation is being carried out for another call, or that call just came to nothing; try again \
         with the same operation id",
    )
    .retry_after(again)
}

fn too_long() -> Error {
    Error::new(
        Reason::NodeUnavailable,
        "the signing nodes took too long. Nothing is lost; try again with the same operation id",
    )
}
