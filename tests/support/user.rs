//! A user and what users do.

use kernel::{EnvironmentId, OperationId, UserId};
use operation::{Body, Operation, WalletRef};
use proto::mfa_devices::device_service_client::DeviceServiceClient;
use proto::mfa_devices::{ActivateTotpDeviceRequest, Device, RegisterTotpDeviceRequest};
use proto::token_issuer::step_up_service_client::StepUpServiceClient;
use proto::token_issuer::token_service_client::TokenServiceClient;
use proto::token_issuer::{
    AuthenticateTotpRequest, AuthenticateTotpResponse, AuthorizeOperationRequest, AuthorizeOperationResponse,
    BatchLeaf,
};
use proto::types::KeyType;
use proto::waas_gateway::wallet_service_client::WalletServiceClient;
use proto::waas_gateway::{
    CreateWalletRequest, ExportWalletRequest, ExportWalletResponse, SignMessageRequest, SignMessageResponse,
    Wallet,
};
use proto::{convert, names};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use super::answer::Done as _;
use super::codes::App;
use super::dev::DevSuite;
use super::secrets::secret;
use super::{fresh, tokens};

pub(crate) type Answer<T> = Result<Response<T>, Status>;

/// A request with a bearer token.
pub(crate) fn bearing<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

/// A signed-in user.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) channel: Channel,
    pub(crate) environment: EnvironmentId,
    pub(crate) id: UserId,
    /// What the identity provider calls them.
    pub(crate) subject: String,
    pub(crate) token: String,
}

impl User {
    /// A user whom nobody has seen before, in the suite's own environment.
    pub(crate) async fn new(suite: &DevSuite) -> Self {
        Self::within(suite, suite.connect().await, suite.environment())
    }

    /// A user whom nobody has seen before.
    pub(crate) fn within(suite: &DevSuite, channel: Channel, environment: EnvironmentId) -> Self {
        let subject = fresh::name("user");
        let token = tokens::session(suite, environment, &subject, "session-1");
        let id = UserId::derive(environment, "dev", &subject);
        Self { channel, environment, id, subject, token }
    }

    /// The same user in another session.
    pub(crate) fn in_session(&self, suite: &DevSuite, session: &str) -> Self {
        let token = tokens::session(suite, self.environment, &self.subject, session);
        Self { token, ..self.clone() }
    }

    /// `environments/{environment}/users/{user}`.
    pub(crate) fn name(&self) -> String {
        names::user(self.environment, self.id)
    }

