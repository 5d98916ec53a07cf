//! The calls around recovery codes.

use kernel::{Error, Result};
use proto::mfa_devices::{
    AcknowledgeRecoveryCodesRequest, FreshProof, GetRecoveryCodeSetRequest, RecoveryCodeSet,
    RegenerateRecoveryCodesRequest, ShowRecoveryCodesRequest,
};
use proto::names;

use super::{UserClient, answer};

/// Recovery codes in the clear, as they are shown to their owner. Not printable by accident.
pub(crate) struct ShownCodes {
    /// Their state.
    pub(crate) set: RecoveryCodeSet,
    /// The codes.
    pub(crate) codes: Vec<String>,
}

fn set(found: Option<RecoveryCodeSet>) -> Result<RecoveryCodeSet> {
    found.ok_or_else(|| Error::internal("mfa-devices answered without recovery codes"))
}

impl UserClient {
    fn recovery_code_set(&self) -> String {
        names::recovery_code_set(self.environment, self.user)
    }

    /// Makes recovery codes. Without a proof, for the one that the session made a moment ago.
    pub(crate) async fn make_recovery_codes(&self, proof: Option<FreshProof>) -> Result<ShownCodes> {
        let request = RegenerateRecoveryCodesRequest { name: self.recovery_code_set(), proof };
        let made = answer(self.devices().regenerate_recovery_codes(self.request(request)?).await)?;
        Ok(ShownCodes { set: set(made.recovery_code_set)?, codes: made.codes })
    }

    /// Has the codes shown again.
    pub(crate) async fn show_recovery_codes(&self, proof: Option<FreshProof>) -> Result<ShownCodes> {
        let request = ShowRecoveryCodesRequest { name: self.recovery_code_set(), proof };
        let shown = answer(self.devices().show_recovery_codes(self.request(request)?).await)?;
        Ok(ShownCodes { set: set(shown.recovery_code_set)?, codes: shown.codes })
    }

    /// How many codes are left.
    pub(crate) async fn recovery_codes(&self) -> Result<RecoveryCodeSet> {
        let request = GetRecoveryCodeSetRequest { name: self.recovery_code_set() };
        set(answer(self.devices().get_recovery_code_set(self.request(request)?).await)?.recovery_code_set)
    }

    /// Says that the codes are kept.
    pub(crate) async fn acknowledge_recovery_codes(&self) -> Result<RecoveryCodeSet> {
        let request = AcknowledgeRecoveryCodesRequest { name: self.recovery_code_set() };
        let answered = self.devices().acknowledge_recovery_codes(self.request(request)?).await;
        set(answer(answered)?.recovery_code_set)
    }
}
