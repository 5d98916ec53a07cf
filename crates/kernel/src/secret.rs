//! Secrets that cannot be printed, compared by accident, or left behind in memory.
//!
//! Built on `secrecy`: `Debug` prints a placeholder, there is no `Display`, and the memory is zeroized when the
//! value is dropped. Reading one takes the word `expose_secret`, which is easy to search for.

pub use secrecy::{ExposeSecret, SecretBox, SecretSlice, SecretString};

/// Secret octets: seeds, shares, key material.
pub type SecretBytes = SecretSlice<u8>;

/// Secret text: codes, tokens, encoded seeds.
pub type SecretText = SecretString;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let text = SecretText::from("correct horse".to_owned());
        let bytes = SecretBytes::from(vec![7_u8; 4]);
        assert!(!format!("{text:?}").contains("horse"));
        assert!(!format!("{bytes:?}").contains('7'));
    }
}
