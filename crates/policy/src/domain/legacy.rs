//! Legacy MFA tokens: without a scope, for any of the four wallet actions.

use std::ops::RangeInclusive;

use kernel::{Acr, Error, Result};

/// How long such a token may live, in seconds. Less than other tokens: it says nothing of what it is for.
const EXPIRY_SECONDS: RangeInclusive<u32> = 30..=300;

/// How long it lives where nobody says otherwise, in seconds.
const DEFAULT_EXPIRY_SECONDS: u32 = 120;

/// The most that such a token counts for, whatever factor it was made by: it can be carried to another purpose than its
/// user had in mind, and that is what phishing is.
pub(crate) const STRONGEST: Acr = Acr::Otp;

/// What an environment says of legacy MFA tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LegacyMfaTokens {
    /// Whether they are made, and count.
    pub(crate) enabled: bool,
    /// How long they live, in seconds, within [`EXPIRY_SECONDS`].
    pub(crate) token_expiry_seconds: u32,
}

impl LegacyMfaTokens {
    /// There are none.
    pub(crate) const OFF: Self = Self { enabled: false, token_expiry_seconds: DEFAULT_EXPIRY_SECONDS };

    /// Checks what a caller wants; `field` is its path in the request. An expiry of zero stands for the default.
    pub(crate) fn check(mut self, field: &str) -> Result<Self> {
        if self.token_expiry_seconds == 0 {
            self.token_expiry_seconds = DEFAULT_EXPIRY_SECONDS;
        }
        if !EXPIRY_SECONDS.contains(&self.token_expiry_seconds) {
            let field = format!("{field}.token_expiry_seconds");
            return Err(Error::invalid(field, "must be 30 to 300, or 0 for 120"));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_short_and_has_a_default() {
        let check = |token_expiry_seconds| {
            LegacyMfaTokens { enabled: true, token_expiry_seconds }
                .check("legacy")
                .map(|checked| checked.token_expiry_seconds)
                .map_err(|error| error.violations()[0].field.clone())
        };
        for (seconds, expected) in [(0, 120), (30, 30), (300, 300)] {
            assert_eq!(check(seconds).unwrap(), expected);
        }
        for seconds in [1, 29, 301, u32::MAX] {
            assert_eq!(check(seconds).unwrap_err(), "legacy.token_expiry_seconds", "{seconds}");
        }
    }
}
