//! From what is asked to what is checked: the only door.

use kernel::{Action, Error, Reason, Result, WalletId};

use crate::digest::Digest;
use crate::encoding;
use crate::facts::Facts;
use crate::kind::OperationKind;
use crate::model::{Body, Operation, WalletRef};
use crate::{solana, x25519};

/// The longest message that is signed, in octets, inclusive: 64 KiB, which is what Solana's off-chain message
/// format can hold and more than a person reads. It bounds what every service and node has to keep in memory.
pub const MAX_MESSAGE_LENGTH: usize = 65_536;

impl Operation {
    /// Checks everything that can be told from the operation alone, derives its facts and computes its digest.
    ///
    /// # Errors
    ///
    /// * [`Reason::InvalidRequest`], with the field named, when an id is the nil UUID, a share generation is 0, a
    ///   message is empty or longer than [`MAX_MESSAGE_LENGTH`], or a recipient's key is no canonical X25519 key
    ///   or of small order.
    /// * [`Reason::MessageIsTransaction`] when the message to sign is a Solana transaction.
    pub fn check(self) -> Result<CheckedOperation> {
        not_nil("operation.environment", self.environment.uuid().is_nil())?;
        not_nil("operation.user", self.user.uuid().is_nil())?;
        not_nil("operation.id", self.id.uuid().is_nil())?;
        check_body(&self.body)?;
        let facts = Facts::of(&self.body);
        let digest = Digest::of(&encoding::encode(&self, &facts));
        Ok(CheckedOperation { operation: self, facts, digest })
    }
}

fn check_body(body: &Body) -> Result<()> {
    match body {
        Body::CreateWallet { key_type: _ } | Body::LinkCredential { factor: _ } => Ok(()),
        Body::SignMessage { wallet, message } => {
            check_wallet(*wallet)?;
            check_message(message)
        }
        Body::ExportWallet { wallet, recipient_public_key } => {
            check_wallet(*wallet)?;
            check_recipient(recipient_public_key)
        }
        Body::UnlinkCredential { device } => not_nil("operation.device", device.uuid().is_nil()),
    }
}

/// The ids of the kernel do not parse from the nil UUID but can be made from one; in a digest it would be an
/// absent id that looks present.
fn not_nil(field: &'static str, is_nil: bool) -> Result<()> {
    if is_nil {
        return Err(Error::invalid(field, "is the nil UUID; name the one that is meant"));
    }
    Ok(())
}

fn check_wallet(wallet: WalletRef) -> Result<()> {
    not_nil("operation.wallet.id", wallet.id.uuid().is_nil())?;
    if wallet.share_generation == 0 {
        return Err(Error::invalid(
            "operation.wallet.share_generation",
            "is 0 or missing; generations count from 1, read the wallet for its current one",
        ));
    }
    Ok(())
}

fn check_message(message: &[u8]) -> Result<()> {
    if message.is_empty() {
        return Err(Error::invalid("operation.message", "is empty; there is nothing to sign"));
    }
    if message.len() > MAX_MESSAGE_LENGTH {
        return Err(Error::invalid(
            "operation.message",
            format!("has {} octets; at most {MAX_MESSAGE_LENGTH} are signed", message.len()),
        ));
    }
    // Asked of every message, because every key is an ed25519 key and any of them may be a Solana account.
    if solana::is_transaction(message) {
        let description = "is a Solana transaction; this call signs messages only";
        return Err(Error::new(
            Reason::MessageIsTransaction,
            "operation.message is a Solana transaction, and a signature over it would carry it out. A call that \
             signs messages does not sign transactions; if these octets are meant as a message, wrap them in \
             Solana's off-chain message format",
        )
        .violation("operation.message", description));
    }
    Ok(())
}

fn check_recipient(key: &[u8; 32]) -> Result<()> {
    const FIELD: &str = "operation.recipient_public_key";
    x25519::check(key).map_err(|unfit| match unfit {
        x25519::Unfit::NotCanonical => Error::invalid(
            FIELD,
            "is not the canonical encoding of an X25519 public key (a number below 2^255 - 19, little-endian); \
             send the 32 octets as your library wrote them",
        ),
        x25519::Unfit::SmallOrder => Error::invalid(
            FIELD,
            "is a point of small order, to which nothing can be sealed; make a fresh X25519 key pair",
        ),
    })
}

/// An operation that was checked, with its facts and its digest. There is no other way to have one, and it cannot
/// be changed: the digest is always that of what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedOperation {
    operation: Operation,
    facts: Facts,
    digest: Digest,
}

impl CheckedOperation {
    /// What is to be done.
    pub const fn operation(&self) -> &Operation {
        &self.operation
    }

    /// What is to be done, to be taken apart. Whoever changes it has to check it again.
    pub fn into_operation(self) -> Operation {
        self.operation
    }

    /// Its kind.
    pub const fn kind(&self) -> OperationKind {
        self.operation.body.kind()
    }

    /// The action whose settings decide what it demands.
    pub const fn action(&self) -> Action {
        self.kind().action()
    }

    /// What its payload proves.
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The digest that proofs, tokens and receipts for it are bound to.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The existing wallet it acts on. None when it makes a wallet or is about a factor.
    pub const fn wallet(&self) -> Option<WalletRef> {
        match &self.operation.body {
            Body::SignMessage { wallet, .. } | Body::ExportWallet { wallet, .. } => Some(*wallet),
            Body::CreateWallet { .. } | Body::LinkCredential { .. } | Body::UnlinkCredential { .. } => None,
        }
    }

    /// The id of the wallet it makes, if it makes one: derived from the digest, so that nobody chooses it.
    pub fn created_wallet(&self) -> Option<WalletId> {
        match self.operation.body {
            Body::CreateWallet { .. } => Some(WalletId::derive(self.digest.as_bytes())),
            _ => None,
        }
    }

    /// The canonical encoding, of which the digest is the SHA-256: to compare with another implementation, or to
    /// keep as evidence.
    pub fn encoding(&self) -> Vec<u8> {
        encoding::encode(&self.operation, &self.facts)
    }
}
