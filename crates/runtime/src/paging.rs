//! Pages of lists (AIP-158).

use data_encoding::BASE64URL_NOPAD;
use kernel::{Error, Result};

/// The page size to use: `default` for zero, an error below zero, at most `max`.
pub fn page_size(field: &str, value: i32, default: u32, max: u32) -> Result<u64> {
    match u32::try_from(value) {
        Ok(0) => Ok(default.into()),
        Ok(size) => Ok(size.min(max).into()),
        Err(_) => Err(Error::invalid(field, format!("must be between 0 and {max}"))),
    }
}

/// A token that leads back to `cursor` within the list that `scope` names: the method and its arguments.
pub fn encode_token(scope: &str, cursor: &str) -> String {
    BASE64URL_NOPAD.encode(format!("{scope}\n{cursor}").as_bytes())
}

/// The cursor in a token; none for the empty token of a first page. A token of another list is refused.
///
/// Tokens are not secret and not signed: they say where to go on, never what may be seen.
pub fn decode_token(scope: &str, token: &str) -> Result<Option<String>> {
    if token.is_empty() {
        return Ok(None);
    }
    BASE64URL_NOPAD
        .decode(token.as_bytes())
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| text.strip_prefix(scope)?.strip_prefix('\n').map(str::to_owned))
        .map(Some)
        .ok_or_else(|| {
            Error::invalid("page_token", "is not from an earlier answer to this very list; start without one")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_on_within_its_own_list_only() {
        let token = encode_token("devices/a", "41");
        assert_eq!(decode_token("devices/a", &token).unwrap().as_deref(), Some("41"));
        assert_eq!(decode_token("devices/a", "").unwrap(), None);
        assert!(decode_token("devices/b", &token).is_err());
        assert!(decode_token("devices", &token).is_err());
        assert!(decode_token("devices/a", "???").is_err());
    }

    #[test]
    fn page_sizes_are_bounded() {
        assert_eq!(page_size("f", 0, 50, 100).unwrap(), 50);
        assert_eq!(page_size("f", 5, 50, 100).unwrap(), 5);
        assert_eq!(page_size("f", 1_000, 50, 100).unwrap(), 100);
        assert!(page_size("f", -1, 50, 100).is_err());
    }
}
