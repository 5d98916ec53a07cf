//! What people see. The only place that prints.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the one place that prints")]

use kernel::{Error, Reason};

/// A line of the answer.
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// An answer that ends its last line itself.
pub(crate) fn text(text: &str) {
    print!("{text}");
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
    match error.internal_cause() {
        // What callers are told of a defect is nothing to whoever runs the command.
        Some(cause) if error.reason() == Reason::Internal => {
            eprintln!("countersign: {}: {cause}", error.reason());
        }
        Some(cause) => eprintln!("countersign: {}: {}\n  because: {cause}", error.reason(), error.message()),
        None => eprintln!("countersign: {}: {}", error.reason(), error.message()),
    }
    for (key, value) in error.metadata() {
        eprintln!("  {key} = {value}");
    }
    // Where the message is the violation, it is said once.
    for violation in
        error.violations().iter().filter(|violation| !error.message().contains(&violation.description))
    {
        eprintln!("  field {}: {}", violation.field, violation.description);
    }
    if let Some(delay) = error.retry_delay() {
        eprintln!("  try again in {} s", delay.as_secs_f64().ceil());
    }
}
