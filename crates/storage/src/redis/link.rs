//! A connection that was probed.

use ::redis::{Cmd, RedisResult, Value};

use super::address::Address;
use super::call::{Answer, Call};
use super::dial::Wire;
use super::failure::{Failure, classify};

/// A connection to a primary that was fit when it was probed.
pub(super) struct Link {
    pub(super) address: Address,
    /// The replication id it had then.
    pub(super) epoch: String,
    wire: Wire,
}

impl Link {
    pub(super) fn new(address: Address, epoch: String, wire: Wire) -> Self {
        Self { address, epoch, wire }
    }

    /// Whether it ended or was given up; it is made anew then.
    pub(super) fn is_gone(&self) -> bool {
        *self.wire.gone.borrow()
    }

    /// Until it is gone.
    pub(super) async fn gone(&self) {
        // Fails only when there is no sender, and this is one.
        drop(self.wire.gone.subscribe().wait_for(|gone| *gone).await);
    }

    /// Takes no more calls; those that are under way may still be answered.
    pub(super) fn give_up(&self) {
        self.wire.gone.send_replace(true);
    }

    /// Runs the script. `pin` is the replication id it must run on, or empty; `asking` whether the slot is only on its
    /// way to this node.
    pub(super) async fn send(&self, call: &Call<'_>, pin: &str, asking: bool) -> Result<Answer, Failure> {
        match self.once(call, pin, asking, false).await {
            // The server was restarted, or forgot its scripts. Sent in full, it knows it from then on.
            Err(Failure::ScriptMissing) => match self.once(call, pin, asking, true).await {
                Err(Failure::ScriptMissing) => Err(Failure::NotDone("it does not keep scripts".to_owned())),
                other => other,
            },
            other => other,
        }
    }

    async fn once(&self, call: &Call<'_>, pin: &str, asking: bool, source: bool) -> Result<Answer, Failure> {
        let command = call.command(pin, source);
        let value = if asking { self.asking(&command).await } else { self.plain(&command).await };
        match value {
            Ok(value) => Answer::of(value).map_err(Failure::Refused),
            Err(error) => {
                let (failure, reconnect) = classify(&error);
                if reconnect {
                    self.give_up();
                }
                Err(failure)
            }
        }
    }

    /// Any command.
    pub(super) async fn plain(&self, command: &Cmd) -> RedisResult<Value> {
        command.query_async(&mut self.wire.connection.clone()).await
    }

    /// A command in a slot that is on its way here. Both go out in one piece, because others use the connection too.
    async fn asking(&self, command: &Cmd) -> RedisResult<Value> {
        let mut both = ::redis::pipe();
        both.cmd("ASKING").add_command(command.clone()).ignore_errors();
        let mut values: Vec<RedisResult<Value>> = both.query_async(&mut self.wire.connection.clone()).await?;
        match values.pop() {
            Some(value) => value?.extract_error(),
            None => Err((::redis::ErrorKind::Parse, "a pipeline without an answer").into()),
        }
    }
}
