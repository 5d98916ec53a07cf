//! A TOTP device (RFC 6238): what an authenticator app does with the secret it was shown. The time is an argument.

use std::fmt;

use totp_rs::{Builder, Secret, Totp};
use zeroize::Zeroizing;

/// The text is neither a base32 secret of at least 16 octets nor a key URI with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidSecret;

impl fmt::Display for InvalidSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "expected a TOTP secret in base32, of at least 16 octets, or an otpauth://totp/ key URI with one",
        )
    }
}

impl std::error::Error for InvalidSecret {}

/// The codes of three time steps in a row: a verifier with one step of drift takes all three at the same moment.
#[derive(Clone, PartialEq, Eq)]
pub struct CodesAround {
    /// Of the step before.
    pub previous: String,
    /// Of the step that the time is in.
    pub current: String,
    /// Of the step after.
    pub next: String,
}

/// Says that there are codes, not which.
impl fmt::Debug for CodesAround {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodesAround(..)")
    }
}

/// A TOTP device.
pub struct SoftTotp(Totp);

/// Says that there is a device, not with which secret.
impl fmt::Debug for SoftTotp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SoftTotp(..)")
    }
}

impl SoftTotp {
    /// From the secret in base32 (RFC 4648 section 6), in any case, with or without spaces. SHA-1, six digits, 30
    /// seconds.
    pub fn from_base32(secret: &str) -> Result<Self, InvalidSecret> {
        let canonical = Zeroizing::new(secret.replace(' ', "").to_ascii_uppercase());
        let secret = Secret::try_from_base32(canonical.as_str()).map_err(|_| InvalidSecret)?;
        Builder::new().with_secret(secret).build().map(Self).map_err(|_| InvalidSecret)
    }

    /// From a key URI: `otpauth://totp/…`, whose parameters it follows.
    pub fn from_uri(uri: &str) -> Result<Self, InvalidSecret> {
        Totp::from_url(uri).map(Self).map_err(|_| InvalidSecret)
    }

    /// The code that the device shows at this time, in seconds since the Unix epoch.
    pub fn code_at(&self, unix_seconds: u64) -> String {
        self.0.generate(unix_seconds).to_string()
    }

    /// The codes of the step of this time and of its neighbours, so that three things can be proved one after the
    /// other, oldest code first, without waiting for the next step. In the first step of the epoch there is none
    /// before: `previous` is the current code then.
    pub fn codes_around(&self, unix_seconds: u64) -> CodesAround {
        let step = self.0.step();
        CodesAround {
            previous: self.code_at(unix_seconds.saturating_sub(step)),
            current: self.code_at(unix_seconds),
            next: self.code_at(unix_seconds.saturating_add(step)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B: the ASCII seed `12345678901234567890` in base32, and the rows of SHA-1.
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    const VECTORS: [(u64, &str); 6] = [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ];

    #[test]
    fn rfc_6238_appendix_b_passes() {
        let eight = SoftTotp::from_uri(&format!("otpauth://totp/rfc?secret={SECRET}&digits=8")).unwrap();
        let six = SoftTotp::from_base32(SECRET).unwrap();
        for (seconds, code) in VECTORS {
            assert_eq!(eight.code_at(seconds), code);
            assert_eq!(six.code_at(seconds), code[2..]);
        }
    }

    #[test]
    fn a_secret_may_be_typed_as_people_type() {
        let typed = SoftTotp::from_base32("gezd gnbv gy3t qojq gezd gnbv gy3t qojq").unwrap();
        assert_eq!(typed.code_at(59), "287082");
    }

    #[test]
    fn the_codes_around_a_time_are_those_of_its_step_and_its_neighbours() {
        let device = SoftTotp::from_base32(SECRET).unwrap();
        for seconds in [1_111_111_109, 1_111_111_080] {
            let codes = device.codes_around(seconds);
            assert_eq!(codes.previous, device.code_at(1_111_111_079));
            assert_eq!(codes.current, "081804");
            assert_eq!(codes.next, "050471");
        }
        assert_eq!(device.codes_around(29).previous, device.code_at(0));
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        for bad in ["", "GEZDGNBV", "0189", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ!"] {
            assert_eq!(SoftTotp::from_base32(bad).unwrap_err(), InvalidSecret, "{bad}");
        }
        for bad in
            ["", SECRET, "otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "otpauth://totp/x"]
        {
            assert_eq!(SoftTotp::from_uri(bad).unwrap_err(), InvalidSecret, "{bad}");
        }
    }

    #[test]
    fn nothing_secret_is_printed() {
        let device = SoftTotp::from_base32(SECRET).unwrap();
        assert_eq!(format!("{device:?} {:?}", device.codes_around(59)), "SoftTotp(..) CodesAround(..)");
    }
}
