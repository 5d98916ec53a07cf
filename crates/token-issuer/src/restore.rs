//! What it means for this service when its database was put back and that is acknowledged (`docs/restore.md`).

/// What an operator is told then, a sentence or two each.
pub const AFTER_RESTORE: [&str; 2] = [
    "Every elevated token from before is dead; users prove their factor again.",
    "Lost for good: signing keys that were made after the backup. Those that were retired since are back: retire them \
     again. If the keys of receipts are not those of the operator's statement, sign a new one.",
];

#[cfg(test)]
mod tests;
