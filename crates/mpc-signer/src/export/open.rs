//! The caller's side.

use std::fmt;

use attestation::{
    Attestation, Decoder, KeyStatement, Malformed, Node, NodeDirectory, SealedShare, agreed, export_binding,
};
use curve25519_dalek::Scalar;
use ed25519_dalek::VerifyingKey;
use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign};
use frost_ed25519::keys::reconstruct;
use kernel::secret::ExposeSecret;
use kernel::{Entropy, EnvironmentId, Error, Reason, Result, SecretBytes, UserId, WalletId};
use sha2::Sha512;
use zeroize::{Zeroize, Zeroizing};

use super::FORMAT;
use crate::domain::KeyShare;
use crate::domain::sealing::{self, OpeningKey};

/// The one-time key that an export is sealed to. Made fresh for each export; its private half never leaves the caller.
#[derive(Clone)]
pub struct RecipientKey(OpeningKey);

impl RecipientKey {
    /// A fresh key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let octets = Zeroizing::new(kernel::entropy::bytes::<32>(entropy));
        Self(OpeningKey::from_array(&octets))
    }

    /// The public half, 32 octets (RFC 7748): `recipient_public_key` of the operation.
    pub fn public(&self) -> [u8; 32] {
        self.0.public()
    }
}

impl fmt::Debug for RecipientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecipientKey").finish_non_exhaustive()
    }
}

/// What the caller asked for, from its own records and not from the answer.
#[derive(Clone, Debug)]
pub struct ExpectedExport<'a> {
    /// The environment.
    pub environment: EnvironmentId,
    /// The user.
    pub user: UserId,
    /// The wallet.
    pub wallet: WalletId,
    /// The generation of key shares the operation named.
    pub generation: u32,
    /// The digest of the operation.
    pub operation_digest: [u8; 32],
    /// The address the wallet is known by.
    pub address: &'a str,
}

/// A wallet's private key in the hands of its owner: a secret scalar and a random prefix. Zeroized when dropped and never
/// printed.
pub struct ExportedKey {
    expanded: ExpandedSecretKey,
    public: VerifyingKey,
}

impl ExportedKey {
    /// The public key (RFC 8032).
    pub fn public_key(&self) -> [u8; 32] {
        self.public.to_bytes()
    }

    /// The expanded private key, 64 octets: the scalar, little-endian and reduced, then the prefix. It is not a seed
    /// followed by a public key, and the scalar must not be clamped: that would make it another key.
    pub fn expanded(&self) -> SecretBytes {
        let mut scalar = self.expanded.scalar.to_bytes();
        let expanded = [scalar, self.expanded.hash_prefix].concat();
        scalar.zeroize();
        SecretBytes::from(expanded)
    }

    /// Signs as RFC 8032 section 5.1.6 does from its second step on.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        raw_sign::<Sha512>(&self.expanded, message, &self.public).to_bytes()
    }
}

impl fmt::Debug for ExportedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportedKey").field("public", &self.public.to_bytes()).finish_non_exhaustive()
    }
}

/// Opens an export: checks what all nodes attested about the wallet, opens at least t boxes, checks each share against
/// the attested public share, puts the key together, and proves that it makes the wallet's address by a signature.
///
/// `directory` holds the nodes' public keys as the caller has them pinned.
///
/// # Errors
///
/// `ENVELOPE_INVALID` for an attestation or a box that is not the node's it names, or is for someone or something else;
/// `PROTOCOL_FAILED` for shares that are not those attested, a key that is not that of the address, or too few boxes.
/// The metadata `node_id` names the node where one is to blame.
pub fn open(
    directory: &NodeDirectory,
    expected: &ExpectedExport<'_>,
    recipient: &RecipientKey,
    attestations: &[Attestation],
    boxes: &[SealedShare],
    entropy: &dyn Entropy,
) -> Result<ExportedKey> {
    let statement = agreed(directory, attestations)?;
    check(&statement, expected)?;
    let mut shares = Vec::new();
    for sealed in boxes {
        let node = directory
            .node(&sealed.node)
            .ok_or_else(|| invalid("a box names a node that is not of the group"))?;
        shares.push(open_box(node, &statement, expected, recipient, sealed)?);
    }
    if shares.len() < usize::from(statement.key.threshold) {
        return Err(failed("there are fewer boxes than it takes nodes"));
    }
    combine(&statement, &shares, entropy)
}

