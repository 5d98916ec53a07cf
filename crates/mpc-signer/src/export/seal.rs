//! The node's side.

use kernel::secret::ExposeSecret;
use kernel::{Entropy, Error, Result};

use super::{Binding, FORMAT, SealedShare, signed};
use crate::domain::encoding::Encoder;
use crate::domain::{KeyShare, KeyStatement, LocalNode, sealing};

/// Seals this node's share to the one-time key `recipient` of the export operation with this digest.
pub(crate) fn seal(
    local: &LocalNode,
    statement: &KeyStatement,
    share: &KeyShare,
    operation_digest: &[u8; 32],
    recipient: &[u8; 32],
    entropy: &dyn Entropy,
) -> Result<SealedShare> {
    let binding = Binding {
        group: local.directory().group(),
        operation_digest,
        wallet: statement.wallet,
        generation: statement.generation,
        node: local.id(),
        public_key: &statement.key.public_key,
    }
    .encode();
    let share = share.secret();
    let plaintext = Encoder::secret(FORMAT, 128)
        .u16(local.node().identifier)
        .u16(statement.key.threshold)
        .part(share.expose_secret())
        .finish_secret();
    // The operation was refused unless its recipient key is a point of large order, so this does not fail on it.
    let sealed = sealing::seal(recipient, &binding, &plaintext, entropy).map_err(Error::internal)?;
    let signature = local.identity().sign(&signed(&binding, &sealed.encapsulated_key, &sealed.ciphertext));
    Ok(SealedShare {
        node: local.id().clone(),
        encapsulated_key: sealed.encapsulated_key,
        ciphertext: sealed.ciphertext,
        signature,
    })
}
