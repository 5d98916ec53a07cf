//! What it means for this service when its database was put back and that is acknowledged (`docs/restore.md`).

/// What an operator is told then, a sentence or two each.
pub const AFTER_RESTORE: [&str; 2] = [
    "Environments, policies and identity providers are as they were at the backup. Look at each before users come back: a \
     provider that was removed since is accepted again.",
    "Version numbers are given out again, so that in tokens and audit trails one number can stand for two policies.",
];
