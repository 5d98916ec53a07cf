//! Use case: a user registers a TOTP device, which waits for its first code.

use kernel::{DeviceId, Error, FactorKind, Result, Scope, SecretText};
use operation::Body;
use storage::spending::Spend;

use crate::devices::Shown;
use crate::domain::device::{MAX_PENDING, PENDING_LIFE};
use crate::domain::freshness::is_fresh;
use crate::domain::{DisplayName, Holdings, Seed, qr};
use crate::payment::Ticket;
use crate::ports::{Enrolled, Enrolment};
use crate::refusal;
use crate::service::{Caller, Service};

/// A pending device and its seed in every form in which an authenticator app takes it. Shown this once.
#[derive(Debug)]
pub(crate) struct Registered {
    /// The device.
    pub(crate) device: Shown,
    /// The seed in base32.
    pub(crate) secret: SecretText,
    /// The key URI.
    pub(crate) uri: SecretText,
    /// The key URI as a QR code in Unicode block characters.
    pub(crate) qr_text: SecretText,
    /// The key URI as a QR code in SVG.
    pub(crate) qr_svg: SecretText,
}

impl Service {
    /// Registers a device in place of the session's earlier pending one.
    ///
    /// A user without a factor needs a fresh session (`SESSION_TOO_OLD`), one with a factor a receipt
    /// (`RECEIPT_MISSING` and its kin; `ATTEMPT_UNKNOWN` when another call with it, or a change of the
    /// user's factors, came in between). Bounds
    /// (`FACTOR_LIMIT_REACHED`) are looked at before a receipt is spent.
    pub(crate) async fn register(
        &self,
        caller: &Caller,
        name: DisplayName,
        ticket: Option<&Ticket>,
    ) -> Result<Registered> {
        let holdings = self.store.holdings(caller.owner).await?;
        let max_factors = caller.max_totp_devices;
        check_bounds(&holdings, caller)?;
        // What the answer holds is made first: nothing is spent for a seed that cannot be shown.
        let id = DeviceId::random(self.entropy.as_ref());
        let seed = Seed::random(self.entropy.as_ref(), caller.totp);
        let uri = seed.uri(&self.issuer, &caller.owner.user.to_string())?;
        let pictures = qr::draw(&uri)?;
        let secret = seed.base32();

        let payment = self.entitle(caller, &holdings, FactorKind::Totp, ticket, id).await?;
        caller.trail.resource(caller.owner.device_name(id)).await;
        caller.trail.intend().await?;
        let session = caller.session.clone();
        let enrolment = Enrolment {
            id,
            display_name: name,
            session,
            payment,
            at: caller.at,
            seed,
            max_factors,
            generation: holdings.generation,
        };
        match self.store.enrol(caller.owner, &enrolment).await? {
            Enrolled::Pending => {}
            Enrolled::TooManyFactors => return Err(refusal::too_many_factors(FactorKind::Totp, max_factors)),
            Enrolled::TooManyPending => return Err(refusal::too_many_pending(PENDING_LIFE)),
            // Another session's device became the first factor at this moment.
            Enrolled::NotFirst => return Err(missing()),
            Enrolled::Over => return Err(refusal::factors_changed()),
        }
        Ok(Registered {
            device: Shown { device: enrolment.device(), is_default: false },
            secret,
            uri,
            qr_text: pictures.text,
            qr_svg: pictures.svg,
        })
    }
}

impl Service {
    /// By what right one more factor is registered: a fresh session for the first, and for a further one a receipt, which
    /// is spent by this, from a proof at least as strong as the strongest factor held.
    pub(crate) async fn entitle(
        &self,
        caller: &Caller,
        holdings: &Holdings,
        factor: FactorKind,
        ticket: Option<&Ticket>,
        device: DeviceId,
    ) -> Result<Option<Spend>> {
        match holdings.strongest() {
            None if !is_fresh(caller.auth_time, caller.at) => Err(refusal::session_too_old()),
            None => Ok(None),
            Some(strongest) => {
                let ticket = ticket.ok_or_else(missing)?;
                self.pay(caller, ticket, Body::LinkCredential { factor }, strongest, device).await.map(Some)
            }
        }
    }
}

/// The bounds as far as they can be told from what was read; the store decides.
fn check_bounds(holdings: &Holdings, caller: &Caller) -> Result<()> {
    if holdings.count(FactorKind::Totp) >= caller.max_totp_devices {
        return Err(refusal::too_many_factors(FactorKind::Totp, caller.max_totp_devices));
    }
    let elsewhere = holdings.waiting_elsewhere(&caller.session, caller.at);
    match elsewhere.iter().map(|device| device.created).min() {
        Some(oldest) if elsewhere.len() >= MAX_PENDING => {
            Err(refusal::too_many_pending(oldest.plus(PENDING_LIFE).since(caller.at)))
        }
        _ => Ok(()),
    }
}

fn missing() -> Error {
    refusal::receipt_missing(Scope::CredentialLink)
}
