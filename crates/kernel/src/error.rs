//! The one error type that crosses use cases, ports and services.
//!
//! What a caller may see (reason, message, metadata, violations, retry delay) and what only the log may see
//! (cause) are separate fields, so that nothing internal can leak by formatting.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::reason::{Code, Reason};

/// The result of a use case.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One field of a request that is wrong (`google.rpc.BadRequest.FieldViolation`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldViolation {
    /// Path of the field in the request, dots between the parts.
    pub field: String,
    /// What is wrong and what would be right. Never repeats a secret.
    pub description: String,
}

/// A refusal.
pub struct Error {
    // Boxed so that the `Result`s of hot paths stay small.
    inner: Box<Inner>,
}

struct Inner {
    reason: Reason,
    message: Cow<'static, str>,
    metadata: BTreeMap<String, String>,
    violations: Vec<FieldViolation>,
    retry_after: Option<Duration>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// A refusal with a message for the caller: what was refused, why, and what to do.
    pub fn new(reason: Reason, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            inner: Box::new(Inner {
                reason,
                message: message.into(),
                metadata: BTreeMap::new(),
                violations: Vec::new(),
                retry_after: None,
                cause: None,
            }),
        }
    }

    /// A request whose `field` is wrong.
    pub fn invalid(field: impl Into<String>, description: impl Into<String>) -> Self {
        let (field, description) = (field.into(), description.into());
        Self::new(Reason::InvalidRequest, format!("{field}: {description}")).violation(field, description)
    }

    /// The thing does not exist, or not for this caller: both look the same.
    pub fn not_found() -> Self {
        Self::new(Reason::ResourceNotFound, "there is no such thing, or not for you; check its name")
    }

    /// A defect or broken invariant. The caller learns nothing but the trace id.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(
            Reason::Internal,
            "something went wrong here; nothing was authorized. Quote the trace id to the operator",
        )
        .cause(cause)
    }

    /// A store is away. Safe to retry.
    pub fn store_unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(Reason::StoreUnavailable, "the store did not answer; nothing was authorized. Try again")
            .cause(cause)
    }

    /// Attaches what only the log may see.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.inner.cause = Some(cause.into());
        self
    }

    /// Adds a public key and value (`ErrorInfo.metadata`).
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.inner.metadata.insert(key.into(), value.into());
        self
    }

    /// Names a wrong field.
    #[must_use]
    pub fn violation(mut self, field: impl Into<String>, description: impl Into<String>) -> Self {
        self.inner.violations.push(FieldViolation { field: field.into(), description: description.into() });
        self
    }

    /// Says when it may be tried again.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.inner.retry_after = Some(delay);
        self
    }

    /// Why.
    pub fn reason(&self) -> Reason {
        self.inner.reason
    }

    /// The class of the reason.
    pub fn code(&self) -> Code {
        self.inner.reason.code()
    }

    /// The message for the caller.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// Public keys and values.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.inner.metadata
    }

    /// Wrong fields.
    pub fn violations(&self) -> &[FieldViolation] {
        &self.inner.violations
    }

    /// When it may be tried again.
    pub fn retry_delay(&self) -> Option<Duration> {
        self.inner.retry_after
    }

    /// For the log only.
    pub fn internal_cause(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.inner.cause.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.inner.reason, self.inner.message)
    }
}

/// Shows the public parts and the cause: for logs and failed tests, never for a caller.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("reason", &self.inner.reason.as_str()).field("message", &self.inner.message);
        if !self.inner.metadata.is_empty() {
            out.field("metadata", &self.inner.metadata);
        }
        if let Some(delay) = self.inner.retry_after {
            out.field("retry_after", &delay);
        }
        if let Some(cause) = &self.inner.cause {
            out.field("cause", &cause.to_string());
        }
        out.finish()
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_not_in_what_a_caller_sees() {
        let error = Error::internal("password of the database is hunter2");
        assert!(!error.to_string().contains("hunter2"));
        assert!(!error.message().contains("hunter2"));
        assert!(error.internal_cause().unwrap().to_string().contains("hunter2"));
    }

    #[test]
    fn an_invalid_field_is_named_in_message_and_violation() {
        let error = Error::invalid("operation.user", "is missing");
        assert_eq!(error.code(), Code::InvalidArgument);
        assert_eq!(error.violations()[0].field, "operation.user");
        assert!(error.message().contains("operation.user"));
    }
}