fn check(statement: &KeyStatement, expected: &ExpectedExport<'_>) -> Result<()> {
    let asked = statement.environment == expected.environment
        && statement.user == expected.user
        && statement.wallet == expected.wallet
        && statement.generation == expected.generation;
    if !asked {
        return Err(failed("the attestations are about another wallet than the one asked for"));
    }
    if statement.key.address() != expected.address {
        return Err(failed("the attestations are about a key of another address"));
    }
    Ok(())
}

fn open_box(
    node: &Node,
    statement: &KeyStatement,
    expected: &ExpectedExport<'_>,
    recipient: &RecipientKey,
    sealed: &SealedShare,
) -> Result<KeyShare> {
    let blame = |error: Error| error.with("node_id", node.id.as_str());
    let binding = export_binding(statement, &expected.operation_digest, &node.id);
    if !sealed.is_by(node, &binding) {
        return Err(invalid("a box is not signed by the node it names, or is not for this export"));
    }
    let plaintext = sealing::open(&recipient.0, &binding, &sealed.encapsulated_key, &sealed.ciphertext)
        .map_err(|cause| blame(invalid("a box is not sealed to the caller's key").cause(cause)))?;
    let (identifier, threshold, secret) = read(plaintext.expose_secret())
        .map_err(|cause| blame(failed("a box does not hold a share").cause(cause)))?;
    if identifier != node.identifier || threshold != statement.key.threshold {
        return Err(blame(failed("a box holds another share than its node's")));
    }
    KeyShare::restore(&statement.key, &node.id, &secret)
        .map_err(|cause| blame(failed("a box holds another share than the one attested").cause(cause)))
}

fn read(plaintext: &[u8]) -> Result<(u16, u16, SecretBytes), Malformed> {
    let mut decoder = Decoder::new(FORMAT, plaintext)?;
    let out = (decoder.u16()?, decoder.u16()?, SecretBytes::from(decoder.part()?.to_vec()));
    decoder.end()?;
    Ok(out)
}

/// Lagrange interpolation at zero, and the proof that the result is the key.
fn combine(statement: &KeyStatement, shares: &[KeyShare], entropy: &dyn Entropy) -> Result<ExportedKey> {
    let packages: Vec<_> = shares.iter().map(|share| share.package().clone()).collect();
    let key = reconstruct(&packages)
        .map_err(|cause| failed("the shares do not make a key together").cause(cause))?;
    let octets = Zeroizing::new(key.serialize());
    let octets: &[u8; 32] = octets.as_slice().try_into().map_err(Error::internal)?;
    let scalar = Option::from(Scalar::from_canonical_bytes(*octets))
        .ok_or_else(|| Error::internal("the reconstructed scalar is not canonical"))?;
    let expanded = ExpandedSecretKey { scalar, hash_prefix: kernel::entropy::bytes(entropy) };
    let public = VerifyingKey::from_bytes(&statement.key.public_key)
        .map_err(|cause| failed("the attested public key is not a point").cause(cause))?;
    let exported = ExportedKey { expanded, public };
    let message = kernel::entropy::bytes::<32>(entropy);
    if !statement.key.verifies(&message, &exported.sign(&message)) {
        return Err(failed("the key does not make the wallet's address"));
    }
    Ok(exported)
}

fn invalid(message: &'static str) -> Error {
    Error::new(Reason::EnvelopeInvalid, message)
}

fn failed(message: &'static str) -> Error {
    Error::new(Reason::ProtocolFailed, message)
}
