//! Every method that the suite's public listener has, each with a message that is right in form. A test compares the
//! catalogue with the protocol's descriptors, so that a new method cannot be forgotten.

use kernel::EnvironmentId;
use operation::{Body, KeyType as OperationKey, Operation};
use prost::Message as _;
use proto::{convert, mfa_devices, mpc_signer, names, policy, token_issuer, types, waas_gateway};

use super::fresh;
use super::raw::Rpc;

/// What a call is about.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) environment: EnvironmentId,
    /// `me` or an id.
    pub(crate) user: String,
    /// A device's id.
    pub(crate) device: String,
    /// A wallet's id.
    pub(crate) wallet: String,
}

impl About {
    /// Things that there are not, of the caller.
    pub(crate) fn nothing(environment: EnvironmentId) -> Self {
        Self { environment, user: "me".to_owned(), device: fresh::uuid(), wallet: fresh::uuid() }
    }

    fn parent(&self) -> String {
        names::environment(self.environment)
    }

    fn owner(&self) -> String {
        format!("{}/users/{}", self.parent(), self.user)
    }

    /// Somebody, as administrators name users: they have no `me`.
    fn somebody(&self) -> String {
        let user = if self.user == "me" { fresh::uuid() } else { self.user.clone() };
        format!("{}/users/{user}", self.parent())
    }

    pub(crate) fn device_name(&self) -> String {
        format!("{}/devices/{}", self.owner(), self.device)
    }

    pub(crate) fn wallet_name(&self) -> String {
        format!("{}/wallets/{}", self.owner(), self.wallet)
    }

    fn code_set(&self) -> String {
        format!("{}/recoveryCodeSet", self.owner())
    }

    /// Any operation, of the user meant.
    pub(crate) fn operation(&self) -> types::Operation {
        let user = fresh::uuid().parse().unwrap();
        let body = Body::CreateWallet { key_type: OperationKey::Ed25519 };
        let id = fresh::operation_id();
        let operation = Operation { environment: self.environment, user, id, body };
        types::Operation { user: self.owner(), ..convert::operation_value(&operation) }
    }
}

