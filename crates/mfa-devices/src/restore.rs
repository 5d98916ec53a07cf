//! What it means for this service when its database was put back and that is acknowledged (`docs/restore.md`). What it does
//! about it is in [`crate::domain::Restored`].

/// What an operator is told then, a sentence or two each.
pub const AFTER_RESTORE: [&str; 4] = [
    "No TOTP code is tested for up to two of its time steps (a minute, unless policy says otherwise), and no code that could \
     have been accepted before is accepted again, on any device. Recovery codes and receipts for adding and removing \
     factors are dead.",
    "Of the wrong codes until now the worst is taken: every user has at most five at once until the budget is full again.",
    "Lost for good: factors that were added after the backup. A user whose first one that was looks like a user who never \
     had one; make enrolment required until they have enrolled again.",
    "Back again: factors that were removed after the backup, as of a stolen phone. Remove them again.",
];
