//! The digest of an operation: what proofs, tokens and receipts are bound to.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};

/// SHA-256 over the canonical encoding of a checked operation. Public, and compared as such.
///
/// Written as base64url without padding (RFC 4648 section 5): 43 characters, and only the one canonical
/// spelling is read back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of a canonical encoding.
    pub(crate) fn of(encoding: &[u8]) -> Self {
        Self(Sha256::digest(encoding).into())
    }

    /// A digest that was kept or received as octets.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 octets.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", BASE64URL_NOPAD.encode_display(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        // The decoder refuses padding, whitespace and stray bits at the end.
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| InvalidDigest)?;
        bytes.try_into().map(Self).map_err(|_| InvalidDigest)
    }
}

/// The text is not a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidDigest;

impl fmt::Display for InvalidDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected an operation digest: 43 characters of base64url without padding")
    }
}

impl std::error::Error for InvalidDigest {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_spelling_parses() {
        let digest = Digest::from_bytes([0xfb; 32]);
        let text = digest.to_string();
        assert_eq!(text.len(), 43);
        assert_eq!(text.parse(), Ok(digest));
        for other in [
            String::new(),
            text[..42].to_owned(),
            format!("{text}="),
            format!("{text}A"),
            format!("{text} "),
            format!(" {text}"),
            text.replace('-', "+").replace('_', "/"),
            // The same 32 octets with one of the two unused bits of the last character set.
            format!("{}t", &text[..42]),
            "A".repeat(42),
            "A".repeat(44),
        ] {
            assert_eq!(other.parse::<Digest>(), Err(InvalidDigest), "{other}");
        }
    }

    #[test]
    fn the_digest_is_sha_256() {
        // FIPS 180-4, the example for "abc".
        let expected = "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0";
        assert_eq!(Digest::of(b"abc").to_string(), expected);
    }
}