    /// A request of theirs.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        bearing(message, &self.token)
    }

    pub(crate) fn devices(&self) -> DeviceServiceClient<Channel> {
        DeviceServiceClient::new(self.channel.clone())
    }

    pub(crate) fn step_up(&self) -> StepUpServiceClient<Channel> {
        StepUpServiceClient::new(self.channel.clone())
    }

    pub(crate) fn introspection(&self) -> TokenServiceClient<Channel> {
        TokenServiceClient::new(self.channel.clone())
    }

    pub(crate) fn wallets(&self) -> WalletServiceClient<Channel> {
        WalletServiceClient::new(self.channel.clone())
    }

    /// Registers a TOTP device, with a receipt or without.
    pub(crate) async fn register(
        &self,
        ticket: Option<(OperationId, &str)>,
    ) -> Result<(Device, App), Status> {
        let request = RegisterTotpDeviceRequest {
            parent: self.name(),
            display_name: "app".to_owned(),
            operation_id: ticket.map(|(id, _)| id.to_string()).unwrap_or_default(),
            receipt: ticket.map(|(_, receipt)| receipt.to_owned()).unwrap_or_default(),
        };
        let registered = self.devices().register_totp_device(self.request(request)).await?.into_inner();
        for text in [&registered.secret, &registered.otpauth_uri] {
            secret(text.as_str());
        }
        Ok((registered.device.unwrap(), App::new(&registered.secret)))
    }

    /// Sends a code for a pending device.
    pub(crate) async fn activate(&self, device: &str, code: &str) -> Result<Device, Status> {
        let request = ActivateTotpDeviceRequest {
            name: device.to_owned(),
            code: code.to_owned(),
            request_id: fresh::request_id(),
        };
        let answer = self.devices().activate_totp_device(self.request(request)).await?;
        Ok(answer.into_inner().device.unwrap())
    }

    /// Gives the user a first factor: spends the first of the device's codes.
    pub(crate) async fn enrol(&self) -> Enrolled {
        let (device, mut app) = self.register(None).await.unwrap();
        let device = self.activate(&device.name, &app.next()).await.unwrap();
        Enrolled { device, app }
    }

    /// Sends a code and asks for a token, for scopes or for exactly one operation.
    pub(crate) async fn authenticate(
        &self,
        code: &str,
        scopes: &[&str],
        operation: Option<&Operation>,
    ) -> Answer<AuthenticateTotpResponse> {
        self.authenticate_for(AuthenticateTotpRequest {
            operation: operation.map(convert::operation_value),
            ..self.authentication(code, scopes)
        })
        .await
    }

    /// What a code is sent with for scopes, under a fresh request id.
    pub(crate) fn authentication(&self, code: &str, scopes: &[&str]) -> AuthenticateTotpRequest {
        AuthenticateTotpRequest {
            user: self.name(),
            code: code.to_owned(),
            requested_scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            request_id: fresh::request_id(),
            ..Default::default()
        }
    }

    /// Sends a code, for whatever the request says.
    pub(crate) async fn authenticate_for(
        &self,
        request: AuthenticateTotpRequest,
    ) -> Answer<AuthenticateTotpResponse> {
        let answer = self.step_up().authenticate_totp(self.request(request)).await?;
        secret(&answer.get_ref().elevated_token.as_ref().unwrap().token);
        Ok(answer)
    }

    /// An elevated token.
    pub(crate) async fn token(
        &self,
        app: &mut App,
        scopes: &[&str],
        operation: Option<&Operation>,
    ) -> String {
        let code = app.next();
        self.authenticate(&code, scopes, operation).await.done().elevated_token.unwrap().token
    }

    /// Sends a code and asks for a token for a batch.
    pub(crate) async fn batch(
        &self,
        code: &str,
        operations: &[Operation],
    ) -> Answer<AuthenticateTotpResponse> {
        self.authenticate_for(AuthenticateTotpRequest {
            operations: operations.iter().map(convert::operation_value).collect(),
            ..self.authentication(code, &[])
        })
        .await
    }

    /// Asks for a receipt, paid by a token or by the session alone (an empty one).
    pub(crate) async fn authorize(
        &self,
        operation: &Operation,
        token: &str,
    ) -> Answer<AuthorizeOperationResponse> {
        self.authorize_leaf(operation, token, None).await
    }

    /// Asks for a receipt, paid by the token of a batch that has the operation in this place.
    pub(crate) async fn authorize_leaf(
        &self,
        operation: &Operation,
        token: &str,
        batch_leaf: Option<BatchLeaf>,
    ) -> Answer<AuthorizeOperationResponse> {
        let request = AuthorizeOperationRequest {
            operation: Some(convert::operation_value(operation)),
            elevated_token: token.to_owned(),
            batch_leaf,
            ..Default::default()
        };
        let answer = self.step_up().authorize_operation(self.request(request)).await?;
        secret(&answer.get_ref().receipt);
        Ok(answer)
    }

    /// A receipt.
    pub(crate) async fn receipt(&self, operation: &Operation, token: &str) -> String {
        self.authorize(operation, token).await.done().receipt
    }

    /// Creates a wallet.
    pub(crate) async fn wallet(&self) -> Wallet {
        self.create_wallet(fresh::operation_id()).await.done()
    }

    /// Creates a wallet under an operation id.
    pub(crate) async fn create_wallet(&self, id: OperationId) -> Answer<Wallet> {
        let request = CreateWalletRequest {
            parent: self.name(),
            key_type: KeyType::Ed25519.into(),
            operation_id: id.to_string(),
        };
        let answer = self.wallets().create_wallet(self.request(request)).await?;
        Ok(answer.map(|answer| answer.wallet.unwrap()))
    }

    /// An operation of theirs, under a fresh id.
    pub(crate) fn operation(&self, body: Body) -> Operation {
        Operation { environment: self.environment, user: self.id, id: fresh::operation_id(), body }
    }

    /// Signing a message, under a fresh operation id.
    pub(crate) fn signing(&self, wallet: &Wallet, message: &[u8]) -> Operation {
        self.operation(Body::SignMessage { wallet: on(wallet), message: message.to_vec() })
    }

    /// Exporting to a one-time key, under a fresh operation id.
    pub(crate) fn exporting(&self, wallet: &Wallet, recipient_public_key: [u8; 32]) -> Operation {
        self.operation(Body::ExportWallet { wallet: on(wallet), recipient_public_key })
    }

    /// Has a message signed.
    pub(crate) async fn sign(&self, operation: &Operation, receipt: &str) -> Answer<SignMessageResponse> {
        let Body::SignMessage { wallet, message } = &operation.body else {
            panic!("not a signing operation")
        };
        let request = SignMessageRequest {
            name: names::wallet(operation.environment, operation.user, wallet.id),
            operation_id: operation.id.to_string(),
            share_generation: wallet.share_generation,
            message: message.clone(),
            receipt: receipt.to_owned(),
        };
        self.wallets().sign_message(self.request(request)).await
    }

    /// Has a key exported.
    pub(crate) async fn export(&self, operation: &Operation, receipt: &str) -> Answer<ExportWalletResponse> {
        let Body::ExportWallet { wallet, recipient_public_key } = &operation.body else {
            panic!("not an export operation")
        };
        let request = ExportWalletRequest {
            name: names::wallet(operation.environment, operation.user, wallet.id),
            operation_id: operation.id.to_string(),
            share_generation: wallet.share_generation,
            recipient_public_key: recipient_public_key.to_vec(),
            receipt: receipt.to_owned(),
        };
        self.wallets().export_wallet(self.request(request)).await
    }
}

/// A user's factor.
pub(crate) struct Enrolled {
    pub(crate) device: Device,
    pub(crate) app: App,
}

/// The wallet as an operation names it.
pub(crate) fn on(wallet: &Wallet) -> WalletRef {
    let id = names::parse_wallet("wallet", &wallet.name).unwrap().id;
    WalletRef { id, share_generation: wallet.share_generation }
}

/// Whether a signature is good under a wallet's public key, by a library that the nodes do not sign with.
pub(crate) fn verifies(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let key = ed25519_dalek::VerifyingKey::from_bytes(public_key.try_into().unwrap()).unwrap();
    let signature = ed25519_dalek::Signature::from_slice(signature).unwrap();
    key.verify_strict(message, &signature).is_ok()
}
