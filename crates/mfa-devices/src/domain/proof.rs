//! What a right code leaves behind, so that a retry of the same call gets the same answer.

use std::time::Duration;

use kernel::{
    CeremonyId, DeviceId, Error, FactorKind, ProofId, Reason, RequestId, Result, SessionId, Timestamp,
};
use sha2::{Digest, Sha256};

/// How long a request id stands for its first answer.
pub(crate) const RETRY: Duration = Duration::from_secs(10 * 60);

/// One try of a caller to prove something. What fails leaves nothing behind: its request id is free again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// Chosen by the client.
    pub(crate) request: RequestId,
    /// The session it is made in.
    pub(crate) session: SessionId,
    /// SHA-256 over everything the proof is to be good for.
    pub(crate) purpose: [u8; 32],
}

/// What knows a right answer again, and does not tell it. Of a TOTP code an HMAC-SHA-256 under the seed it fitted, from
/// [`super::Seed::mac`]; of an authenticator's answer, which cannot be guessed, a SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AnswerMac(pub(crate) [u8; 32]);

/// How long a proof that was made for the recovery codes is good for them (design: at most five minutes).
pub(crate) const GRANT_LIFE: Duration = Duration::from_secs(5 * 60);

/// A right answer came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// Names it; random.
    pub(crate) id: ProofId,
    /// The device that gave it.
    pub(crate) device: DeviceId,
    /// The kind of the device.
    pub(crate) kind: FactorKind,
    /// When.
    pub(crate) at: Timestamp,
    /// The try it answered.
    pub(crate) attempt: Attempt,
    /// Which answer it was: a retry brings the same.
    pub(crate) answer: AnswerMac,
    /// Whether it is good, once and for [`GRANT_LIFE`], for the recovery codes of its session. A proof that pays for a
    /// token is not.
    pub(crate) grant: bool,
}

impl Proof {
    /// Whether it still answers retries.
    pub(crate) fn is_remembered(&self, now: Timestamp) -> bool {
        now.since(self.at) <= RETRY
    }
}

/// What `known`, the proof on record under the attempt's request id, means for the attempt: its own answer if the code
/// is the same, nothing any more, or a refusal with `REQUEST_ID_REUSED`, because it was given in another session or for something else.
pub(crate) fn recall(known: Option<Proof>, attempt: &Attempt, now: Timestamp) -> Result<Option<Proof>> {
    match known.filter(|proof| proof.is_remembered(now)) {
        None => Ok(None),
        Some(proof) if proof.attempt == *attempt => Ok(Some(proof)),
        Some(_) => Err(request_id_reused()),
    }
}

/// The refusal of a request id that has another answer.
pub(crate) fn request_id_reused() -> Error {
    Error::new(
        Reason::RequestIdReused,
        "this request id was used before, for something else; make a fresh one for each thing to be proved",
    )
}

/// The purpose of a proof that is only for the recovery codes.
pub(crate) fn recovery_purpose() -> [u8; 32] {
    Sha256::digest(b"countersign/recovery-codes/v1").into()
}

/// What knows an authenticator's answer to a ceremony again.
pub(crate) fn passkey_answer(ceremony: CeremonyId, credential_json: &str) -> AnswerMac {
    let mut hash = Sha256::new();
    hash.update(b"countersign/passkey-answer/v1");
    hash.update(ceremony.uuid().as_bytes());
    hash.update(credential_json.as_bytes());
    AnswerMac(hash.finalize().into())
}

/// The purpose of an answer that is only to make a device a factor.
pub(crate) fn activation_purpose(device: DeviceId) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"countersign/totp-activation/v1");
    hash.update(device.uuid().as_bytes());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{NOW, attempt, proof};

    #[test]
    fn the_same_try_gets_its_answer_for_ten_minutes() {
        let attempt = attempt("s-1", 1);
        let proof = proof(&attempt, NOW);
        let known = |now| recall(Some(proof.clone()), &attempt, now).unwrap();
        assert_eq!(known(NOW), Some(proof.clone()));
        assert_eq!(known(NOW.plus(RETRY)), Some(proof.clone()));
        assert_eq!(known(NOW.plus(RETRY + Duration::from_millis(1))), None);
        assert_eq!(recall(None, &attempt, NOW).unwrap(), None);
    }

    #[test]
    fn another_purpose_or_session_under_the_same_request_id_is_refused() {
        let first = attempt("s-1", 1);
        let known = || Some(proof(&first, NOW));
        for other in [
            Attempt { purpose: [9; 32], ..first.clone() },
            Attempt { session: crate::fixtures::session("s-2"), ..first.clone() },
        ] {
            assert_eq!(recall(known(), &other, NOW).unwrap_err().reason(), Reason::RequestIdReused);
        }
    }

    #[test]
    fn activations_of_two_devices_are_two_purposes() {
        let first = crate::fixtures::verified(NOW).id;
        let second = crate::fixtures::verified(NOW).id;
        assert_ne!(activation_purpose(first), activation_purpose(second));
        assert_ne!(activation_purpose(first), recovery_purpose());
    }
}
