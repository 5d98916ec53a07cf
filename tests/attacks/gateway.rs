//! The real gateway in front of the nodes, with somebody in between, and an issuer that gives a receipt to everybody.

use std::sync::Arc;

use async_trait::async_trait;
use kernel::{Clock as _, EnvironmentId, Error, OperationId, Reason, UserId};
use operation::{Body, Operation};
use proto::mpc_signer::mpc_signer_service_server::MpcSignerServiceServer;
use proto::token_issuer as issuer_pb;
use proto::token_issuer::step_up_service_server::{StepUpService, StepUpServiceServer};
use proto::types::KeyType;
use proto::waas_gateway::wallet_service_client::WalletServiceClient;
use proto::waas_gateway::{
    CreateWalletRequest, ExportWalletRequest, ExportWalletResponse, SignMessageRequest, Wallet,
};
use proto::{convert, names};
use runtime::environments::{
    EnvironmentSettings, EnvironmentSource, Provider, ProviderKeySource, TokenSettings, TotpParameters,
};
use runtime::identity::{ProviderKeys, Sessions};
use runtime::server::serve_memory;
use runtime::status::to_status;
use runtime::{Gate, GateParts, Mount};
use testkit::{FixedClock, MemoryAuditLog, TestProvider, TestReceipts};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};
use waas_gateway::Parts;

use super::faults::Between;
use super::nodes::{AUDIENCE, NODES, Nodes, node_id};
use crate::support::answer::{Outcome as _, Refusal};
use crate::support::user::{bearing, on};

/// The one environment.
struct Environments(Arc<EnvironmentSettings>);

#[async_trait]
impl EnvironmentSource for Environments {
    async fn environment(&self, id: EnvironmentId) -> kernel::Result<Option<Arc<EnvironmentSettings>>> {
        Ok((id == self.0.id).then(|| self.0.clone()))
    }
}

/// Authorizes whatever it is asked for.
struct Generous {
    receipts: Arc<TestReceipts>,
    clock: Arc<FixedClock>,
}

fn not_here<T>() -> Result<Response<T>, Status> {
    Err(to_status(&Error::new(Reason::MethodUnknown, "not of interest here")))
}

#[async_trait]
impl StepUpService for Generous {
    async fn authorize_operation(
        &self,
        request: Request<issuer_pb::AuthorizeOperationRequest>,
    ) -> Result<Response<issuer_pb::AuthorizeOperationResponse>, Status> {
        let message = request.into_inner();
        assert!(message.elevated_token.is_empty(), "a gateway never has an elevated token");
        let (environment, user) =
            names::parse_user("user", &message.operation.as_ref().unwrap().user).unwrap();
        let user = user.id("user").unwrap();
        let operation = convert::operation("operation", message.operation, environment, user).unwrap();
        let checked = operation.check().unwrap();
        let answer = issuer_pb::AuthorizeOperationResponse {
            receipt: self.receipts.receipt(&checked, AUDIENCE, None, self.clock.now()),
            operation_digest: checked.digest().as_bytes().to_vec(),
            ..Default::default()
        };
        Ok(Response::new(answer))
    }

    async fn get_session(
        &self,
        _: Request<issuer_pb::GetSessionRequest>,
    ) -> Result<Response<issuer_pb::GetSessionResponse>, Status> {
        not_here()
    }

    async fn check_step_up(
        &self,
        _: Request<issuer_pb::CheckStepUpRequest>,
    ) -> Result<Response<issuer_pb::CheckStepUpResponse>, Status> {
        not_here()
    }

    async fn authenticate_totp(
        &self,
        _: Request<issuer_pb::AuthenticateTotpRequest>,
    ) -> Result<Response<issuer_pb::AuthenticateTotpResponse>, Status> {
        not_here()
    }

    async fn begin_passkey_authentication(
        &self,
        _: Request<issuer_pb::BeginPasskeyAuthenticationRequest>,
    ) -> Result<Response<issuer_pb::BeginPasskeyAuthenticationResponse>, Status> {
        not_here()
    }

    async fn authenticate_passkey(
        &self,
        _: Request<issuer_pb::AuthenticatePasskeyRequest>,
    ) -> Result<Response<issuer_pb::AuthenticatePasskeyResponse>, Status> {
        not_here()
    }

    async fn authenticate_recovery_code(
        &self,
        _: Request<issuer_pb::AuthenticateRecoveryCodeRequest>,
    ) -> Result<Response<issuer_pb::AuthenticateRecoveryCodeResponse>, Status> {
        not_here()
    }

    async fn exchange_assertion(
        &self,
        _: Request<issuer_pb::ExchangeAssertionRequest>,
    ) -> Result<Response<issuer_pb::ExchangeAssertionResponse>, Status> {
        not_here()
    }
}

/// Gateway, nodes, and whoever stands in between.
pub(crate) struct Site {
    pub(crate) nodes: Nodes,
    /// In front of each node.
    pub(crate) between: Vec<Between>,
    session: String,
    channel: Channel,
    _stop: DropGuard,
    _folder: tempfile::TempDir,
}

