//! What a node remembers between two rounds: in this process's memory and nowhere else, for a short time, and each
//! secret for exactly one use.
//!
//! Two calls that want the same secret race for it here: the first takes it, the second finds it gone. A node that was
//! restarted knows no attempts; the coordinator starts a new one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kernel::{AttemptId, EnvironmentId, Error, OperationId, Reason, Result, Timestamp, UserId};
use operation::CheckedOperation;

use crate::domain::envelope::{self, Context};
use crate::domain::keygen::{FirstSecret, SecondSecret};
use crate::domain::signing::{Nonces, Signers};

/// How long an attempt lives from its beginning on. A protocol among healthy nodes takes far less than a second.
pub(crate) const LIFETIME: Duration = Duration::from_secs(60);

/// How many attempts wait for a round at once.
const CAPACITY: usize = 1024;

/// How many of them may be one user's. More than a person needs, and few enough that nobody takes the others' places.
const CAPACITY_PER_USER: usize = 16;

/// How many attempts are known at once, those that wait for nothing any more included.
const KNOWN: usize = 4 * CAPACITY;

/// What an attempt is for.
pub(crate) struct Task {
    /// The operation, checked against its receipt.
    pub(crate) operation: CheckedOperation,
    /// What all envelopes of the attempt have in common.
    pub(crate) context: Context,
    /// Who signs; none where all nodes take part.
    pub(crate) signers: Option<Signers>,
}

/// The secret of one round.
pub(crate) enum Secret {
    /// Between the first and the second step of a key generation.
    KeygenFirst(Box<FirstSecret>),
    /// Between its second and its third step.
    KeygenSecond(Box<SecondSecret>),
    /// Between commitment and signature share.
    Nonces(Box<Nonces>),
}

/// A kind of [`Secret`].
pub(crate) trait RoundSecret: Sized {
    /// As one of the kinds.
    fn wrap(self) -> Secret;
    /// Whether it is of this kind.
    fn is(secret: &Secret) -> bool;
    /// Back again, if it is of this kind.
    fn unwrap(secret: Secret) -> Option<Self>;
}

macro_rules! round_secret {
    ($kind:ident, $variant:ident) => {
        impl RoundSecret for $kind {
            fn wrap(self) -> Secret {
                Secret::$variant(Box::new(self))
            }

            fn is(secret: &Secret) -> bool {
                matches!(secret, Secret::$variant(_))
            }

            fn unwrap(secret: Secret) -> Option<Self> {
                if let Secret::$variant(secret) = secret { Some(*secret) } else { None }
            }
        }
    };
}

round_secret!(FirstSecret, KeygenFirst);
round_secret!(SecondSecret, KeygenSecond);
round_secret!(Nonces, Nonces);

struct Attempt {
    task: Arc<Task>,
    /// None once it was taken.
    secret: Option<Secret>,
    ends: Timestamp,
}

impl Attempt {
    fn is_for(&self, environment: EnvironmentId, user: UserId, operation: OperationId) -> bool {
        self.is_of(environment, user) && self.task.operation.operation().id == operation
    }

    fn is_of(&self, environment: EnvironmentId, user: UserId) -> bool {
        let own = self.task.operation.operation();
        own.environment == environment && own.user == user
    }
}

/// All attempts that live.
#[derive(Default)]
pub(crate) struct Rounds(Mutex<BTreeMap<AttemptId, Attempt>>);

impl Rounds {
    /// Begins an attempt. It takes the place of an earlier one of the same operation.
    ///
    /// Refused with `OVERLOADED` when too many live, and with `INVALID_REQUEST` when the attempt id belongs to another
    /// operation's.
    pub(crate) fn begin(&self, task: Task, secret: impl RoundSecret, now: Timestamp) -> Result<()> {
        let mut attempts = self.living(now);
        let own = task.operation.operation();
        attempts.retain(|_, attempt| !attempt.is_for(own.environment, own.user, own.id));
        let waiting = || attempts.values().filter(|attempt| attempt.secret.is_some());
        let of_user = waiting().filter(|attempt| attempt.is_of(own.environment, own.user)).count();
        if waiting().count() >= CAPACITY || of_user >= CAPACITY_PER_USER {
            return Err(Error::new(
                Reason::Overloaded,
                "the node takes part in as many attempts as it can; try again in a moment",
            )
            .retry_after(Duration::from_secs(1)));
        }
        if attempts.len() >= KNOWN {
            // A round of these is refused either way.
            attempts.retain(|_, attempt| attempt.secret.is_some());
        }
        let id = task.context.attempt;
        if attempts.contains_key(&id) {
            return Err(Error::invalid("attempt_id", "belongs to another operation; make a fresh one"));
        }
        attempts.insert(
            id,
            Attempt { task: Arc::new(task), secret: Some(secret.wrap()), ends: now.plus(LIFETIME) },
        );
        Ok(())
    }

    /// What the attempt is for, if it waits for the round that needs a `T`. Takes nothing.
    ///
    /// Refused with `ATTEMPT_UNKNOWN`, and with `ENVELOPE_INVALID` when that round is over or has not come.
    pub(crate) fn look<T: RoundSecret>(&self, id: AttemptId, now: Timestamp) -> Result<Arc<Task>> {
        let attempts = self.living(now);
        let attempt = attempts.get(&id).ok_or_else(unknown)?;
        if attempt.secret.as_ref().is_some_and(T::is) {
            Ok(Arc::clone(&attempt.task))
        } else {
            Err(wrong_round())
        }
    }

    /// Takes the secret, for its one use.
    ///
    /// Refused like [`Rounds::look`].
    pub(crate) fn take<T: RoundSecret>(&self, id: AttemptId, now: Timestamp) -> Result<T> {
        let mut attempts = self.living(now);
        let attempt = attempts.get_mut(&id).ok_or_else(unknown)?;
        let secret = attempt.secret.take_if(|secret| T::is(secret)).and_then(T::unwrap);
        secret.ok_or_else(wrong_round)
    }

    /// Goes on to the next round.
    ///
    /// Refused with `ATTEMPT_UNKNOWN` when another attempt has taken its place in the meantime.
    pub(crate) fn put(&self, id: AttemptId, secret: impl RoundSecret, now: Timestamp) -> Result<()> {
        let mut attempts = self.living(now);
        attempts.get_mut(&id).ok_or_else(unknown)?.secret = Some(secret.wrap());
        Ok(())
    }

    /// Ends whatever attempt of the operation lives.
    pub(crate) fn forget(&self, operation: &CheckedOperation, now: Timestamp) {
        let own = operation.operation();
        self.living(now).retain(|_, attempt| !attempt.is_for(own.environment, own.user, own.id));
    }

    /// What has not come to its end. What has is zeroized here.
    fn living(&self, now: Timestamp) -> MutexGuard<'_, BTreeMap<AttemptId, Attempt>> {
        // Nothing panics while it holds the lock, and there is no invariant between entries.
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.retain(|_, attempt| attempt.ends > now);
        attempts
    }
}

fn unknown() -> Error {
    Error::new(
        Reason::AttemptUnknown,
        "the node does not know this attempt: it was restarted, or too much time has passed, or another attempt has \
         taken its place; start a new attempt of the same operation",
    )
}

fn wrong_round() -> Error {
    envelope::refused("the attempt does not wait for this round; a round is never repeated")
}

#[cfg(test)]
mod tests;
