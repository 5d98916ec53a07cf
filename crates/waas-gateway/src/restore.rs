//! What it means for this service when its database was put back and that is acknowledged (`docs/restore.md`).

/// What an operator is told then, a sentence or two each.
pub const AFTER_RESTORE: [&str; 2] = [
    "Wallets that were created after the backup are not listed. The nodes have them: the same CreateWallet with the same \
     operation id brings one back.",
    "Lost for good: the results of operations that were run after the backup. The nodes do not run them again.",
];