impl Site {
    /// All up, everything passed on.
    pub(crate) async fn new() -> Self {
        let mut nodes = Nodes::new().await;
        let provider = TestProvider::new("https://idp.example", "wallets");
        nodes.user = UserId::derive(nodes.environment, "idp", "victim");
        let stop = CancellationToken::new();
        let serve = |name: &str, mount: Mount| {
            tokio::spawn(serve_memory(nodes.network.listen(name), mount, stop.clone()));
        };
        let mut between = Vec::new();
        for n in 0..NODES {
            let one = Between::new(nodes.node(n));
            serve(&before(n), Mount::new().service(MpcSignerServiceServer::new(one.clone())));
            between.push(one);
        }
        let issuer = Generous { receipts: nodes.issuer.clone(), clock: nodes.clock.clone() };
        serve("token-issuer", Mount::new().service(StepUpServiceServer::new(issuer)));

        let (database, folder) = testkit::database::<waas_gateway::Migrator>().await;
        let audit = Arc::new(MemoryAuditLog::new());
        let environments = Environments(Arc::new(environment(nodes.environment, &provider)));
        let gate = Gate::new(GateParts {
            sessions: Some(Sessions::new(Arc::new(environments), ProviderKeys::new(true).unwrap())),
            admins: None,
            audit: audit.clone(),
            clock: nodes.clock.clone(),
        });
        let gateway = waas_gateway::compose(Parts {
            database,
            audit,
            gate,
            clock: nodes.clock.clone(),
            entropy: nodes.entropy.clone(),
            issuer: nodes.network.channel("waas-gateway", "token-issuer"),
            directory: nodes.directory.clone(),
            nodes: (0..NODES)
                .map(|n| (node_id(n), nodes.network.channel("waas-gateway", &before(n))))
                .collect(),
        });
        serve("gateway", gateway.unwrap().public);
        Self {
            session: provider.session("victim", "session-1", nodes.clock.now()),
            channel: nodes.network.channel("victim", "gateway"),
            nodes,
            between,
            _stop: stop.drop_guard(),
            _folder: folder,
        }
    }

    fn wallets(&self) -> WalletServiceClient<Channel> {
        WalletServiceClient::new(self.channel.clone())
    }

    /// A fresh operation id.
    pub(crate) fn id(&self) -> OperationId {
        OperationId::random(self.nodes.entropy.as_ref())
    }

    /// Creates a wallet.
    pub(crate) async fn create(&self, id: OperationId) -> Result<Wallet, Refusal> {
        let request = CreateWalletRequest {
            parent: names::user(self.nodes.environment, self.nodes.user),
            key_type: KeyType::Ed25519.into(),
            operation_id: id.to_string(),
        };
        let answer = self.wallets().create_wallet(bearing(request, &self.session)).await.outcome()?;
        Ok(answer.into_inner().wallet.unwrap())
    }

    /// Has a message signed.
    pub(crate) async fn sign(
        &self,
        wallet: &Wallet,
        id: OperationId,
        message: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        let request = SignMessageRequest {
            name: wallet.name.clone(),
            operation_id: id.to_string(),
            share_generation: wallet.share_generation,
            message: message.to_vec(),
            receipt: String::new(),
        };
        let answer = self.wallets().sign_message(bearing(request, &self.session)).await.outcome()?;
        Ok(answer.into_inner().signature)
    }

    /// Has a key exported.
    pub(crate) async fn export(
        &self,
        wallet: &Wallet,
        id: OperationId,
        recipient_public_key: [u8; 32],
    ) -> Result<ExportWalletResponse, Refusal> {
        let request = ExportWalletRequest {
            name: wallet.name.clone(),
            operation_id: id.to_string(),
            share_generation: wallet.share_generation,
            recipient_public_key: recipient_public_key.to_vec(),
            receipt: String::new(),
        };
        let answer = self.wallets().export_wallet(bearing(request, &self.session)).await.outcome()?;
        Ok(answer.into_inner())
    }

    /// The export that [`Self::export`] asks for.
    pub(crate) fn exporting(
        &self,
        wallet: &Wallet,
        id: OperationId,
        recipient_public_key: [u8; 32],
    ) -> Operation {
        let body = Body::ExportWallet { wallet: on(wallet), recipient_public_key };
        Operation { environment: self.nodes.environment, user: self.nodes.user, id, body }
    }
}

/// The place on the network where somebody stands before a node.
fn before(n: usize) -> String {
    format!("before-{}", node_id(n))
}

fn environment(id: EnvironmentId, provider: &TestProvider) -> EnvironmentSettings {
    EnvironmentSettings {
        id,
        version: 1,
        providers: vec![Provider {
            id: "idp".to_owned(),
            issuer: provider.issuer.clone(),
            audience: provider.audience.clone(),
            algorithms: vec![jose::Algorithm::Es256],
            session_claim: "sid".to_owned(),
            keys: ProviderKeySource::Inline(Arc::new(provider.key_set())),
        }],
        enrolment_required: false,
        max_totp_devices: 3,
        max_passkeys: 5,
        totp: TotpParameters::default(),
        relying_party: None,
        tokens: TokenSettings::default(),
    }
}
