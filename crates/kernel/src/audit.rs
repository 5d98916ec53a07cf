//! What is written down about every security-relevant event.

use crate::clock::Timestamp;
use crate::ids::{EnvironmentId, OperationId, UserId};
use crate::reason::Reason;

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A signed-in user.
    User(UserId),
    /// An administrator, by issuer and subject.
    Admin(String),
    /// Another service of the suite, by role.
    Peer(String),
    /// Whoever runs commands of the program beside the services, with their configuration and their databases.
    Operator,
    /// Nobody that could be identified: the credentials were missing or not accepted.
    Unknown,
}

impl Actor {
    /// How the actor stands in the audit trail: `user:…`, `admin:…`, `peer:…`, `operator` or `unknown`.
    pub fn label(&self) -> String {
        match self {
            Self::User(user) => format!("user:{user}"),
            Self::Admin(subject) => format!("admin:{subject}"),
            Self::Peer(role) => format!("peer:{role}"),
            Self::Operator => "operator".to_owned(),
            Self::Unknown => "unknown".to_owned(),
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Written before something is consumed; stays when the process dies in between.
    Intended,
    /// Done.
    Succeeded,
    /// Refused, with the public reason.
    Refused(Reason),
}

impl Outcome {
    /// The name in the audit trail.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Succeeded => "succeeded",
            Self::Refused(_) => "refused",
        }
    }

    /// The reason of a refusal.
    pub const fn reason(self) -> Option<Reason> {
        match self {
            Self::Refused(reason) => Some(reason),
            Self::Intended | Self::Succeeded => None,
        }
    }
}

/// A security-relevant event. Holds no secret: no code, token, seed or share ever goes into one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What was tried, in dotted form, e.g. `totp.verify`, `operation.authorize`.
    pub kind: &'static str,
    /// When it began.
    pub time: Timestamp,
    /// The environment, where known.
    pub environment: Option<EnvironmentId>,
    /// Who.
    pub actor: Actor,
    /// The resource it was tried on, as a resource name or empty.
    pub resource: String,
    /// The operation it belongs to.
    pub operation: Option<OperationId>,
    /// The digest of that operation, SHA-256; without one, the root over the digests of many.
    pub digest: Option<[u8; 32]>,
    /// The trace that the call belongs to (W3C Trace Context `trace-id`).
    pub trace: Option<TraceId>,
}

/// A trace (W3C Trace Context section 3.2.2.3): 16 octets, not all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId(pub [u8; 16]);

impl std::fmt::Display for TraceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Event {
    /// An event by `actor` with nothing more said about it yet.
    pub fn new(kind: &'static str, time: Timestamp, actor: Actor) -> Self {
        Self {
            kind,
            time,
            environment: None,
            actor,
            resource: String::new(),
            operation: None,
            digest: None,
            trace: None,
        }
    }

    /// Names the environment.
    #[must_use]
    pub fn environment(mut self, environment: EnvironmentId) -> Self {
        self.environment = Some(environment);
        self
    }

    /// Names the resource.
    #[must_use]
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resource = resource.into();
        self
    }

    /// Names the operation and its digest.
    #[must_use]
    pub fn operation(mut self, operation: OperationId, digest: [u8; 32]) -> Self {
        self.operation = Some(operation);
        self.digest = Some(digest);
        self
    }
}
