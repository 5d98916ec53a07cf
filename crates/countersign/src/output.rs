//! What people see. The only place that prints.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the one place that prints")]

use kernel::Error;

/// A line of the answer.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// A line beside the answer.
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

/// A complaint.
pub(crate) fn complain(text: &str) {
    eprintln!("countersign: {text}");
}

/// A refusal: the reason, why, what would do, and when to try again. On a developer's own terminal the cause too.
pub(crate) fn refusal(error: &Error) {
    eprintln!("countersign: {}: {}", error.reason(), error.message());
    for (key, value) in error.metadata() {
        eprintln!("  {key} = {value}");
    }
    for violation in error.violations() {
        eprintln!("  field {}: {}", violation.field, violation.description);
    }
    if let Some(delay) = error.retry_delay() {
        eprintln!("  try again in {} s", delay.as_secs_f64().ceil());
    }
    if let Some(cause) = error.internal_cause() {
        eprintln!("  because: {cause}");
    }
}
