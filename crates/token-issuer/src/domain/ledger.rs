//! Where tokens are remembered as spent, beside the token store.

use kernel::Scope;

/// Who carries out what a scope opens, and remembers in a ledger of its own which tokens paid for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ledger {
    /// The signing nodes.
    Nodes,
    /// The service that keeps the factors.
    Factors,
}

/// The ledger of a scope.
pub(crate) const fn ledger(scope: Scope) -> Ledger {
    match scope {
        Scope::WalletExport | Scope::WalletSign | Scope::WalletRefresh | Scope::WalletReshare => {
            Ledger::Nodes
        }
        Scope::CredentialLink | Scope::CredentialUnlink => Ledger::Factors,
    }
}
