//! A user who does the whole round again and again.

use kernel::Reason;
use proto::mfa_devices::{ActivateTotpDeviceRequest, RegisterTotpDeviceRequest};
use proto::waas_gateway::Wallet;
use tonic::transport::Channel;

use super::call::persist;
use super::notes::Notes;
use super::prover::Prover;
use crate::support::dev::DevSuite;
use crate::support::fresh;
use crate::support::secrets::secret;
use crate::support::user::User;

/// A user with a factor and a wallet.
pub(crate) struct Traveller {
    pub(crate) user: User,
    pub(crate) wallet: Wallet,
    pub(crate) prover: Prover,
}

impl Traveller {
    /// A user whom nobody has seen before. Nothing is broken while one is made, but a machine that has too much to do may
    /// need several tries.
    pub(crate) async fn new(notes: &Notes, suite: &DevSuite, channel: Channel) -> Self {
        let user = User::within(suite, channel, suite.environment());
        let request = RegisterTotpDeviceRequest {
            parent: user.name(),
            display_name: "app".to_owned(),
            operation_id: String::new(),
            receipt: String::new(),
        };
        let register = || async { user.devices().register_totp_device(user.request(request.clone())).await };
        let registered = made(persist(notes, "a registration", register).await);
        secret(&registered.otpauth_uri);
        let mut prover = Prover::new(&secret(&registered.secret));
        let request = ActivateTotpDeviceRequest {
            name: registered.device.expect("a device").name,
            code: prover.code().await,
            request_id: fresh::request_id(),
        };
        let activate = || async { user.devices().activate_totp_device(user.request(request.clone())).await };
        made(persist(notes, "an activation", activate).await);
        let id = fresh::operation_id();
        let wallet = made(persist(notes, "a wallet", || user.create_wallet(id)).await);
        Self { user, wallet, prover }
    }
}

fn made<T>(answer: Option<Result<T, Reason>>) -> T {
    answer.expect("an answer").unwrap_or_else(|reason| panic!("somebody new is refused: {reason}"))
}
