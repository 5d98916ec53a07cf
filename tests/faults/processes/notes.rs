//! What must not be, as it is found.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::fault::Fault;

/// How many problems of one fault are shown.
const SHOWN: usize = 5;

/// The notes of one fault.
pub(crate) struct Notes {
    problems: Mutex<Vec<String>>,
    repetitions: AtomicUsize,
    second_codes: AtomicUsize,
    fault: Fault,
}

impl Notes {
    pub(crate) fn new(fault: Fault) -> Self {
        Self {
            problems: Mutex::default(),
            repetitions: AtomicUsize::new(0),
            second_codes: AtomicUsize::new(0),
            fault,
        }
    }

    /// Of what.
    pub(crate) const fn fault(&self) -> Fault {
        self.fault
    }

    /// Counts a call that has to be made again.
    pub(crate) fn repeated(&self) {
        self.repetitions.fetch_add(1, Ordering::Relaxed);
    }

    /// How many there were.
    pub(crate) fn repetitions(&self) -> usize {
        self.repetitions.load(Ordering::Relaxed)
    }

    /// Counts a user who has to show a second code.
    pub(crate) fn second_code(&self) {
        self.second_codes.fetch_add(1, Ordering::Relaxed);
    }

    /// How many there were.
    pub(crate) fn second_codes(&self) -> usize {
        self.second_codes.load(Ordering::Relaxed)
    }

    /// Notes what must not be.
    pub(crate) fn complain(&self, problem: impl Into<String>) {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).push(problem.into());
    }

    /// The first few, and how many more.
    pub(crate) fn take(&self) -> Vec<String> {
        let mut problems = std::mem::take(&mut *self.problems.lock().unwrap_or_else(PoisonError::into_inner));
        if problems.len() > SHOWN {
            let more = problems.len() - SHOWN;
            problems.truncate(SHOWN);
            problems.push(format!("and {more} more"));
        }
        problems
    }
}
