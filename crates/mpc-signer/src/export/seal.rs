//! The node's side.

use attestation::{Encoder, KeyStatement, SealedShare, export_binding};
use kernel::secret::ExposeSecret;
use kernel::{Entropy, Error, Result};

use super::FORMAT;
use crate::domain::{KeyShare, LocalNode, sealing};

/// Seals this node's share to the one-time key `recipient` of the export operation with this digest.
pub(crate) fn seal(
    local: &LocalNode,
    statement: &KeyStatement,
    share: &KeyShare,
    operation_digest: &[u8; 32],
    recipient: &[u8; 32],
    entropy: &dyn Entropy,
) -> Result<SealedShare> {
    let binding = export_binding(statement, operation_digest, local.id());
    let share = share.secret();
    let plaintext = Encoder::secret(FORMAT, 128)
        .u16(local.node().identifier)
        .u16(statement.key.threshold)
        .part(share.expose_secret())
        .finish_secret();
    // The operation was refused unless its recipient key is a point of large order, so this does not fail on it.
    let sealed = sealing::seal(recipient, &binding, &plaintext, entropy).map_err(Error::internal)?;
    let mut share = SealedShare {
        node: local.id().clone(),
        encapsulated_key: sealed.encapsulated_key,
        ciphertext: sealed.ciphertext,
        signature: [0; 64],
    };
    share.signature = local.identity().sign(&share.signed(&binding));
    Ok(share)
}