/// The methods for users.
pub(crate) fn of_users(about: &About) -> Vec<Rpc> {
    vec![
        Rpc::new(
            "countersign.token_issuer.v1.StepUpService/GetSession",
            &token_issuer::GetSessionRequest { parent: about.parent() },
        ),
        Rpc::new(
            "countersign.token_issuer.v1.StepUpService/CheckStepUp",
            &token_issuer::CheckStepUpRequest {
                user: about.owner(),
                scope: "wallet:sign".to_owned(),
                ..Default::default()
            },
        ),
        Rpc::new(
            "countersign.token_issuer.v1.StepUpService/AuthenticateTotp",
            &token_issuer::AuthenticateTotpRequest {
                user: about.owner(),
                code: "000000".to_owned(),
                requested_scopes: vec!["wallet:sign".to_owned()],
                request_id: fresh::request_id(),
                ..Default::default()
            },
        ),
        Rpc::new(
            "countersign.token_issuer.v1.StepUpService/BeginPasskeyAuthentication",
            &token_issuer::BeginPasskeyAuthenticationRequest {
                user: about.owner(),
                requested_scopes: vec!["wallet:sign".to_owned()],
                ..Default::default()
            },
        ),
        Rpc::new(
            "countersign.token_issuer.v1.StepUpService/AuthenticatePasskey",
            &token_issuer::AuthenticatePasskeyRequest {
                user: about.owner(),
                ceremony_id: fresh::uuid(),
                credential_json: "{}".to_owned(),
                requested_scopes: vec!["wallet:sign".to_owned()],
                request_id: fresh::request_id(),
                ..Default::default()
            },
        ),
        Rpc::new(
            "countersign.token_issuer.v1.StepUpService/AuthenticateRecoveryCode",
            &token_issuer::AuthenticateRecoveryCodeRequest {
                user: about.owner(),
                code: "AAAA-AAAA-AAAA-AAAA-AAAA-AAAA".to_owned(),
                requested_scopes: vec!["wallet:sign".to_owned()],
                request_id: fresh::request_id(),
                ..Default::default()
            },
        ),
        Rpc::new(
            "countersign.token_issuer.v1.StepUpService/ExchangeAssertion",
            &token_issuer::ExchangeAssertionRequest {
                user: about.owner(),
                assertion: "a.b.c".to_owned(),
                requested_scopes: vec!["wallet:sign".to_owned()],
                ..Default::default()
            },
        ),
        Rpc::new(
            "countersign.token_issuer.v1.StepUpService/AuthorizeOperation",
            &token_issuer::AuthorizeOperationRequest {
                operation: Some(about.operation()),
                elevated_token: String::new(),
                ..Default::default()
            },
        ),
        Rpc::new(
            "countersign.token_issuer.v1.TokenService/IntrospectToken",
            &token_issuer::IntrospectTokenRequest { user: about.owner(), token: "a.b.c".to_owned() },
        ),
        Rpc::new(
            "countersign.token_issuer.v1.TokenService/RevokeTokens",
            &token_issuer::RevokeTokensRequest {
                user: about.owner(),
                token_id: fresh::uuid(),
                ..Default::default()
            },
        ),
        Rpc::new(
            "countersign.mfa_devices.v1.DeviceService/RegisterTotpDevice",
            &mfa_devices::RegisterTotpDeviceRequest { parent: about.owner(), ..Default::default() },
        ),
        Rpc::new(
            "countersign.mfa_devices.v1.DeviceService/ActivateTotpDevice",
            &mfa_devices::ActivateTotpDeviceRequest {
                name: about.device_name(),
                code: "000000".to_owned(),
                request_id: fresh::request_id(),
            },
        ),
        Rpc::new(
            "countersign.mfa_devices.v1.DeviceService/BeginPasskeyRegistration",
            &mfa_devices::BeginPasskeyRegistrationRequest { parent: about.owner(), ..Default::default() },
        ),
        Rpc::new(
            "countersign.mfa_devices.v1.DeviceService/FinishPasskeyRegistration",
            &mfa_devices::FinishPasskeyRegistrationRequest {
                parent: about.owner(),
                ceremony_id: fresh::uuid(),
                credential_json: "{}".to_owned(),
            },
        ),
        Rpc::new(
            "countersign.mfa_devices.v1.DeviceService/BeginPasskeyProof",
            &mfa_devices::BeginPasskeyProofRequest { parent: about.owner() },
        ),
        Rpc::new(
            "countersign.mfa_devices.v1.DeviceService/GetRecoveryCodeSet",
            &mfa_devices::GetRecoveryCodeSetRequest { name: about.code_set() },
        ),
        Rpc::new(
            "countersign.mfa_devices.v1.DeviceService/RegenerateRecoveryCodes",
            &mfa_devices::RegenerateRecoveryCodesRequest { name: about.code_set(), proof: None },
        ),
        Rpc::new(
            "countersign.mfa_devices.v1.DeviceService/ShowRecoveryCodes",
            &mfa_devices::ShowRecoveryCodesRequest { name: about.code_set(), proof: None },
        ),
        Rpc::new(
            "countersign.mfa_devices.v1.DeviceService/AcknowledgeRecoveryCodes",
            &mfa_devices::AcknowledgeRecoveryCodesRequest { name: about.code_set() },
        ),
        Rpc::new(
            "countersign.mfa_devices.v1.DeviceService/ListDevices",
            &mfa_devices::ListDevicesRequest { parent: about.owner(), ..Default::default() },
        ),
        Rpc::new(
            "countersign.mfa_devices.v1.DeviceService/GetDevice",
            &mfa_devices::GetDeviceRequest { name: about.device_name() },
        ),
        Rpc::new(
            "countersign.mfa_devices.v1.DeviceService/UpdateDevice",
            &mfa_devices::UpdateDeviceRequest {
                device: Some(mfa_devices::Device { name: about.device_name(), ..Default::default() }),
                update_mask: Some(prost_types::FieldMask { paths: vec!["display_name".to_owned()] }),
            },
        ),
        Rpc::new(
            "countersign.mfa_devices.v1.DeviceService/SetDefaultDevice",
            &mfa_devices::SetDefaultDeviceRequest { name: about.device_name() },
        ),
        Rpc::new(
            "countersign.mfa_devices.v1.DeviceService/DeleteDevice",
            &mfa_devices::DeleteDeviceRequest { name: about.device_name(), ..Default::default() },
        ),
        Rpc::new(
            "countersign.waas_gateway.v1.WalletService/CreateWallet",
            &waas_gateway::CreateWalletRequest {
                parent: about.owner(),
                key_type: types::KeyType::Ed25519.into(),
                operation_id: fresh::uuid(),
            },
        ),
        Rpc::new(
            "countersign.waas_gateway.v1.WalletService/GetWallet",
            &waas_gateway::GetWalletRequest { name: about.wallet_name() },
        ),
        Rpc::new(
            "countersign.waas_gateway.v1.WalletService/ListWallets",
            &waas_gateway::ListWalletsRequest { parent: about.owner(), ..Default::default() },
        ),
        Rpc::new(
            "countersign.waas_gateway.v1.WalletService/SignMessage",
            &waas_gateway::SignMessageRequest {
                name: about.wallet_name(),
                operation_id: fresh::uuid(),
                share_generation: 1,
                message: b"hello".to_vec(),
                receipt: String::new(),
            },
        ),
        Rpc::new(
            "countersign.waas_gateway.v1.WalletService/ExportWallet",
            &waas_gateway::ExportWalletRequest {
                name: about.wallet_name(),
                operation_id: fresh::uuid(),
                share_generation: 1,
                recipient_public_key: super::exports::recipient().public().to_vec(),
                receipt: String::new(),
            },
        ),
    ]
}

