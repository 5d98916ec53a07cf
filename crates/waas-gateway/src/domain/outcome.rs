//! What an operation came to, as it is kept for whoever asks again.

use attestation::{Malformed, SealedShare};
use kernel::Result;
use operation::OperationKind;

use super::export;

/// What an operation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The wallet is in use; what it is stands with the wallet.
    WalletCreated,
    /// The signature, 64 octets (RFC 8032).
    Signed([u8; 64]),
    /// Sealed shares of as many nodes as it takes.
    Exported(Vec<SealedShare>),
}

impl Outcome {
    /// What is stored.
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::WalletCreated => Vec::new(),
            Self::Signed(signature) => signature.to_vec(),
            Self::Exported(shares) => export::encode(shares),
        }
    }

    /// Reads what was stored for an operation of this kind.
    pub(crate) fn decode(kind: OperationKind, octets: &[u8]) -> Result<Self, Malformed> {
        match kind {
            OperationKind::WalletCreate if octets.is_empty() => Ok(Self::WalletCreated),
            OperationKind::SignMessage => octets.try_into().map(Self::Signed).map_err(|_| Malformed),
            OperationKind::WalletExport => export::decode(octets).map(Self::Exported),
            OperationKind::WalletCreate | OperationKind::CredentialLink | OperationKind::CredentialUnlink => {
                Err(Malformed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_read_only_as_what_its_operation_can_come_to() {
        let outcomes = [
            (OperationKind::WalletCreate, Outcome::WalletCreated),
            (OperationKind::SignMessage, Outcome::Signed([7; 64])),
            (OperationKind::WalletExport, Outcome::Exported(Vec::new())),
        ];
        for (kind, outcome) in &outcomes {
            for other in OperationKind::ALL {
                let read = Outcome::decode(other, &outcome.encode());
                assert_eq!(read, if other == *kind { Ok(outcome.clone()) } else { Err(Malformed) });
            }
        }
    }
}
