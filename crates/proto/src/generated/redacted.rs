// This file is generated: `Debug` without the fields marked `debug_redact`.
impl ::core::fmt::Debug for countersign::mfa_devices::v1::BeginPasskeyRegistrationRequest {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("BeginPasskeyRegistrationRequest");
        out.field("parent", &self.parent);
        out.field("display_name", &self.display_name);
        out.field("operation_id", &self.operation_id);
        out.field("receipt", &"[redacted]");
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::mfa_devices::v1::FinishPasskeyRegistrationRequest {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("FinishPasskeyRegistrationRequest");
        out.field("parent", &self.parent);
        out.field("ceremony_id", &self.ceremony_id);
        out.field("credential_json", &"[redacted]");
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::mfa_devices::v1::TotpAnswer {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("TotpAnswer");
        out.field("code", &"[redacted]");
        out.field("device", &self.device);
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::mfa_devices::v1::PasskeyAnswer {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("PasskeyAnswer");
        out.field("ceremony_id", &self.ceremony_id);
        out.field("credential_json", &"[redacted]");
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::mfa_devices::v1::RegenerateRecoveryCodesResponse {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("RegenerateRecoveryCodesResponse");
        out.field("recovery_code_set", &self.recovery_code_set);
        out.field("codes", &"[redacted]");
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::mfa_devices::v1::ShowRecoveryCodesResponse {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("ShowRecoveryCodesResponse");
        out.field("recovery_code_set", &self.recovery_code_set);
        out.field("codes", &"[redacted]");
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::mfa_devices::v1::RegisterTotpDeviceRequest {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("RegisterTotpDeviceRequest");
        out.field("parent", &self.parent);
        out.field("display_name", &self.display_name);
        out.field("operation_id", &self.operation_id);
        out.field("receipt", &"[redacted]");
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::mfa_devices::v1::RegisterTotpDeviceResponse {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("RegisterTotpDeviceResponse");
        out.field("device", &self.device);
        out.field("secret", &"[redacted]");
        out.field("otpauth_uri", &"[redacted]");
        out.field("qr_text", &"[redacted]");
        out.field("qr_svg", &"[redacted]");
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::mfa_devices::v1::ActivateTotpDeviceRequest {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("ActivateTotpDeviceRequest");
        out.field("name", &self.name);
        out.field("code", &"[redacted]");
        out.field("request_id", &self.request_id);
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::mfa_devices::v1::DeleteDeviceRequest {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("DeleteDeviceRequest");
        out.field("name", &self.name);
        out.field("operation_id", &self.operation_id);
        out.field("receipt", &"[redacted]");
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::mfa_devices::v1::VerifyTotpRequest {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("VerifyTotpRequest");
        out.field("user", &self.user);
        out.field("session_id", &self.session_id);
        out.field("device", &self.device);
        out.field("code", &"[redacted]");
        out.field("request_id", &self.request_id);
        out.field("purpose_digest", &self.purpose_digest);
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::mfa_devices::v1::VerifyPasskeyRequest {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("VerifyPasskeyRequest");
        out.field("user", &self.user);
        out.field("session_id", &self.session_id);
        out.field("ceremony_id", &self.ceremony_id);
        out.field("credential_json", &"[redacted]");
        out.field("request_id", &self.request_id);
        out.field("purpose_digest", &self.purpose_digest);
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::mfa_devices::v1::VerifyRecoveryCodeRequest {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("VerifyRecoveryCodeRequest");
        out.field("user", &self.user);
        out.field("session_id", &self.session_id);
        out.field("code", &"[redacted]");
        out.field("request_id", &self.request_id);
        out.field("purpose_digest", &self.purpose_digest);
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::mpc_signer::v1::StartKeygenRequest {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("StartKeygenRequest");
        out.field("receipt", &"[redacted]");
        out.field("operation", &self.operation);
        out.field("attempt_id", &self.attempt_id);
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::mpc_signer::v1::CommitRequest {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("CommitRequest");
        out.field("receipt", &"[redacted]");
        out.field("operation", &self.operation);
        out.field("attempt_id", &self.attempt_id);
        out.field("signer_node_ids", &self.signer_node_ids);
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::mpc_signer::v1::ExportShareRequest {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("ExportShareRequest");
        out.field("receipt", &"[redacted]");
        out.field("operation", &self.operation);
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::token_issuer::v1::AuthenticateTotpRequest {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("AuthenticateTotpRequest");
        out.field("user", &self.user);
        out.field("code", &"[redacted]");
        out.field("device", &self.device);
        out.field("requested_scopes", &self.requested_scopes);
        out.field("operation", &self.operation);
        out.field("request_id", &self.request_id);
        out.field("wallet", &self.wallet);
        out.field("operations", &self.operations);
        out.field("create_mfa_token", &self.create_mfa_token);
        out.field("sender_proof", &"[redacted]");
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::token_issuer::v1::BeginPasskeyAuthenticationRequest {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("BeginPasskeyAuthenticationRequest");
        out.field("user", &self.user);
        out.field("requested_scopes", &self.requested_scopes);
        out.field("operation", &self.operation);
        out.field("wallet", &self.wallet);
        out.field("operations", &self.operations);
        out.field("create_mfa_token", &self.create_mfa_token);
        out.field("sender_proof", &"[redacted]");
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::token_issuer::v1::AuthenticatePasskeyRequest {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("AuthenticatePasskeyRequest");
        out.field("user", &self.user);
        out.field("ceremony_id", &self.ceremony_id);
        out.field("credential_json", &"[redacted]");
        out.field("requested_scopes", &self.requested_scopes);
        out.field("operation", &self.operation);
        out.field("request_id", &self.request_id);
        out.field("wallet", &self.wallet);
        out.field("operations", &self.operations);
        out.field("create_mfa_token", &self.create_mfa_token);
        out.field("sender_proof", &"[redacted]");
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::token_issuer::v1::AuthenticateRecoveryCodeRequest {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("AuthenticateRecoveryCodeRequest");
        out.field("user", &self.user);
        out.field("code", &"[redacted]");
        out.field("requested_scopes", &self.requested_scopes);
        out.field("operation", &self.operation);
        out.field("request_id", &self.request_id);
        out.field("wallet", &self.wallet);
        out.field("operations", &self.operations);
        out.field("create_mfa_token", &self.create_mfa_token);
        out.field("sender_proof", &"[redacted]");
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::token_issuer::v1::ElevatedToken {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("ElevatedToken");
        out.field("token", &"[redacted]");
        out.field("token_id", &self.token_id);
        out.field("expire_time", &self.expire_time);
        out.field("scopes", &self.scopes);
        out.field("token_behavior", &self.token_behavior);
        out.field("acr", &self.acr);
        out.field("device", &self.device);
        out.field("operation_digest", &self.operation_digest);
        out.field("wallet", &self.wallet);
        out.field("batch", &self.batch);
        out.field("sender_key_thumbprint", &self.sender_key_thumbprint);
        out.field("assertion_issuer", &self.assertion_issuer);
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::token_issuer::v1::MfaToken {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("MfaToken");
        out.field("token", &"[redacted]");
        out.field("token_id", &self.token_id);
        out.field("expire_time", &self.expire_time);
        out.field("token_behavior", &self.token_behavior);
        out.field("acr", &self.acr);
        out.field("device", &self.device);
        out.field("sender_key_thumbprint", &self.sender_key_thumbprint);
        out.field("warnings", &self.warnings);
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::token_issuer::v1::ExchangeAssertionRequest {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("ExchangeAssertionRequest");
        out.field("user", &self.user);
        out.field("assertion", &"[redacted]");
        out.field("requested_scopes", &self.requested_scopes);
        out.field("operation", &self.operation);
        out.field("wallet", &self.wallet);
        out.field("sender_proof", &"[redacted]");
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::token_issuer::v1::AuthorizeOperationRequest {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("AuthorizeOperationRequest");
        out.field("operation", &self.operation);
        out.field("elevated_token", &"[redacted]");
        out.field("batch_leaf", &self.batch_leaf);
        out.field("mfa_token", &"[redacted]");
        out.field("sender_proof", &"[redacted]");
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::token_issuer::v1::AuthorizeOperationResponse {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("AuthorizeOperationResponse");
        out.field("receipt", &"[redacted]");
        out.field("expire_time", &self.expire_time);
        out.field("operation_digest", &self.operation_digest);
        out.field("token_redeemed", &self.token_redeemed);
        out.field("policy_version", &self.policy_version);
        out.field("warnings", &self.warnings);
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::token_issuer::v1::IntrospectTokenRequest {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("IntrospectTokenRequest");
        out.field("user", &self.user);
        out.field("token", &"[redacted]");
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::token_issuer::v1::RevokeTokensRequest {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("RevokeTokensRequest");
        out.field("user", &self.user);
        out.field("token", &"[redacted]");
        out.field("token_id", &self.token_id);
        out.field("device", &self.device);
        out.field("session_id", &self.session_id);
        out.field("all", &self.all);
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::waas_gateway::v1::SignMessageRequest {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("SignMessageRequest");
        out.field("name", &self.name);
        out.field("operation_id", &self.operation_id);
        out.field("share_generation", &self.share_generation);
        out.field("message", &self.message);
        out.field("receipt", &"[redacted]");
        out.finish()
    }
}
impl ::core::fmt::Debug for countersign::waas_gateway::v1::ExportWalletRequest {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        let mut out = f.debug_struct("ExportWalletRequest");
        out.field("name", &self.name);
        out.field("operation_id", &self.operation_id);
        out.field("share_generation", &self.share_generation);
        out.field("recipient_public_key", &self.recipient_public_key);
        out.field("receipt", &"[redacted]");
        out.finish()
    }
}
