//! The rules: what an environment may look like, and what follows from it for an action. No I/O; time is an argument.

pub(crate) mod action_settings;
pub(crate) mod address;
pub(crate) mod assertion_issuer;
pub(crate) mod change;
pub(crate) mod decide;
pub(crate) mod environment;
pub(crate) mod facts;
pub(crate) mod hold;
pub(crate) mod legacy;
pub(crate) mod origins;
pub(crate) mod preset;
pub(crate) mod proof;
pub(crate) mod provider;
pub(crate) mod refusals;
pub(crate) mod relying_party;
pub(crate) mod rule;
pub(crate) mod sender_constraint;
pub(crate) mod totp;

/// Where the environments of this process are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// For real: public addresses and https only.
    Production,
    /// On a developer's machine: addresses of this machine and of private networks are accepted too.
    Dev,
}
