//! Time-based one-time passwords (RFC 6238): SHA-1, six digits, steps of 30 seconds, one step of drift each way.
//!
//! The computing is the library's; the time is an argument, and that a step is accepted once is the store's part.

use aws_lc_rs::hmac;
use kernel::secret::ExposeSecret;
use kernel::{Entropy, Error, RequestId, Result, SecretBytes, SecretText, Timestamp};
use totp_rs::{Algorithm, Builder, Totp};
use zeroize::Zeroizing;

use super::code::{Code, DIGITS};
use super::label::Label;
use super::proof::CodeMac;

/// The length of a seed in octets: that of the hash's output, as RFC 4226 section 4 (R6) recommends.
pub(crate) const SEED_LENGTH: usize = 20;

/// The length of a time step in seconds (RFC 6238 section 5.2).
pub(crate) const STEP_SECONDS: u64 = 30;

/// How many steps before and after the current one are accepted (RFC 6238 section 5.2 recommends at most one).
pub(crate) const DRIFT: u16 = 1;

/// A time step: the number of whole steps since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Step(u64);

impl Step {
    /// For tests of what is done with steps.
    #[cfg(test)]
    pub(crate) const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The last step a code of which may have been accepted by this time: a device's clock may be ahead.
    pub(crate) fn last_accepted_by(time: Timestamp) -> Self {
        let seconds = u64::try_from(time.seconds()).unwrap_or(0);
        Self(seconds / STEP_SECONDS + u64::from(DRIFT))
    }

    /// When the next one begins.
    pub(crate) fn end(self) -> Timestamp {
        let seconds = (self.0 + 1).saturating_mul(STEP_SECONDS);
        Timestamp::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
    }

    /// The number, as the store keeps it.
    pub(crate) fn number(self) -> Result<i64> {
        i64::try_from(self.0).map_err(Error::internal)
    }
}

/// The secret that a device and this service share.
#[derive(Debug)]
pub(crate) struct Seed(SecretBytes);

impl Seed {
    /// A fresh one.
    pub(crate) fn random(entropy: &dyn Entropy) -> Self {
        let mut octets = Zeroizing::new([0; SEED_LENGTH]);
        entropy.fill(octets.as_mut_slice());
        Self(SecretBytes::from(octets.to_vec()))
    }

    /// From what the store kept. `None` when it has another length.
    pub(crate) fn from_octets(octets: SecretBytes) -> Option<Self> {
        (octets.expose_secret().len() == SEED_LENGTH).then_some(Self(octets))
    }

    /// The octets, to be sealed.
    pub(crate) fn octets(&self) -> &SecretBytes {
        &self.0
    }

    /// Base32 without padding (RFC 4648 section 6): how a seed is typed into an authenticator app.
    pub(crate) fn base32(&self) -> SecretText {
        SecretText::from(data_encoding::BASE32_NOPAD.encode(self.0.expose_secret()))
    }

    /// The step whose code this is, of the current one and its neighbours.
    pub(crate) fn check(&self, code: &Code, now: Timestamp) -> Result<Option<Step>> {
        let seconds = u64::try_from(now.seconds()).map_err(Error::internal)?;
        Ok(generator(self.0.expose_secret(), DIGITS as u8)?.check(code.digits(), seconds).map(Step))
    }

    /// What is kept of a code that was brought under a request id, to know it again: HMAC-SHA-256 (RFC 2104) under this
    /// seed, because a plain digest of six digits is found by trying them all.
    pub(crate) fn mac(&self, request: RequestId, code: &Code) -> Result<CodeMac> {
        let tag = hmac::sign(&self.mac_key(), mac_input(request, code).as_slice());
        tag.as_ref().try_into().map(CodeMac).map_err(Error::internal)
    }

    /// Whether it is the one of this code. Takes the same time wherever they differ.
    pub(crate) fn is_mac(&self, mac: CodeMac, request: RequestId, code: &Code) -> bool {
        hmac::verify(&self.mac_key(), mac_input(request, code).as_slice(), &mac.0).is_ok()
    }

    fn mac_key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.0.expose_secret())
    }

    /// The key URI: `otpauth://totp/{issuer}:{account}?secret=…&issuer=…`. Algorithm, digits and period are the
    /// format's defaults and left out.
    pub(crate) fn uri(&self, issuer: &Label, account: &str) -> Result<SecretText> {
        settings(self.0.expose_secret(), DIGITS as u8)
            .with_issuer(Some(issuer.as_str()))
            .with_account_name(account)
            .build()
            .and_then(|totp| totp.to_url())
            .map(SecretText::from)
            .map_err(Error::internal)
    }
}

