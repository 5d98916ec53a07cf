//! The names of what can be done and of the kinds of keys. They go into the digest as text.

use std::fmt;
use std::str::FromStr;

use kernel::Action;
use kernel::assurance::UnknownName;

/// The kind of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OperationKind {
    /// Make a wallet.
    WalletCreate,
    /// Sign a message.
    SignMessage,
    /// Export the private key of a wallet.
    WalletExport,
    /// Add a factor.
    CredentialLink,
    /// Remove a factor.
    CredentialUnlink,
}

impl OperationKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::WalletCreate,
        Self::SignMessage,
        Self::WalletExport,
        Self::CredentialLink,
        Self::CredentialUnlink,
    ];

    /// The name, as in the digest, in metadata and in the audit trail.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WalletCreate => "wallet.create",
            Self::SignMessage => "sign.message",
            Self::WalletExport => "wallet.export",
            Self::CredentialLink => "credential.link",
            Self::CredentialUnlink => "credential.unlink",
        }
    }

    /// The action whose settings decide what this kind demands.
    pub const fn action(self) -> Action {
        match self {
            Self::WalletCreate => Action::WalletCreate,
            Self::SignMessage => Action::WalletSign,
            Self::WalletExport => Action::WalletExport,
            Self::CredentialLink => Action::CredentialLink,
            Self::CredentialUnlink => Action::CredentialUnlink,
        }
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OperationKind {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownName)
    }
}

/// The kind of key a wallet has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyType {
    /// Ed25519 (RFC 8032 section 5.1).
    Ed25519,
}

impl KeyType {
    /// Every kind of key this version makes.
    pub const ALL: [Self; 1] = [Self::Ed25519];

    /// The name, as in the digest and in the audit trail.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KeyType {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|key_type| key_type.as_str() == text).ok_or(UnknownName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_no_other_spelling_parses() {
        for kind in OperationKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert!(kind.as_str().to_uppercase().parse::<OperationKind>().is_err());
        }
        for key_type in KeyType::ALL {
            assert_eq!(key_type.as_str().parse(), Ok(key_type));
        }
        assert!("".parse::<OperationKind>().is_err());
        assert!("Ed25519".parse::<KeyType>().is_err());
    }
}
