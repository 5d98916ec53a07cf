//! What was found.

use kernel::Error;

use crate::output;

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Ok,
    Warn,
    Wrong,
    Skipped,
}

impl Verdict {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Wrong => "wrong",
            Self::Skipped => "skipped",
        }
    }
}

/// Lines, in the order in which things were looked at.
#[derive(Debug, Default)]
pub(super) struct Report {
    lines: Vec<(Verdict, String)>,
}

impl Report {
    /// It is as it should be.
    pub(super) fn ok(&mut self, thing: &str, how: impl AsRef<str>) {
        self.add(Verdict::Ok, format!("{thing} {}", how.as_ref()));
    }

    /// It works, and could be better.
    pub(super) fn warn(&mut self, thing: &str, what: impl AsRef<str>, mend: impl AsRef<str>) {
        self.add(Verdict::Warn, format!("{thing} {}: {}", what.as_ref(), mend.as_ref()));
    }

    /// The role does not start like this, or must not.
    pub(super) fn wrong(&mut self, thing: &str, what: impl AsRef<str>, mend: impl AsRef<str>) {
        self.add(Verdict::Wrong, format!("{thing} {}: {}", what.as_ref(), mend.as_ref()));
    }

    /// It could not be looked at.
    pub(super) fn skipped(&mut self, thing: &str, why: impl AsRef<str>) {
        self.add(Verdict::Skipped, format!("{thing} {}", why.as_ref()));
    }

    /// What somebody refused, who says how to mend it. The cause is for the operator, who is the reader here.
    pub(super) fn refused(&mut self, thing: &str, error: &Error) {
        let cause = error.internal_cause().map(|cause| format!(" ({cause})")).unwrap_or_default();
        self.add(Verdict::Wrong, format!("{thing}: {}{cause}", error.message()));
    }

    fn add(&mut self, verdict: Verdict, text: String) {
        self.lines.push((verdict, text));
    }

    /// Whether anything is wrong.
    pub(super) fn is_wrong(&self) -> bool {
        self.lines.iter().any(|(verdict, _)| *verdict == Verdict::Wrong)
    }

    /// Says it all.
    pub(super) fn print(&self) {
        for (verdict, text) in &self.lines {
            // A line each, however many lines a message has.
            let text = text.replace('\n', "\n         ");
            output::line(&format!("{:<7}  {text}", verdict.as_str()));
        }
    }

    /// The lines, for tests.
    #[cfg(test)]
    pub(super) fn texts(&self) -> Vec<String> {
        self.lines.iter().map(|(verdict, text)| format!("{} {text}", verdict.as_str())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_better_is_not_wrong_yet() {
        let mut report = Report::default();
        report.ok("the database", "answers");
        report.warn("the certificate", "ends soon", "renew it");
        report.skipped("the peers", "were not asked");
        assert!(!report.is_wrong());
        report.refused("redis", &Error::store_unavailable("connection refused"));
        assert!(report.is_wrong());
        let texts = report.texts();
        assert_eq!(texts[0], "ok the database answers");
        assert!(texts[3].contains("connection refused"), "{texts:?}");
    }
}