/// Every part but the first has a fixed length, so that no two inputs share an encoding. The first one keeps it apart
/// from what the seed is for, which is eight octets long (RFC 4226 section 5.1).
fn mac_input(request: RequestId, code: &Code) -> Zeroizing<Vec<u8>> {
    let request = request.uuid();
    let parts: [&[u8]; 3] = [b"countersign/totp-code/v1", request.as_bytes(), code.digits().as_bytes()];
    Zeroizing::new(parts.concat())
}

fn settings(seed: &[u8], digits: u8) -> Builder {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(digits)
        .with_skew(DRIFT)
        .with_step_duration(STEP_SECONDS)
        .with_secret(seed)
}

fn generator(seed: &[u8], digits: u8) -> Result<Totp> {
    settings(seed, digits).build().map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// RFC 6238 appendix B, the rows of SHA-1.
    const VECTORS: [(u64, &str); 6] = [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ];
    const SEED: &[u8; SEED_LENGTH] = b"12345678901234567890";

    fn seed() -> Seed {
        Seed::from_octets(SecretBytes::from(SEED.to_vec())).unwrap()
    }

    fn code(digits: &str) -> Code {
        Code::parse(&SecretText::from(digits)).unwrap()
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(i64::try_from(seconds).unwrap())
    }

    #[test]
    fn rfc_6238_appendix_b_passes_with_eight_digits() {
        for (seconds, expected) in VECTORS {
            let totp = generator(SEED, 8).unwrap();
            assert_eq!(totp.generate(seconds).to_string(), expected);
            assert_eq!(totp.check(expected, seconds), Some(seconds / STEP_SECONDS));
        }
    }

    #[test]
    fn the_six_digit_codes_of_appendix_b_are_accepted_and_name_their_step() {
        // Six digits are the last six of eight: RFC 4226 section 5.3 takes the same number modulo 10^digits.
        for (seconds, eight) in VECTORS {
            let found = seed().check(&code(&eight[2..]), at(seconds)).unwrap();
            assert_eq!(found, Some(Step(seconds / STEP_SECONDS)));
        }
    }

    #[test]
    fn one_step_of_drift_each_way_and_no_more() {
        let (seconds, eight) = VECTORS[3];
        let code = code(&eight[2..]);
        let step = Step(seconds / STEP_SECONDS);
        let first_second = at(step.0 * STEP_SECONDS);
        let drift = Duration::from_secs(STEP_SECONDS);
        let accepted = |time: Timestamp| seed().check(&code, time).unwrap();
        assert_eq!(accepted(first_second.minus(drift)), Some(step));
        assert_eq!(accepted(first_second.minus(drift + Duration::from_millis(1))), None);
        let last = first_second.plus(2 * drift).minus(Duration::from_millis(1));
        assert_eq!(accepted(last), Some(step));
        assert_eq!(accepted(first_second.plus(2 * drift)), None);
    }

    #[test]
    fn a_time_before_the_epoch_is_refused() {
        assert!(seed().check(&code("123456"), Timestamp::from_millis(-1)).is_err());
    }

    #[test]
    fn the_key_uri_names_issuer_account_and_seed() {
        let uri = seed().uri(&Label::new("Acme & Söhne").unwrap(), "0b5f4a3e").unwrap();
        assert_eq!(
            uri.expose_secret(),
            "otpauth://totp/Acme%20%26%20S%C3%B6hne:0b5f4a3e?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Acme%20%26%20S%C3%B6hne"
        );
        assert!(uri.expose_secret().contains(seed().base32().expose_secret()));
    }

    #[test]
    fn a_code_is_known_again_under_its_seed_and_request_only() {
        let (request, other) = (crate::fixtures::request(), crate::fixtures::request());
        let mac = seed().mac(request, &code("123456")).unwrap();
        assert!(seed().is_mac(mac, request, &code("123 456")), "one code in two spellings");
        assert!(!seed().is_mac(mac, request, &code("123457")));
        assert!(!seed().is_mac(mac, other, &code("123456")));
        let stranger = Seed::from_octets(SecretBytes::from(vec![1; SEED_LENGTH])).unwrap();
        assert!(!stranger.is_mac(mac, request, &code("123456")));
        let longer = CodeMac(mac.0.map(|octet| octet ^ 1));
        assert!(!seed().is_mac(longer, request, &code("123456")));
    }

    #[test]
    fn a_seed_does_not_print_and_has_its_length() {
        assert!(!format!("{:?}", seed()).contains("49, 50"));
        assert!(Seed::from_octets(SecretBytes::from(vec![1; 19])).is_none());
    }
}
