//! Stand-ins for tests of the use cases: an authenticator whose answers say what they want to be, and one relying party.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use data_encoding::HEXLOWER;
use kernel::{EnvironmentId, Result};

use crate::domain::{
    Aaguid, Assertion, CeremonyState, Challenge, CredentialId, NewPasskey, PasskeyCredential, RelyingParty,
    SignCount, Transports, UserHandle,
};
use crate::ports::{Authenticators, Begun, RegistrationWanted, RelyingParties};
use crate::refusal;

pub(crate) const RP_ID: &str = "wallet.example";

/// Believes whatever an answer says, if it is of this ceremony: `challenge credential count backup`. What is signed is
/// tested where signatures are verified.
pub(crate) struct FakeAuthenticators;

/// The answer of a passkey to options.
pub(crate) fn answer(options_json: &str, credential: &str, count: u32) -> String {
    let challenge = options_json.split(' ').next().unwrap();
    format!("{challenge} {credential} {count} {}", count % 2 == 1)
}

/// The credentials that options name.
pub(crate) fn named(options_json: &str) -> Vec<String> {
    options_json.split(' ').skip(1).map(str::to_owned).collect()
}

/// A credential id that nobody has yet.
pub(crate) fn fresh_credential() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{:08x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn begin(challenge: Challenge, credentials: &[PasskeyCredential]) -> Begun {
    let mut words = vec![HEXLOWER.encode(challenge.as_bytes())];
    words.extend(credentials.iter().map(|credential| HEXLOWER.encode(credential.id.as_bytes())));
    let text = words.join(" ");
    Begun { state: CeremonyState(text.clone().into_bytes()), options_json: text }
}

struct Answer {
    credential: CredentialId,
    count: SignCount,
    backup: bool,
}

fn read(state: &CeremonyState, answer: &str) -> Result<(Vec<String>, Answer)> {
    let state = String::from_utf8(state.0.clone()).unwrap();
    let read = || {
        let [challenge, credential, count, backup] = *answer.split(' ').collect::<Vec<_>>() else {
            return None;
        };
        (Some(challenge) == state.split(' ').next()).then_some(())?;
        Some(Answer {
            credential: CredentialId::new(HEXLOWER.decode(credential.as_bytes()).ok()?)?,
            count: SignCount(count.parse().ok()?),
            backup: backup.parse().ok()?,
        })
    };
    let answer = read().ok_or_else(|| refusal::passkey_rejected("not of this ceremony"))?;
    Ok((named(&state), answer))
}

impl Authenticators for FakeAuthenticators {
    fn begin_registration(&self, _: &RelyingParty, wanted: RegistrationWanted<'_>) -> Result<Begun> {
        Ok(begin(wanted.challenge, wanted.exclude))
    }

    fn finish_registration(
        &self,
        _: &RelyingParty,
        state: &CeremonyState,
        credential_json: &str,
    ) -> Result<NewPasskey> {
        let (_, answer) = read(state, credential_json)?;
        Ok(NewPasskey {
            credential: PasskeyCredential {
                id: answer.credential,
                library: "{}".to_owned(),
                backup_eligible: true,
                transports: Transports::of(["internal".to_owned(), "hybrid".to_owned()]),
            },
            public_key: vec![0xa5, 1],
            sign_count: answer.count,
            backup_state: answer.backup,
            aaguid: Aaguid::nil(),
        })
    }

    fn begin_authentication(
        &self,
        _: &RelyingParty,
        _: UserHandle,
        allowed: &[PasskeyCredential],
        challenge: Challenge,
    ) -> Result<Begun> {
        Ok(begin(challenge, allowed))
    }

    fn finish_authentication(
        &self,
        _: &RelyingParty,
        state: &CeremonyState,
        credential_json: &str,
    ) -> Result<Assertion> {
        let (allowed, answer) = read(state, credential_json)?;
        if !allowed.contains(&HEXLOWER.encode(answer.credential.as_bytes())) {
            return Err(refusal::passkey_rejected("not an allowed credential"));
        }
        Ok(Assertion {
            credential: answer.credential,
            sign_count: answer.count,
            backup_state: answer.backup,
            authenticator_data: vec![1],
            client_data: credential_json.as_bytes().to_vec(),
            signature: vec![2],
        })
    }
}

/// One relying party for every environment; or none.
pub(crate) struct OneParty(pub(crate) Option<RelyingParty>);

impl OneParty {
    pub(crate) fn new() -> Self {
        let origins = vec![format!("https://{RP_ID}")];
        Self(Some(RelyingParty { id: RP_ID.to_owned(), origins }))
    }
}

#[async_trait]
impl RelyingParties for OneParty {
    async fn relying_party(&self, _: EnvironmentId) -> Result<Option<RelyingParty>> {
        Ok(self.0.clone())
    }
}
