//! Why an answer is not accepted: told to the log only.

use std::fmt;

use kernel::Error;
use webauthn_rs::prelude::WebauthnError;

use crate::refusal;

/// A flaw of an answer, or a failure of ours on the way.
#[derive(Debug)]
pub(super) enum Rejected {
    Flaw(Flaw),
    Failure(Error),
}

/// What is wrong with an answer.
#[derive(Debug)]
pub(super) enum Flaw {
    Ours(&'static str),
    Library(WebauthnError),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours(what) => f.write_str(what),
            // The name of the flaw, without what the client sent.
            Self::Library(error) => write!(f, "the library refuses it: {error}"),
        }
    }
}

impl std::error::Error for Flaw {}

/// A flaw that was found here.
pub(super) fn rejected(what: &'static str) -> Rejected {
    Rejected::Flaw(Flaw::Ours(what))
}

impl From<WebauthnError> for Rejected {
    fn from(error: WebauthnError) -> Self {
        Self::Flaw(Flaw::Library(error))
    }
}

impl From<Error> for Rejected {
    fn from(error: Error) -> Self {
        Self::Failure(error)
    }
}

impl Rejected {
    /// The refusal: one for every flaw.
    pub(super) fn refusal(self) -> Error {
        match self {
            Self::Failure(error) => error,
            Self::Flaw(flaw) => refusal::passkey_rejected(flaw),
        }
    }
}
