//! What a public key is known by.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use kernel::ids::InvalidId;

use crate::encoding;

/// The thumbprint of a public key (RFC 7638, with SHA-256): the same key has the same one, whatever its name. As text
/// base64url without padding, 43 characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// Of a key whose required members are written in the one way of RFC 7638 section 3.
    pub(crate) fn of(canonical: &str) -> Self {
        let mut octets = [0; 32];
        octets.copy_from_slice(digest(&SHA256, canonical.as_bytes()).as_ref());
        Self(octets)
    }

    /// From its octets.
    pub const fn from_bytes(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    /// Its octets.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encoding::encode(&self.0))
    }
}

impl FromStr for Thumbprint {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        encoding::decode_array(text)
            .map(Self)
            .ok_or(InvalidId("a thumbprint: 43 characters of base64url, without padding"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbprint_has_one_spelling() {
        let text = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
        assert_eq!(text.parse::<Thumbprint>().unwrap().to_string(), text);
        for bad in ["", "NzbL", &format!("{text}="), &text.replace('-', "+"), &text.replace("9Xs", "9Xt")] {
            assert!(bad.parse::<Thumbprint>().is_err(), "{bad:?}");
        }
    }
}
