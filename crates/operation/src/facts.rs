//! What the signed octets themselves prove.
//!
//! A fact that they do not prove is absent: never zero, never empty, never taken from the caller. There is no
//! chain here, because an ed25519 signature over a message names no network.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::model::Body;

/// What the payload of an operation proves. Part of the digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// About the message, where one is signed.
    pub message: Option<MessageFacts>,
}

/// What a message proves about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageFacts {
    /// What the octets look like.
    pub form: MessageForm,
    /// How many octets, at least 1.
    pub length: u32,
    /// SHA-256 of the octets, by which a rule or an audit row can name a message without holding it.
    pub sha256: [u8; 32],
}

/// What the octets of a message look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageForm {
    /// Valid UTF-8 (RFC 3629), so that it can be shown.
    Text,
    /// Begins with the signing domain of Solana's off-chain messages, the octet 255 and `solana offchain`,
    /// which no validator takes for a transaction.
    SolanaOffchain,
    /// Neither: nothing shows what a signature over it means. It may be the hash of anything, so demand for it
    /// what a raw hash demands.
    Binary,
}

/// The signing domain of Solana's off-chain messages (Anza, "Off-Chain Message Signing").
const SOLANA_OFFCHAIN_DOMAIN: &[u8] = b"\xffsolana offchain";

impl MessageForm {
    fn of(message: &[u8]) -> Self {
        if std::str::from_utf8(message).is_ok() {
            Self::Text
        } else if message.starts_with(SOLANA_OFFCHAIN_DOMAIN) {
            Self::SolanaOffchain
        } else {
            Self::Binary
        }
    }

    /// The name, as in the digest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::SolanaOffchain => "solana-offchain",
            Self::Binary => "binary",
        }
    }
}

impl fmt::Display for MessageForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Facts {
    /// Derives the facts of a body whose sizes were checked.
    pub(crate) fn of(body: &Body) -> Self {
        let message = match body {
            Body::SignMessage { message, .. } => Some(MessageFacts {
                form: MessageForm::of(message),
                // The check bounds a message far below 2^32 octets.
                length: message.len() as u32,
                sha256: Sha256::digest(message).into(),
            }),
            Body::CreateWallet { .. }
            | Body::ExportWallet { .. }
            | Body::LinkCredential { .. }
            | Body::UnlinkCredential { .. } => None,
        };
        Self { message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_read_from_the_octets() {
        for (message, form) in [
            (b"gm".as_slice(), MessageForm::Text),
            ("grüße \u{1f44b}\n".as_bytes(), MessageForm::Text),
            (b"\0", MessageForm::Text),
            (b"\xffsolana offchain\0\0", MessageForm::SolanaOffchain),
            (b"\xffsolana offchain", MessageForm::SolanaOffchain),
            (b"\xffsolana offchai", MessageForm::Binary),
            (b"\xffSolana offchain\0", MessageForm::Binary),
            // An overlong slash, a surrogate and a value above U+10FFFF are not UTF-8 (RFC 3629 section 3).
            (b"\xc0\xaf", MessageForm::Binary),
            (b"\xed\xa0\x80", MessageForm::Binary),
            (b"\xf4\x90\x80\x80", MessageForm::Binary),
            (b"cut \xe2\x82", MessageForm::Binary),
        ] {
            assert_eq!(MessageForm::of(message), form, "{message:x?}");
        }
    }
}
