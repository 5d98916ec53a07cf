//! What is wrong with a server, and how to mend it.

use std::fmt;

use kernel::{Error, Reason};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Tokens are safe; something else could be better.
    Advice,
    /// The server is not used as it is.
    Refused,
}

/// Something about a server that its operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where the server is.
    pub server: String,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

impl Finding {
    /// What makes a server unfit.
    pub(super) fn refused(
        server: impl fmt::Display,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { server: server.to_string(), severity: Severity::Refused, what: what.into(), mend: mend.into() }
    }

    /// What could be better.
    pub(super) fn advice(
        server: impl fmt::Display,
        what: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Advice, ..Self::refused(server, what, mend) }
    }

    /// The refusal for the operator, at start: it says where and what.
    pub(super) fn to_operator(&self) -> Error {
        Error::new(Reason::StoreUnavailable, self.to_string())
    }

    /// The refusal for a caller, who learns nothing of our servers.
    pub(super) fn to_caller(&self) -> Error {
        Error::store_unavailable(self.to_string())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis at {} {}: {}", self.server, self.what, self.mend)
    }
}
