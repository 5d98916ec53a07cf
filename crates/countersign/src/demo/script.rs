//! The record of what was promised and what came back.

use kernel::{Error, Reason, Result};

use crate::output;

/// Counts steps and prints a line for each.
#[derive(Debug, Default)]
pub(crate) struct Script {
    kept: usize,
    broken: usize,
}

impl Script {
    /// A line between steps.
    pub(crate) fn chapter(&mut self, text: &str) {
        output::line(&format!("\n{text}"));
    }

    /// A step that is promised to succeed. `say` says what came back. Without its result the demo cannot go on.
    pub(crate) fn succeeds<T>(
        &mut self,
        promise: &str,
        result: Result<T>,
        say: impl FnOnce(&T) -> String,
    ) -> Result<T> {
        match result {
            Ok(value) => {
                self.keep(promise, &say(&value));
                Ok(value)
            }
            Err(error) => {
                self.break_promise(promise, &format!("refused: {error}"));
                Err(error)
            }
        }
    }

    /// A step that is promised to be refused for `reason`. Gives the refusal, to look at what it says.
    pub(crate) fn refused<T>(&mut self, promise: &str, reason: Reason, result: Result<T>) -> Option<Error> {
        match result {
            Err(error) if error.reason() == reason => {
                let told: Vec<String> = ["scopes", "acr", "methods", "binding"]
                    .iter()
                    .filter_map(|key| Some(format!("{key}={}", error.metadata().get(*key)?)))
                    .collect();
                let told = if told.is_empty() { String::new() } else { format!(" ({})", told.join(", ")) };
                self.keep(promise, &format!("{reason}{told}"));
                Some(error)
            }
            Err(error) => {
                self.break_promise(promise, &format!("expected {reason}, was refused for {error}"));
                None
            }
            Ok(_) => {
                self.break_promise(promise, &format!("expected {reason}, but it was done"));
                None
            }
        }
    }

    /// A claim about what came back.
    pub(crate) fn holds(&mut self, promise: &str, truth: bool, say: &str) {
        if truth { self.keep(promise, say) } else { self.break_promise(promise, say) }
    }

    /// Whether every step ended as promised, and there were any.
    pub(crate) fn all_kept(&self) -> bool {
        self.broken == 0 && self.kept > 0
    }

    /// The closing line.
    pub(crate) fn summary(&self) -> String {
        format!("\n{} steps as promised, {} not", self.kept, self.broken)
    }

    fn keep(&mut self, promise: &str, came: &str) {
        self.kept += 1;
        output::line(&format!("  ok      {promise}: {came}"));
    }

    fn break_promise(&mut self, promise: &str, came: &str) {
        self.broken += 1;
        output::line(&format!("  BROKEN  {promise}: {came}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_ends_differently_is_a_broken_promise() {
        let mut script = Script::default();
        assert!(!script.all_kept(), "a demo without steps shows nothing");
        assert!(script.refused("a", Reason::StepUpRequired, Err::<(), _>(Error::not_found())).is_none());
        assert!(!script.all_kept());

        let mut script = Script::default();
        assert!(script.refused("b", Reason::StepUpRequired, Ok(())).is_none());
        assert!(!script.all_kept());

        let mut script = Script::default();
        assert!(script.succeeds("c", Err::<(), _>(Error::not_found()), |()| String::new()).is_err());
        assert!(!script.all_kept());

        let mut script = Script::default();
        script.holds("d", false, "no");
        assert!(!script.all_kept());

        let mut script = Script::default();
        script.holds("e", true, "yes");
        assert!(script.all_kept());
    }
}
