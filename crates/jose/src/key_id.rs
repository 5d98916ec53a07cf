//! Names of keys.

use std::fmt;
use std::str::FromStr;

use kernel::ids::InvalidId;

use crate::Thumbprint;

/// The name of a key: the `kid` parameter (RFC 7515 section 4.1.4). 1 to 128 visible ASCII characters. A key that
/// was not given a name is called by its RFC 7638 thumbprint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A thumbprint's text is visible ASCII.
impl From<Thumbprint> for KeyId {
    fn from(thumbprint: Thumbprint) -> Self {
        Self(thumbprint.to_string())
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KeyId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text.is_empty() || text.len() > 128 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidId("a key id: 1 to 128 visible ASCII characters"));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_id_is_short_visible_ascii() {
        assert!("x".repeat(128).parse::<KeyId>().is_ok());
        for bad in ["", "a b", "a\n", "schlüssel", "\u{7f}", &"x".repeat(129)] {
            assert!(bad.parse::<KeyId>().is_err(), "{bad:?}");
        }
    }
}
