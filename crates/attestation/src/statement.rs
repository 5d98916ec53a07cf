//! What is said about a key.

use kernel::{AttemptId, EnvironmentId, UserId, WalletId};

use crate::directory::{GroupName, MAX_NODES};
use crate::encoding::{Decoder, Encoder, Malformed};
use crate::key::{Participant, WalletKey};

const NAME: &str = "countersign/mpc/key-attestation/v1";
const SUITE: &[u8] = b"FROST-ED25519-SHA512-v1";

/// What is said about a key. The same at every node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatement {
    /// The group that made it.
    pub group: GroupName,
    /// The environment it belongs to.
    pub environment: EnvironmentId,
    /// The user it belongs to.
    pub user: UserId,
    /// The wallet it is the key of.
    pub wallet: WalletId,
    /// The digest of the operation that created the wallet.
    pub operation_digest: [u8; 32],
    /// The attempt that made it.
    pub attempt: AttemptId,
    /// The generation of its shares, from 1.
    pub generation: u32,
    /// SHA-256 over all first-round packages.
    pub transcript: [u8; 32],
    /// The key.
    pub key: WalletKey,
}

impl KeyStatement {
    /// The canonical encoding, which is what the nodes sign. See `docs/mpc.md`.
    pub fn encode(&self) -> Vec<u8> {
        let count = u16::try_from(self.key.participants.len()).unwrap_or(u16::MAX);
        let mut encoder = Encoder::new(NAME)
            .part(self.group.as_str().as_bytes())
            .uuid(self.environment.uuid())
            .uuid(self.user.uuid())
            .uuid(self.wallet.uuid())
            .part(&self.operation_digest)
            .uuid(self.attempt.uuid())
            .u32(self.generation)
            .part(SUITE)
            .u16(self.key.threshold)
            .u16(count)
            .part(&self.transcript)
            .part(&self.key.public_key)
            .part(self.key.address().as_bytes());
        for participant in &self.key.participants {
            encoder = encoder
                .part(participant.node.as_str().as_bytes())
                .u16(participant.identifier)
                .part(&participant.verifying_share);
        }
        encoder.finish()
    }

    /// Reads an encoding. Accepts only what [`KeyStatement::encode`] writes, of a key that somebody holds: identifiers
    /// ascend from 1, and the address is that of the public key.
    ///
    /// # Errors
    ///
    /// [`Malformed`]: nothing that an honest node signs looks like this.
    pub fn decode(octets: &[u8]) -> Result<Self, Malformed> {
        let mut decoder = Decoder::new(NAME, octets)?;
        let group = decoder.parse()?;
        let environment = EnvironmentId::from_uuid(decoder.uuid()?);
        let user = UserId::from_uuid(decoder.uuid()?);
        let wallet = WalletId::from_uuid(decoder.uuid()?);
        let operation_digest = decoder.array()?;
        let attempt = AttemptId::from_uuid(decoder.uuid()?);
        let generation = decoder.u32()?;
        if decoder.part()? != SUITE {
            return Err(Malformed);
        }
        let threshold = decoder.u16()?;
        let count = usize::from(decoder.u16()?);
        if count > MAX_NODES {
            return Err(Malformed);
        }
        let transcript = decoder.array()?;
        let public_key = decoder.array()?;
        let address = decoder.part()?;
        let mut participants: Vec<Participant> = Vec::with_capacity(count);
        for _ in 0..count {
            participants.push(Participant {
                node: decoder.parse()?,
                identifier: decoder.u16()?,
                verifying_share: decoder.array()?,
            });
        }
        decoder.end()?;
        let key = WalletKey { threshold, public_key, participants };
        let numbered = key.participants.first().is_some_and(|first| first.identifier > 0)
            && key.participants.is_sorted_by(|a, b| a.identifier < b.identifier);
        if !numbered || key.address().as_bytes() != address {
            return Err(Malformed);
        }
        Ok(Self { group, environment, user, wallet, operation_digest, attempt, generation, transcript, key })
    }
}
