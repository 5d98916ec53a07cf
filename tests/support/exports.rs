//! What the owner does with an exported key.

use mpc_signer::domain::{Attestation, NodeDirectory};
use mpc_signer::export::{ExpectedExport, ExportedKey, RecipientKey, SealedShare, open};
use operation::Operation;
use proto::convert::{id, octets};
use proto::waas_gateway::ExportWalletResponse;

use super::fresh::entropy;
use super::secrets::secret;

/// A one-time key to export to.
pub(crate) fn recipient() -> RecipientKey {
    RecipientKey::generate(entropy())
}

/// Opens an export of the wallet with this address.
pub(crate) fn open_export(
    nodes: &NodeDirectory,
    operation: &Operation,
    address: &str,
    recipient: &RecipientKey,
    answer: &ExportWalletResponse,
) -> kernel::Result<ExportedKey> {
    let checked = operation.clone().check()?;
    let wallet = checked.wallet().unwrap();
    let expected = ExpectedExport {
        environment: operation.environment,
        user: operation.user,
        wallet: wallet.id,
        generation: wallet.share_generation,
        operation_digest: *checked.digest().as_bytes(),
        address,
    };
    let attestations: Vec<Attestation> = answer
        .wallet
        .iter()
        .flat_map(|wallet| &wallet.attestations)
        .map(|one| Attestation {
            node: id("node_id", &one.node_id).unwrap(),
            statement: one.statement.clone(),
            signature: octets("signature", &one.signature).unwrap(),
        })
        .collect();
    let shares: Vec<SealedShare> = answer
        .shares
        .iter()
        .map(|share| SealedShare {
            node: id("node_id", &share.node_id).unwrap(),
            encapsulated_key: octets("encapsulated_key", &share.encapsulated_key).unwrap(),
            ciphertext: share.ciphertext.clone(),
            signature: octets("signature", &share.signature).unwrap(),
        })
        .collect();
    let key = open(nodes, &expected, recipient, &attestations, &shares, entropy())?;
    note(&key);
    Ok(key)
}

/// Writes the key down as the secret that it is, in the forms in which it might be printed.
fn note(key: &ExportedKey) {
    use kernel::secret::ExposeSecret as _;
    let expanded = key.expanded();
    let octets = expanded.expose_secret();
    for part in [octets, &octets[..32]] {
        secret(data_encoding::HEXLOWER.encode(part));
        secret(data_encoding::BASE64URL_NOPAD.encode(part));
    }
}
