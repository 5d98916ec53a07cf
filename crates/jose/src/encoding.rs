//! Base64url as JWTs use it: no padding, no white space, no trailing bits (RFC 7515 section 2). One byte string
//! has exactly one spelling, so no two texts are the same token.

use data_encoding::BASE64URL_NOPAD;

/// The octets as base64url.
pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

/// The octets that canonical base64url stands for.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()
}

/// Exactly `N` octets from canonical base64url.
pub(crate) fn decode_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    decode(text)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_spelling_decodes() {
        assert_eq!(decode("-_8"), Some(vec![0xfb, 0xff]));
        for bad in ["-_8=", "-_9", "+/8", "-_ 8", "-_8\n", "-", "AA AA"] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
    }
}