/// The methods for administrators, on the listener that users connect to.
pub(crate) fn of_administrators(about: &About) -> Vec<Rpc> {
    let environment = policy::Environment {
        name: about.parent(),
        etag: "\"0\"".to_owned(),
        display_name: "renamed".to_owned(),
        ..Default::default()
    };
    vec![
        Rpc::new(
            "countersign.policy.v1.PolicyAdminService/CreateEnvironment",
            &policy::CreateEnvironmentRequest {
                environment: Some(policy::Environment::default()),
                validate_only: true,
                ..Default::default()
            },
        ),
        Rpc::new(
            "countersign.policy.v1.PolicyAdminService/GetEnvironment",
            &policy::GetEnvironmentRequest { name: about.parent(), version: 0 },
        ),
        Rpc::new(
            "countersign.policy.v1.PolicyAdminService/ListEnvironments",
            &policy::ListEnvironmentsRequest::default(),
        ),
        Rpc::new(
            "countersign.policy.v1.PolicyAdminService/UpdateEnvironment",
            &policy::UpdateEnvironmentRequest {
                environment: Some(environment),
                update_mask: Some(prost_types::FieldMask { paths: vec!["display_name".to_owned()] }),
                validate_only: true,
            },
        ),
        Rpc::new(
            "countersign.mfa_devices.v1.MfaDevicesAdminService/GetUserFactors",
            &mfa_devices::GetUserFactorsRequest { name: about.somebody() },
        ),
        Rpc::new(
            "countersign.mfa_devices.v1.MfaDevicesAdminService/ResetUser",
            &mfa_devices::ResetUserRequest { name: about.somebody(), forget_ever_verified: false },
        ),
        Rpc::new(
            "countersign.mfa_devices.v1.MfaDevicesAdminService/ClearFactorThrottle",
            &mfa_devices::ClearFactorThrottleRequest {
                name: about.somebody(),
                kind: types::FactorKind::Totp.into(),
            },
        ),
        Rpc::new(
            "countersign.mfa_devices.v1.MfaDevicesAdminService/GetPasskeyEvidence",
            &mfa_devices::GetPasskeyEvidenceRequest {
                name: format!("{}/proofs/{}", about.somebody(), fresh::uuid()),
            },
        ),
        Rpc::new(
            "countersign.mfa_devices.v1.MfaDevicesAdminService/ListFactorEvents",
            &mfa_devices::ListFactorEventsRequest { parent: about.parent(), ..Default::default() },
        ),
        Rpc::new(
            "countersign.mfa_devices.v1.MfaDevicesAdminService/AcknowledgeFactorEvents",
            &mfa_devices::AcknowledgeFactorEventsRequest { parent: about.parent(), sequences: vec![1] },
        ),
        Rpc::new(
            "countersign.token_issuer.v1.TokenIssuerAdminService/RevokeUserTokens",
            &token_issuer::RevokeUserTokensRequest {
                user: about.somebody(),
                token_id: fresh::uuid(),
                ..Default::default()
            },
        ),
        Rpc::new(
            "countersign.token_issuer.v1.TokenIssuerAdminService/ListSigningKeys",
            &token_issuer::ListSigningKeysRequest {},
        ),
        // Right in form would make a key.
        Rpc::new(
            "countersign.token_issuer.v1.TokenIssuerAdminService/PrepareSigningKey",
            &token_issuer::PrepareSigningKeyRequest::default(),
        ),
        Rpc::new(
            "countersign.token_issuer.v1.TokenIssuerAdminService/ActivateSigningKey",
            &token_issuer::ActivateSigningKeyRequest { key_id: "nobody".to_owned(), ..Default::default() },
        ),
        Rpc::new(
            "countersign.token_issuer.v1.TokenIssuerAdminService/RetireSigningKey",
            &token_issuer::RetireSigningKeyRequest { key_id: "nobody".to_owned() },
        ),
        Rpc::new(
            "countersign.token_issuer.v1.TokenIssuerAdminService/RevokeSigningKey",
            &token_issuer::RevokeSigningKeyRequest { key_id: "nobody".to_owned() },
        ),
        audit_trail("countersign.policy.v1.PolicyAdminService/ListAuditEvents", about),
        audit_trail("countersign.mfa_devices.v1.MfaDevicesAdminService/ListAuditEvents", about),
        audit_trail("countersign.token_issuer.v1.TokenIssuerAdminService/ListAuditEvents", about),
        audit_trail("countersign.waas_gateway.v1.WaasGatewayAdminService/ListAuditEvents", about),
    ]
}

