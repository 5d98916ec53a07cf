//! The demo's authenticator app: never shows the same time step twice.

use kernel::secret::ExposeSecret as _;
use kernel::{Clock, Error, Result, SecretText};
use soft_authenticator::SoftTotp;

/// One step of RFC 6238, in seconds.
const STEP: i64 = 30;

/// A registered device, and the last step whose code was shown.
pub(crate) struct Authenticator {
    device: SoftTotp,
    last: Option<i64>,
}

impl Authenticator {
    /// From the secret that registration showed.
    pub(crate) fn new(secret: &SecretText) -> Result<Self> {
        let device = SoftTotp::from_base32(secret.expose_secret()).map_err(Error::internal)?;
        Ok(Self { device, last: None })
    }

    /// A code that was not shown before and that the server accepts now: of the step before this one, this one, or the
    /// next (one step of drift each way). Gives three without waiting.
    pub(crate) fn next(&mut self, clock: &dyn Clock) -> Result<SecretText> {
        let now = clock.now().seconds().div_euclid(STEP);
        let step = self.last.map_or(now - 1, |last| (last + 1).max(now - 1));
        if step > now + 1 {
            return Err(Error::internal("the demo asks one user for more than three codes in a row"));
        }
        self.last = Some(step);
        self.code(step)
    }

    /// The last code once more, for showing that it is refused.
    pub(crate) fn again(&self) -> Result<SecretText> {
        let last = self.last.ok_or_else(|| Error::internal("no code was shown yet"))?;
        self.code(last)
    }

    fn code(&self, step: i64) -> Result<SecretText> {
        let time = u64::try_from(step * STEP).map_err(Error::internal)?;
        Ok(SecretText::from(self.device.code_at(time)))
    }
}
