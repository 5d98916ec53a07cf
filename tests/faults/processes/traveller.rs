//! A user who does the whole round again and again.

use proto::mfa_devices::{ActivateTotpDeviceRequest, RegisterTotpDeviceRequest};
use proto::waas_gateway::Wallet;
use tonic::transport::Channel;

use super::prover::Prover;
use crate::support::answer::Done as _;
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
    /// A user whom nobody has seen before. Nothing is broken while one is made.
    pub(crate) async fn new(suite: &DevSuite, channel: Channel) -> Self {
        let user = User::within(suite, channel, suite.environment());
        let request = RegisterTotpDeviceRequest {
            parent: user.name(),
            display_name: "app".to_owned(),
            operation_id: String::new(),
            receipt: String::new(),
        };
        let registered = user.devices().register_totp_device(user.request(request)).await.done();
        secret(&registered.otpauth_uri);
        let mut prover = Prover::new(&secret(&registered.secret));
        let request = ActivateTotpDeviceRequest {
            name: registered.device.expect("a device").name,
            code: prover.code().await,
            request_id: fresh::request_id(),
        };
        user.devices().activate_totp_device(user.request(request)).await.done();
        let wallet = user.wallet().await;
        Self { user, wallet, prover }
    }
}
