//! A user's recovery codes.

use operation::Operation;
use proto::convert;
use proto::mfa_devices::{
    AcknowledgeRecoveryCodesRequest, FreshProof, GetRecoveryCodeSetRequest, RecoveryCodeSet,
    RegenerateRecoveryCodesRequest, RegenerateRecoveryCodesResponse, ShowRecoveryCodesRequest,
    ShowRecoveryCodesResponse, TotpAnswer, fresh_proof,
};
use proto::token_issuer::{AuthenticateRecoveryCodeRequest, AuthenticateRecoveryCodeResponse};
use tonic::Status;

use super::answer::Done as _;
use super::fresh;
use super::secrets::secret;
use super::user::{Answer, User};

/// A proof by a TOTP code.
pub(crate) fn by_code(code: &str) -> Option<FreshProof> {
    let answer = TotpAnswer { code: code.to_owned(), device: String::new() };
    Some(FreshProof { proof: Some(fresh_proof::Proof::Totp(answer)) })
}

impl User {
    fn code_set(&self) -> String {
        format!("{}/recoveryCodeSet", self.name())
    }

    /// Makes codes, for a proof or for what the session proved a moment ago.
    pub(crate) async fn make_codes(
        &self,
        proof: Option<FreshProof>,
    ) -> Answer<RegenerateRecoveryCodesResponse> {
        let request = RegenerateRecoveryCodesRequest { name: self.code_set(), proof };
        let answer = self.devices().regenerate_recovery_codes(self.request(request)).await?;
        answer.get_ref().codes.iter().for_each(|code| drop(secret(code)));
        Ok(answer)
    }

    /// Asks for the codes once more.
    pub(crate) async fn show_codes(&self, proof: Option<FreshProof>) -> Answer<ShowRecoveryCodesResponse> {
        let request = ShowRecoveryCodesRequest { name: self.code_set(), proof };
        self.devices().show_recovery_codes(self.request(request)).await
    }

    /// Says that the codes are kept.
    pub(crate) async fn keep_codes(&self) -> RecoveryCodeSet {
        let request = AcknowledgeRecoveryCodesRequest { name: self.code_set() };
        let answer = self.devices().acknowledge_recovery_codes(self.request(request)).await;
        answer.done().recovery_code_set.unwrap()
    }

    /// The codes' state.
    pub(crate) async fn codes(&self) -> Result<RecoveryCodeSet, Status> {
        let request = GetRecoveryCodeSetRequest { name: self.code_set() };
        let answer = self.devices().get_recovery_code_set(self.request(request)).await?;
        Ok(answer.into_inner().recovery_code_set.unwrap())
    }

    /// Brings a recovery code, for exactly one operation.
    pub(crate) async fn recover(
        &self,
        code: &str,
        operation: &Operation,
        request_id: &str,
    ) -> Answer<AuthenticateRecoveryCodeResponse> {
        let request = AuthenticateRecoveryCodeRequest {
            user: self.name(),
            code: code.to_owned(),
            requested_scopes: Vec::new(),
            operation: Some(convert::operation_value(operation)),
            request_id: request_id.to_owned(),
            ..Default::default()
        };
        let answer = self.step_up().authenticate_recovery_code(self.request(request)).await?;
        secret(&answer.get_ref().elevated_token.as_ref().unwrap().token);
        Ok(answer)
    }

    /// Brings a recovery code under a new request id.
    pub(crate) async fn recover_anew(
        &self,
        code: &str,
        operation: &Operation,
    ) -> Answer<AuthenticateRecoveryCodeResponse> {
        self.recover(code, operation, &fresh::request_id()).await
    }
}
