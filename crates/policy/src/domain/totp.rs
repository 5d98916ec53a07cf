//! How TOTP devices compute their codes (RFC 6238 section 4).

use std::ops::RangeInclusive;

use kernel::{Error, Result};

/// The digits of a code. Fewer are guessed too soon (RFC 4226 section 5.3 asks for six at least); more no app shows.
const DIGITS: RangeInclusive<u32> = 6..=8;

/// The length of a time step in seconds. Codes of shorter ones are over before they are typed, codes of longer ones
/// can be used by who looks over a shoulder.
const PERIOD_SECONDS: RangeInclusive<u32> = 15..=60;

/// The hash of codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TotpAlgorithm {
    /// HMAC-SHA-1.
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

/// How TOTP devices compute their codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TotpParameters {
    /// The hash.
    pub(crate) algorithm: TotpAlgorithm,
    /// The digits of a code, within [`DIGITS`].
    pub(crate) digits: u32,
    /// The length of a time step in seconds, within [`PERIOD_SECONDS`].
    pub(crate) period_seconds: u32,
}

impl TotpParameters {
    /// What every authenticator app can do.
    pub(crate) const EVERYWHERE: Self =
        Self { algorithm: TotpAlgorithm::Sha1, digits: 6, period_seconds: 30 };

    /// Checks what a caller wants; `field` is its path in the request. Zero stands for what every app can do.
    pub(crate) fn check(mut self, field: &str) -> Result<Self> {
        if self.digits == 0 {
            self.digits = Self::EVERYWHERE.digits;
        }
        if self.period_seconds == 0 {
            self.period_seconds = Self::EVERYWHERE.period_seconds;
        }
        if !DIGITS.contains(&self.digits) {
            return Err(Error::invalid(format!("{field}.digits"), "must be 6 to 8, or 0 for 6"));
        }
        if !PERIOD_SECONDS.contains(&self.period_seconds) {
            return Err(Error::invalid(format!("{field}.period_seconds"), "must be 15 to 60, or 0 for 30"));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(digits: u32, period_seconds: u32) -> Result<TotpParameters, String> {
        TotpParameters { algorithm: TotpAlgorithm::Sha256, digits, period_seconds }
            .check("totp")
            .map_err(|error| error.violations()[0].field.clone())
    }

    #[test]
    fn bounds_hold_at_their_edges() {
        for (digits, period_seconds) in [(6, 15), (8, 60)] {
            let checked = check(digits, period_seconds).unwrap();
            assert_eq!((checked.digits, checked.period_seconds), (digits, period_seconds));
            assert_eq!(checked.algorithm, TotpAlgorithm::Sha256);
        }
        for digits in [1, 5, 9, u32::MAX] {
            assert_eq!(check(digits, 30).unwrap_err(), "totp.digits", "{digits}");
        }
        for seconds in [1, 14, 61, u32::MAX] {
            assert_eq!(check(6, seconds).unwrap_err(), "totp.period_seconds", "{seconds}");
        }
    }

    #[test]
    fn zero_stands_for_what_every_app_can_do() {
        let checked = check(0, 0).unwrap();
        assert_eq!((checked.digits, checked.period_seconds), (6, 30));
    }
}
