//! The token issuer over gRPC.

use std::time::Duration;

use async_trait::async_trait;
use kernel::{Error, Result, SecretText};
use operation::CheckedOperation;
use proto::convert;
use proto::token_issuer::AuthorizeOperationRequest;
use proto::token_issuer::step_up_service_client::StepUpServiceClient;
use runtime::{limits, peer};
use tonic::transport::Channel;

use super::answer;
use crate::ports::Issuer;

/// How long the issuer may take; it asks others itself.
const DEADLINE: Duration = Duration::from_secs(5);

/// The issuer's `StepUpService`.
#[derive(Clone, Debug)]
pub(crate) struct IssuerPeer {
    client: StepUpServiceClient<Channel>,
}

impl IssuerPeer {
    /// Over a channel to its peer listener.
    pub(crate) fn new(channel: Channel) -> Self {
        let client = StepUpServiceClient::new(channel).max_decoding_message_size(limits::MAX_RESPONSE_BYTES);
        Self { client }
    }
}

#[async_trait]
impl Issuer for IssuerPeer {
    async fn authorize(&self, bearer: &SecretText, operation: &CheckedOperation) -> Result<SecretText> {
        let message = AuthorizeOperationRequest {
            operation: Some(convert::operation_value(operation.operation())),
            // The gateway never has one.
            elevated_token: String::new(),
            ..Default::default()
        };
        let request = peer::on_behalf_of(peer::request(message, DEADLINE), bearer)?;
        let mut client = self.client.clone();
        let authorized = answer(DEADLINE, client.authorize_operation(request)).await?;
        if authorized.operation_digest != operation.digest().as_bytes() {
            return Err(Error::internal(
                "the issuer computes another digest of the operation than the gateway",
            ));
        }
        Ok(SecretText::from(authorized.receipt))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use kernel::Reason;
    use proto::token_issuer as pb;
    use proto::token_issuer::step_up_service_server::{StepUpService, StepUpServiceServer};
    use runtime::Mount;
    use runtime::memory::MemoryNetwork;
    use runtime::server::serve_memory;
    use runtime::status::to_status;
    use tokio_util::sync::CancellationToken;
    use tonic::{Request, Response, Status};

    use super::*;
    use crate::domain::fixtures::{creation, directory, export, statement};
    use crate::tests::world::step_up_required;

    /// Answers as it was told, and keeps what it was asked.
    #[derive(Clone)]
    struct Canned {
        answer: Arc<dyn Fn() -> Result<pb::AuthorizeOperationResponse> + Send + Sync>,
        asked: Arc<Mutex<Vec<(String, pb::AuthorizeOperationRequest)>>>,
    }

    fn nothing<T>() -> Result<Response<T>, Status> {
        Err(to_status(&Error::internal("is not asked for")))
    }

    #[async_trait]
    impl StepUpService for Canned {
        async fn get_session(
            &self,
            _: Request<pb::GetSessionRequest>,
        ) -> Result<Response<pb::GetSessionResponse>, Status> {
            nothing()
        }

        async fn check_step_up(
            &self,
            _: Request<pb::CheckStepUpRequest>,
        ) -> Result<Response<pb::CheckStepUpResponse>, Status> {
            nothing()
        }

        async fn authenticate_totp(
            &self,
            _: Request<pb::AuthenticateTotpRequest>,
        ) -> Result<Response<pb::AuthenticateTotpResponse>, Status> {
            nothing()
        }

        async fn begin_passkey_authentication(
            &self,
            _: Request<pb::BeginPasskeyAuthenticationRequest>,
        ) -> Result<Response<pb::BeginPasskeyAuthenticationResponse>, Status> {
            nothing()
        }

        async fn authenticate_passkey(
            &self,
            _: Request<pb::AuthenticatePasskeyRequest>,
        ) -> Result<Response<pb::AuthenticatePasskeyResponse>, Status> {
            nothing()
        }

        async fn authenticate_recovery_code(
            &self,
            _: Request<pb::AuthenticateRecoveryCodeRequest>,
        ) -> Result<Response<pb::AuthenticateRecoveryCodeResponse>, Status> {
            nothing()
        }

        async fn exchange_assertion(
            &self,
            _: Request<pb::ExchangeAssertionRequest>,
        ) -> Result<Response<pb::ExchangeAssertionResponse>, Status> {
            nothing()
        }

        async fn authorize_operation(
            &self,
            request: Request<pb::AuthorizeOperationRequest>,
        ) -> Result<Response<pb::AuthorizeOperationResponse>, Status> {
            let bearer = request.metadata().get("authorization").unwrap().to_str().unwrap().to_owned();
            self.asked.lock().unwrap().push((bearer, request.into_inner()));
            (self.answer)().map(Response::new).map_err(|error| to_status(&error))
        }
    }

    fn operation() -> CheckedOperation {
        export(&statement(&directory(2, 3), &creation()), 1)
    }

    fn receipt(digest: &[u8]) -> pb::AuthorizeOperationResponse {
        pb::AuthorizeOperationResponse {
            receipt: "a.b.c".to_owned(),
            operation_digest: digest.to_vec(),
            ..Default::default()
        }
    }

    /// What the gateway makes of what the issuer answers, and what the issuer was asked.
    async fn authorize(
        answer: impl Fn() -> Result<pb::AuthorizeOperationResponse> + Send + Sync + 'static,
    ) -> (Result<SecretText>, (String, pb::AuthorizeOperationRequest)) {
        let issuer = Canned { answer: Arc::new(answer), asked: Arc::default() };
        let (network, stop) = (MemoryNetwork::default(), CancellationToken::new());
        let mount = Mount::new().service(StepUpServiceServer::new(issuer.clone()));
        tokio::spawn(serve_memory(network.listen("token-issuer"), mount, stop.clone()));
        let peer = IssuerPeer::new(network.channel("waas-gateway", "token-issuer"));
        let authorized = peer.authorize(&SecretText::from("session".to_owned()), &operation()).await;
        stop.cancel();
        let asked = issuer.asked.lock().unwrap().remove(0);
        (authorized, asked)
    }

    #[tokio::test]
    async fn the_issuer_is_asked_on_behalf_of_the_user_for_the_whole_operation_without_a_token() {
        use kernel::secret::ExposeSecret;

        let (authorized, (bearer, asked)) = authorize(|| Ok(receipt(operation().digest().as_bytes()))).await;
        assert_eq!(authorized.unwrap().expose_secret(), "a.b.c");
        assert_eq!(bearer, "Bearer session");
        assert_eq!(asked.operation, Some(convert::operation_value(operation().operation())));
        assert_eq!(asked.elevated_token, "");
    }

    #[tokio::test]
    async fn a_refusal_comes_back_whole() {
        fn like(reason: Reason) -> Error {
            let demand = step_up_required();
            let metadata = demand.metadata().iter();
            metadata.fold(Error::new(reason, "no"), |error, (key, value)| error.with(key, value))
        }
        let refusals: [fn() -> Error; 4] = [
            step_up_required,
            || like(Reason::EnrolmentRequired),
            || like(Reason::FactorOnHold).retry_after(Duration::from_secs(3_600)),
            || like(Reason::ReauthenticationRequired).with("reauthentication_seconds", "600"),
        ];
        for refusal in refusals {
            let (authorized, _) = authorize(move || Err(refusal())).await;
            let (error, sent) = (authorized.unwrap_err(), refusal());
            assert_eq!((error.reason(), error.message()), (sent.reason(), sent.message()));
            assert_eq!(error.metadata(), sent.metadata());
            assert_eq!(error.retry_delay(), sent.retry_delay());
        }
    }

    #[tokio::test]
    async fn a_receipt_for_another_digest_is_not_carried() {
        for digest in [&[7; 32][..], &[]] {
            let (authorized, _) = authorize(move || Ok(receipt(digest))).await;
            assert_eq!(authorized.unwrap_err().reason(), Reason::Internal);
        }
    }

    #[tokio::test]
    async fn an_issuer_that_is_away_authorizes_nothing() {
        let peer = IssuerPeer::new(MemoryNetwork::default().channel("waas-gateway", "token-issuer"));
        let authorized = peer.authorize(&SecretText::from("session".to_owned()), &operation()).await;
        assert_eq!(authorized.unwrap_err().reason(), Reason::DependencyUnavailable);
    }
}
