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
use crate::in_flight::Guard;
use crate::ports::{Claim, OperationKey, Run, operation_id_reused};

/// The longest that a run takes. Shorter than the longest call, so that a caller who is told that it took too long is
/// told so by us.
const RUN_LIMIT: Duration = Duration::from_secs(25);

/// For how long a run has the operation; longer than the longest run, so that no two ever run at once.
const LEASE: Duration = Duration::from_secs(30);

/// When it is worth while to ask again for an operation that is being run.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What a call comes to that wants to run an operation.
enum Turn {
    /// It is to run it.
    Mine {
        /// What the claim was made for.
        run: Run,
        /// Whether it is the first that the operation was asked for in.
        first: bool,
        /// Held while it runs.
        guard: Guard,
    },
    /// It was run.
    Done(Outcome),
}

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
        let (run, first, _running) = match self.take(operation).await {
            Ok(Turn::Mine { run, first, guard }) => (run, first, guard),
            Ok(Turn::Done(outcome)) => return Ok(outcome),
            // Nothing is run for this call, so it changes nothing in spite of its intent.
            Err(refused) => {
                caller.trail.untouched().await;
                return Err(refused);
            }
        };
        let key = OperationKey::of(operation);
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

    /// Takes the operation to run it, or waits for the call of this process that has it.
    async fn take(&self, operation: &CheckedOperation) -> Result<Turn> {
        let key = OperationKey::of(operation);
        let guard = match self.in_flight.enter(key, operation.digest()) {
            Ok(guard) => guard,
            Err(other) if other.digest != operation.digest() => return Err(operation_id_reused()),
            Err(other) => {
                other.ended().await;
                return self.outcome(operation).await?.map(Turn::Done).ok_or_else(|| busy(ASK_AGAIN));
            }
        };
        let now = self.clock.now();
        let run = self.fresh_run(now);
        match self.operations.claim(key, operation.digest(), operation.kind(), run, now).await? {
            Claim::Granted { first } => Ok(Turn::Mine { run, first, guard }),
            Claim::Done(outcome) => Ok(Turn::Done(outcome)),
            Claim::Busy(until) => Err(busy(until.since(now).min(ASK_AGAIN))),
        }
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
