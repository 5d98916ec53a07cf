//! Who an authenticator app says a code is for.

use kernel::{Error, Result};

/// The longest label.
const MAX_CHARACTERS: usize = 64;

/// The issuer that an authenticator app shows next to the code (`issuer` of the key URI).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label(String);

impl Label {
    /// 1 to 64 characters without a colon, which separates issuer and account in a key URI, and without control
    /// characters. Refused with `INVALID_REQUEST` otherwise.
    pub fn new(text: &str) -> Result<Self> {
        let length = text.chars().count();
        if length == 0 || length > MAX_CHARACTERS || text.contains(':') || text.chars().any(char::is_control)
        {
            return Err(Error::invalid(
                "issuer",
                "must be 1 to 64 characters, none of them a colon or a control character",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The label as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_would_break_the_key_uri_are_refused() {
        assert!(Label::new("Countersign").is_ok());
        assert!(Label::new("Zoë & Söhne").is_ok());
        for bad in ["", "a:b", "a\nb", &"x".repeat(65)] {
            assert!(Label::new(bad).is_err(), "{bad:?}");
        }
    }
}
