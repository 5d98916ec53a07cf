//! The key of a wallet as its nodes attested it.
//!
//! The gateway reads a key out of what all nodes signed and nowhere else, so that what it stores and shows can be
//! checked by whoever knows the nodes' public keys.

use attestation::{Attestation, Decoder, Encoder, KeyStatement, Malformed, NodeDirectory};
use kernel::{AttemptId, EnvironmentId, Error, NodeId, Reason, Result, UserId, WalletId};

const SIGNATURES: &str = "countersign/gateway/attestation-signatures/v1";

/// What a key must be about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Creation {
    /// The environment.
    pub(crate) environment: EnvironmentId,
    /// The user.
    pub(crate) user: UserId,
    /// The digest of the operation that creates the wallet, from which the wallet's id follows.
    pub(crate) digest: [u8; 32],
}

/// A key that every node of the group attested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AttestedKey {
    statement: KeyStatement,
    /// In the order of the directory.
    signatures: Vec<(NodeId, [u8; 64])>,
}

impl AttestedKey {
    /// The key that all nodes of the group attest for this creation and attempt.
    ///
    /// # Errors
    ///
    /// Those of [`attestation::agreed`]; `PROTOCOL_FAILED` when the nodes agree on the key of another creation.
    pub(crate) fn agreed(
        directory: &NodeDirectory,
        creation: &Creation,
        attempt: AttemptId,
        attestations: &[Attestation],
    ) -> Result<Self> {
        let statement = attestation::agreed(directory, attestations)?;
        let about = statement.environment == creation.environment
            && statement.user == creation.user
            && statement.operation_digest == creation.digest
            && statement.wallet == WalletId::derive(&creation.digest)
            && statement.attempt == attempt
            && statement.generation == 1;
        if !about {
            return Err(Error::new(
                Reason::ProtocolFailed,
                "the nodes attest a key for another wallet or attempt",
            ));
        }
        let signatures = directory
            .nodes()
            .iter()
            .filter_map(|node| attestations.iter().find(|attestation| attestation.node == node.id))
            .map(|attestation| (attestation.node.clone(), attestation.signature))
            .collect();
        Ok(Self { statement, signatures })
    }

    /// What all nodes said.
    pub(crate) const fn statement(&self) -> &KeyStatement {
        &self.statement
    }

    /// The attestations, as the nodes made them.
    pub(crate) fn attestations(&self) -> Vec<Attestation> {
        self.signatures
            .iter()
            .map(|(node, signature)| Attestation {
                node: node.clone(),
                // The only octets that say this, and so those that were signed.
                statement: self.statement.encode(),
                signature: *signature,
            })
            .collect()
    }

    /// What is stored: the statement as signed, and who signed it how.
    pub(crate) fn to_columns(&self) -> (Vec<u8>, Vec<u8>) {
        let count = u16::try_from(self.signatures.len()).unwrap_or(u16::MAX);
        let encoder = Encoder::new(SIGNATURES).u16(count);
        let signatures = self.signatures.iter().fold(encoder, |encoder, (node, signature)| {
            encoder.part(node.as_str().as_bytes()).part(signature)
        });
        (self.statement.encode(), signatures.finish())
    }

    /// Reads what was stored. The signatures were checked before it was.
    pub(crate) fn from_columns(statement: &[u8], signatures: &[u8]) -> Result<Self, Malformed> {
        let statement = KeyStatement::decode(statement)?;
        let mut decoder = Decoder::new(SIGNATURES, signatures)?;
        let count = decoder.u16()?;
        let signatures =
            (0..count).map(|_| Ok((decoder.parse()?, decoder.array()?))).collect::<Result<_, Malformed>>()?;
        decoder.end()?;
        Ok(Self { statement, signatures })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::{self, Identities};

    fn agreed(statement: &KeyStatement) -> Result<AttestedKey> {
        let attestations = Identities::new(3).attest(&statement.encode());
        let (directory, attempt) = (fixtures::directory(2, 3), self::statement().attempt);
        AttestedKey::agreed(&directory, &fixtures::creation(), attempt, &attestations)
    }

    fn statement() -> KeyStatement {
        fixtures::statement(&fixtures::directory(2, 3), &fixtures::creation())
    }

    #[test]
    fn what_all_nodes_signed_is_kept_as_they_signed_it() {
        let key = agreed(&statement()).unwrap();
        assert_eq!(*key.statement(), statement());
        assert_eq!(key.attestations(), Identities::new(3).attest(&statement().encode()));
        let (statement, signatures) = key.to_columns();
        assert_eq!(AttestedKey::from_columns(&statement, &signatures), Ok(key));
    }

    #[test]
    fn a_key_of_anything_else_is_refused_even_when_all_nodes_sign_it() {
        type Change = (&'static str, fn(&mut KeyStatement));
        let changes: [Change; 7] = [
            ("environment", |s| s.environment = EnvironmentId::from_uuid(s.user.uuid())),
            ("user", |s| s.user = UserId::from_uuid(s.environment.uuid())),
            ("wallet", |s| s.wallet = WalletId::derive(&[1; 32])),
            ("digest", |s| s.operation_digest[0] ^= 1),
            ("digest and wallet", |s| {
                s.operation_digest[0] ^= 1;
                s.wallet = WalletId::derive(&s.operation_digest);
            }),
            ("attempt", |s| s.attempt = AttemptId::from_uuid(s.user.uuid())),
            ("generation", |s| s.generation = 2),
        ];
        for (name, change) in changes {
            let mut statement = statement();
            change(&mut statement);
            assert_eq!(agreed(&statement).unwrap_err().reason(), Reason::ProtocolFailed, "{name}");
        }
    }
}
