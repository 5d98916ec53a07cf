//! Passkeys: registering, proving, and what ends a ceremony. What a signature is worth is tested where it is verified.

mod proving;
mod registering;

use super::*;
use crate::domain::{DeviceKind, State};
use crate::fakes::{answer, fresh_credential, named};
use crate::passkeys::{Answered, Opened, Wanted};

/// A passkey that somebody holds.
pub(super) struct Key {
    pub(super) credential: String,
    id: DeviceId,
}

const PURPOSE: u8 = 9;

impl World {
    /// The same, in an environment without passkeys.
    fn without_relying_party(self) -> Self {
        let Ok(service) = Arc::try_unwrap(self.service) else { panic!("the service is in use") };
        let service = Arc::new(Service { parties: Arc::new(OneParty(None)), ..service });
        Self { service, ..self }
    }

    fn link_passkey(&self, acr: Acr, owner: Owner, in_session: &str) -> Ticket {
        let body = Body::LinkCredential { factor: FactorKind::Passkey };
        self.ticket_by(acr, &self.operation(owner, body), in_session)
    }

    async fn begin(&self, caller: &Caller, ticket: Option<&Ticket>) -> Result<Opened> {
        self.service.begin_passkey(caller, DisplayName::new("display_name", "key").unwrap(), ticket).await
    }

    /// Answers with a new credential, whose counter begins at `count`.
    async fn finish(&self, caller: &Caller, opened: &Opened, credential: &str, count: u32) -> Result<Shown> {
        let json = answer(&opened.options_json, credential, count);
        self.service.finish_passkey(caller, opened.id, &json).await
    }

    /// The user's first factor is a passkey.
    pub(super) async fn with_passkey(&self, owner: Owner, count: u32) -> Key {
        let caller = self.caller(owner, "s-1");
        let opened = self.begin(&caller, None).await.unwrap();
        let credential = fresh_credential();
        let id = self.finish(&caller, &opened, &credential, count).await.unwrap().device.id;
        Key { credential, id }
    }

    async fn open(&self, owner: Owner, in_session: &str, operation: Option<[u8; 32]>) -> Opened {
        let wanted = Wanted {
            owner,
            session: &session(in_session),
            purpose: [PURPOSE; 32],
            operation,
            at: self.now(),
        };
        self.service.begin_passkey_proof(wanted).await.unwrap()
    }

    async fn present(&self, owner: Owner, opened: &Opened, json: &str, attempt: &Attempt) -> Result<Proof> {
        let trail = self.audit.trail("passkey.verify");
        let answered = Answered {
            owner,
            ceremony: opened.id,
            credential_json: json,
            attempt,
            grant: false,
            at: self.now(),
            trail: &trail,
        };
        let result = self.service.prove_passkey(answered).await;
        trail.end(result, true).await
    }

    /// A whole proof, with this count.
    async fn sign(&self, owner: Owner, key: &Key, count: u32) -> Result<Proof> {
        let opened = self.open(owner, "s-1", None).await;
        let json = answer(&opened.options_json, &key.credential, count);
        self.present(owner, &opened, &json, &crate::fixtures::attempt("s-1", PURPOSE)).await
    }
}
