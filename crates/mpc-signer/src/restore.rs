//! What it means for a node when its database was put back and that is acknowledged (`docs/restore.md`).

/// What an operator is told then, a sentence or two each.
pub const AFTER_RESTORE: [&str; 3] = [
    "Receipts from before are dead at this node, and so are single-use tokens that were proved before, also with a fresh \
     receipt.",
    "Lost for good: this node's shares of wallets that were created after the backup. The other nodes go on without it; a \
     wallet of which too few are left cannot be used any more.",
    "Acknowledge one node before you touch the next: what ran once is remembered by the nodes that were not put back.",
];
