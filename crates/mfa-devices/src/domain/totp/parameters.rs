//! How a device computes its codes.

use totp_rs::Algorithm as Hash;

/// The hash of the HMAC (RFC 6238 section 1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TotpAlgorithm {
    /// HMAC-SHA-1.
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

impl TotpAlgorithm {
    const ALL: [Self; 3] = [Self::Sha1, Self::Sha256, Self::Sha512];

    /// The name as key URIs write it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    /// From its name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }

    /// The length of a seed in octets: that of the hash's output, as RFC 4226 section 4 (R6) recommends and the test
    /// vectors of RFC 6238 have it.
    pub(crate) const fn seed_length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    pub(super) const fn hash(self) -> Hash {
        match self {
            Self::Sha1 => Hash::SHA1,
            Self::Sha256 => Hash::SHA256,
            Self::Sha512 => Hash::SHA512,
        }
    }
}

/// How a device computes its codes; it keeps what it was registered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TotpParameters {
    algorithm: TotpAlgorithm,
    digits: u8,
    period: u8,
}

impl TotpParameters {
    /// What every authenticator app can do.
    pub(crate) const DEFAULT: Self = Self { algorithm: TotpAlgorithm::Sha1, digits: 6, period: 30 };

    /// `None` beyond 6 to 8 digits (RFC 4226 section 5.3) and steps of 15 to 60 seconds: a longer one would leave a
    /// code that was seen good for longer, a shorter one is more than clocks and hands are sure of.
    pub(crate) fn new(algorithm: TotpAlgorithm, digits: u32, period_seconds: u32) -> Option<Self> {
        let digits = u8::try_from(digits).ok().filter(|digits| (6..=8).contains(digits))?;
        let period = u8::try_from(period_seconds).ok().filter(|period| (15..=60).contains(period))?;
        Some(Self { algorithm, digits, period })
    }

    /// The hash.
    pub(crate) const fn algorithm(self) -> TotpAlgorithm {
        self.algorithm
    }

    /// The digits of a code.
    pub(crate) const fn digits(self) -> u8 {
        self.digits
    }

    /// The length of a time step in seconds.
    pub(crate) const fn period(self) -> u8 {
        self.period
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_beyond_the_bounds_are_refused() {
        let new = |digits, period| TotpParameters::new(TotpAlgorithm::Sha1, digits, period);
        assert_eq!(new(6, 30), Some(TotpParameters::DEFAULT));
        for (digits, period) in [(6, 15), (8, 60), (7, 45)] {
            assert!(new(digits, period).is_some());
        }
        for (digits, period) in [(5, 30), (9, 30), (6, 14), (6, 61), (0, 30), (6, 0), (262, 30), (6, 286)] {
            assert_eq!(new(digits, period), None, "{digits} {period}");
        }
    }

    #[test]
    fn algorithms_are_known_by_the_names_of_key_uris() {
        for algorithm in TotpAlgorithm::ALL {
            assert_eq!(TotpAlgorithm::from_name(algorithm.as_str()), Some(algorithm));
        }
        assert_eq!(TotpAlgorithm::from_name("MD5"), None);
    }
}