/// The message is the same in every package.
fn audit_trail(method: &'static str, about: &About) -> Rpc {
    let message = policy::ListAuditEventsRequest { parent: about.parent(), ..Default::default() };
    Rpc { method, body: message.encode_to_vec().into() }
}

/// The methods that need no credentials.
pub(crate) fn of_everybody() -> Vec<Rpc> {
    vec![Rpc::new(
        "countersign.token_issuer.v1.TokenService/GetJsonWebKeySet",
        &token_issuer::GetJsonWebKeySetRequest {},
    )]
}

/// The methods for the services among themselves, which the public listener must not have, with empty messages.
pub(crate) fn of_peers() -> Vec<Rpc> {
    let empty = mpc_signer::GetNodeRequest {};
    [
        "countersign.policy.v1.PolicyService/ReadSettings",
        "countersign.policy.v1.PolicyService/Decide",
        "countersign.mfa_devices.v1.FactorService/GetFactorFacts",
        "countersign.mfa_devices.v1.FactorService/VerifyTotp",
        "countersign.mfa_devices.v1.FactorService/BeginPasskeyAuthentication",
        "countersign.mfa_devices.v1.FactorService/VerifyPasskey",
        "countersign.mfa_devices.v1.FactorService/VerifyRecoveryCode",
        "countersign.mpc_signer.v1.MpcSignerService/GetNode",
        "countersign.mpc_signer.v1.MpcSignerService/GetWallet",
        "countersign.mpc_signer.v1.MpcSignerService/StartKeygen",
        "countersign.mpc_signer.v1.MpcSignerService/ContinueKeygen",
        "countersign.mpc_signer.v1.MpcSignerService/FinishKeygen",
        "countersign.mpc_signer.v1.MpcSignerService/ActivateWallet",
        "countersign.mpc_signer.v1.MpcSignerService/Commit",
        "countersign.mpc_signer.v1.MpcSignerService/SignShare",
        "countersign.mpc_signer.v1.MpcSignerService/RecordSignature",
        "countersign.mpc_signer.v1.MpcSignerService/ExportShare",
    ]
    .map(|method| Rpc::new(method, &empty))
    .into()
}
