//! Time-based one-time passwords (RFC 6238), with one step of drift each way.
//!
//! The computing is the library's; the time is an argument, and that a step is accepted once is the store's part.

mod parameters;
#[cfg(test)]
mod tests;

use aws_lc_rs::hmac;
use kernel::secret::ExposeSecret;
use kernel::{Entropy, Error, RequestId, Result, SecretBytes, SecretText, Timestamp};
use totp_rs::{Builder, Totp};
use zeroize::Zeroizing;

use super::code::Code;
use super::label::Label;
use super::proof::AnswerMac;

pub(crate) use parameters::{TotpAlgorithm, TotpParameters};

/// How many steps before and after the current one are accepted (RFC 6238 section 5.2 recommends at most one).
pub(crate) const DRIFT: u16 = 1;

/// A time step: the number of whole steps of a device since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Step(u64);

impl Step {
    /// For tests of what is done with steps.
    #[cfg(test)]
    pub(crate) const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The last step a code of which may have been accepted by this time: a device's clock may be ahead.
    pub(crate) fn last_accepted_by(time: Timestamp, parameters: TotpParameters) -> Self {
        let seconds = u64::try_from(time.seconds()).unwrap_or(0);
        Self(seconds / u64::from(parameters.period()) + u64::from(DRIFT))
    }

    /// When the next one begins.
    pub(crate) fn end(self, parameters: TotpParameters) -> Timestamp {
        let seconds = (self.0 + 1).saturating_mul(u64::from(parameters.period()));
        Timestamp::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
    }

    /// The number, as the store keeps it.
    pub(crate) fn number(self) -> Result<i64> {
        i64::try_from(self.0).map_err(Error::internal)
    }
}

/// The secret that a device and this service share, and how codes are made of it.
#[derive(Debug)]
pub(crate) struct Seed {
    octets: SecretBytes,
    parameters: TotpParameters,
}

impl Seed {
    /// A fresh one.
    pub(crate) fn random(entropy: &dyn Entropy, parameters: TotpParameters) -> Self {
        let mut octets = Zeroizing::new(vec![0; parameters.algorithm().seed_length()]);
        entropy.fill(octets.as_mut_slice());
        Self { octets: SecretBytes::from(octets.to_vec()), parameters }
    }

    /// From what the store kept. `None` when it has another length.
    pub(crate) fn from_octets(octets: SecretBytes, parameters: TotpParameters) -> Option<Self> {
        (octets.expose_secret().len() == parameters.algorithm().seed_length())
            .then_some(Self { octets, parameters })
    }

    /// The octets, to be sealed.
    pub(crate) fn octets(&self) -> &SecretBytes {
        &self.octets
    }

    /// How codes are made of it.
    pub(crate) fn parameters(&self) -> TotpParameters {
        self.parameters
    }

    /// Base32 without padding (RFC 4648 section 6): how a seed is typed into an authenticator app.
    pub(crate) fn base32(&self) -> SecretText {
        SecretText::from(data_encoding::BASE32_NOPAD.encode(self.octets.expose_secret()))
    }

    /// The step whose code this is, of the current one and its neighbours. A code with another number of digits is none.
    pub(crate) fn check(&self, code: &Code, now: Timestamp) -> Result<Option<Step>> {
        let seconds = u64::try_from(now.seconds()).map_err(Error::internal)?;
        Ok(self.generator()?.check(code.digits(), seconds).map(Step))
    }

    /// What is kept of a code that was brought under a request id, to know it again: HMAC-SHA-256 (RFC 2104) under this
    /// seed, because a plain digest of six digits is found by trying them all.
    pub(crate) fn mac(&self, request: RequestId, code: &Code) -> Result<AnswerMac> {
        let tag = hmac::sign(&self.mac_key(), mac_input(request, code).as_slice());
        tag.as_ref().try_into().map(AnswerMac).map_err(Error::internal)
    }

    /// Whether it is the one of this code. Takes the same time wherever they differ.
    pub(crate) fn is_mac(&self, mac: AnswerMac, request: RequestId, code: &Code) -> bool {
        hmac::verify(&self.mac_key(), mac_input(request, code).as_slice(), &mac.0).is_ok()
    }

    fn mac_key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.octets.expose_secret())
    }

    /// The key URI: `otpauth://totp/{issuer}:{account}?secret=…&issuer=…`. Algorithm, digits and period stand in it where
    /// they are not the format's defaults.
    pub(crate) fn uri(&self, issuer: &Label, account: &str) -> Result<SecretText> {
        self.settings()
            .with_issuer(Some(issuer.as_str()))
            .with_account_name(account)
            .build()
            .and_then(|totp| totp.to_url())
            .map(SecretText::from)
            .map_err(Error::internal)
    }

    fn settings(&self) -> Builder {
        Builder::new()
            .with_algorithm(self.parameters.algorithm().hash())
            .with_digits(self.parameters.digits())
            .with_skew(DRIFT)
            .with_step_duration(self.parameters.period().into())
            .with_secret(self.octets.expose_secret())
    }

    fn generator(&self) -> Result<Totp> {
        self.settings().build().map_err(Error::internal)
    }
}

/// Every part but the first and the last has a fixed length, so that no two inputs share an encoding. The first one keeps it apart
/// from what the seed is for, which is eight octets long (RFC 4226 section 5.1).
fn mac_input(request: RequestId, code: &Code) -> Zeroizing<Vec<u8>> {
    let request = request.uuid();
    let parts: [&[u8]; 3] = [b"countersign/totp-code/v1", request.as_bytes(), code.digits().as_bytes()];
    Zeroizing::new(parts.concat())
}
