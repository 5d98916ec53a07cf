//! Passkeys: WebAuthn credentials that verify their user (WebAuthn Level 3).

use std::fmt;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::owner::Owner;

/// The longest credential id in octets (WebAuthn Level 3 section 4, "credential ID").
pub(crate) const MAX_CREDENTIAL_ID: usize = 1023;

/// How many ways to reach an authenticator are kept.
const MAX_TRANSPORTS: usize = 8;

/// The longest name of one.
const MAX_TRANSPORT: usize = 32;

/// For whom a passkey is: a domain, and the origins that may ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RelyingParty {
    /// The relying party id, a domain in lower case.
    pub(crate) id: String,
    /// The origins, as browsers write them; at least one. No other is accepted, whatever it has in common with one.
    pub(crate) origins: Vec<String>,
}

/// By what an authenticator knows the user of a passkey: opaque, and always the same for one user (WebAuthn Level 3
/// section 5.4.3, `id`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserHandle([u8; 32]);

impl UserHandle {
    /// Of this user. Derived, so that it cannot be lost, and tells nobody the user id who does not know it.
    pub(crate) fn of(owner: Owner) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"countersign/webauthn-user-handle/v1");
        hash.update(owner.environment.uuid().as_bytes());
        hash.update(owner.user.uuid().as_bytes());
        Self(hash.finalize().into())
    }

    /// The octets.
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What an authenticator calls a credential, 1 to 1,023 octets.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CredentialId(Vec<u8>);

impl CredentialId {
    /// None when it is empty or too long.
    pub(crate) fn new(octets: Vec<u8>) -> Option<Self> {
        (1..=MAX_CREDENTIAL_ID).contains(&octets.len()).then_some(Self(octets))
    }

    /// The octets.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CredentialId({})", data_encoding::BASE64URL_NOPAD.encode(&self.0))
    }
}

/// The model of an authenticator, as it says itself; all zeros where it does not say (WebAuthn Level 3 section 6.5.1).
pub(crate) type Aaguid = Uuid;

/// How the client says an authenticator can be reached, at most 8 ways (WebAuthn Level 3 section 5.8.4). Hints, kept for
/// later ceremonies as they came, values unknown today too, as the specification wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Transports(Vec<String>);

impl Transports {
    /// Of what a client said: in order and each once; what is no short word of lower-case letters, digits and hyphens is
    /// left out, and so is what is too much.
    pub(crate) fn of(said: impl IntoIterator<Item = String>) -> Self {
        let mut known: Vec<String> = said.into_iter().filter(|word| is_word(word)).collect();
        known.sort_unstable();
        known.dedup();
        known.truncate(MAX_TRANSPORTS);
        Self(known)
    }

    /// One by one.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

fn is_word(text: &str) -> bool {
    let allowed = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-';
    !text.is_empty() && text.len() <= MAX_TRANSPORT && text.bytes().all(allowed)
}

/// The signature counter of a credential (WebAuthn Level 3 section 6.1.1). Zero of authenticators that have none, as most
/// synced passkeys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SignCount(pub(crate) u32);

impl SignCount {
    /// Whether an authenticator that was at this count may be at that one now: a later one, or at zero still. Anything
    /// else is what a copy would do, or an authenticator whose counter has wrapped, which cannot be told from one.
    pub(crate) fn accepts(self, now: Self) -> bool {
        now > self || (self.0 == 0 && now.0 == 0)
    }
}

/// A registered passkey, as far as ceremonies need it. Nothing in it ever changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PasskeyCredential {
    /// Its id.
    pub(crate) id: CredentialId,
    /// What signatures are verified with: JSON, made and read by the [`crate::ports::Authenticators`] only.
    pub(crate) library: String,
    /// Whether it may be backed up or synced (WebAuthn Level 3 section 6.1.3).
    pub(crate) backup_eligible: bool,
    /// How its authenticator can be reached.
    pub(crate) transports: Transports,
}

/// A passkey that an authenticator made just now, its user present and verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewPasskey {
    /// What is kept for ceremonies.
    pub(crate) credential: PasskeyCredential,
    /// The public key, as the authenticator wrote it (COSE_Key, RFC 9052 section 7): for evidence.
    pub(crate) public_key: Vec<u8>,
    /// Where its counter begins.
    pub(crate) sign_count: SignCount,
    /// Whether it is backed up now.
    pub(crate) backup_state: bool,
    /// The model; not verified.
    pub(crate) aaguid: Aaguid,
}

/// What a passkey signed for a ceremony, its user present and verified. With the public key and what the challenge was
/// made from, evidence that anyone can verify again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assertion {
    /// Which passkey.
    pub(crate) credential: CredentialId,
    /// Its counter, not judged yet.
    pub(crate) sign_count: SignCount,
    /// Whether it is backed up now.
    pub(crate) backup_state: bool,
    /// The authenticator data as it was signed.
    pub(crate) authenticator_data: Vec<u8>,
    /// The client data whose hash was signed.
    pub(crate) client_data: Vec<u8>,
    /// The signature.
    pub(crate) signature: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::owner;

    #[test]
    fn a_counter_goes_on_or_stays_at_zero() {
        let accepts = |from, to| SignCount(from).accepts(SignCount(to));
        assert!(accepts(0, 0), "an authenticator without a counter");
        assert!(accepts(0, 1) && accepts(7, 8) && accepts(7, 100) && accepts(u32::MAX - 1, u32::MAX));
        assert!(!accepts(7, 7) && !accepts(7, 6) && !accepts(u32::MAX, u32::MAX));
        assert!(!accepts(7, 0) && !accepts(1, 0), "a counter does not go away");
        assert!(!accepts(u32::MAX, 1) && !accepts(u32::MAX, 0), "nor begin anew");
    }

    #[test]
    fn handles_tell_users_apart() {
        let (one, other) = (owner(), owner());
        assert_eq!(UserHandle::of(one), UserHandle::of(one));
        assert_ne!(UserHandle::of(one), UserHandle::of(other));
        assert_ne!(UserHandle::of(one), UserHandle::of(Owner { environment: other.environment, ..one }));
    }

    #[test]
    fn credential_ids_are_bounded() {
        assert!(CredentialId::new(vec![1]).is_some() && CredentialId::new(vec![1; 1023]).is_some());
        assert!(CredentialId::new(vec![]).is_none() && CredentialId::new(vec![1; 1024]).is_none());
    }

    #[test]
    fn transports_are_words_and_few() {
        let of = |said: &[&str]| {
            let transports = Transports::of(said.iter().map(|word| (*word).to_owned()));
            transports.iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(of(&["internal", "hybrid", "internal"]), ["hybrid", "internal"]);
        assert_eq!(of(&["smart-card", "later2"]), ["later2", "smart-card"]);
        assert!(of(&["", "USB", "a b", "a\n", &"x".repeat(33)]).is_empty());
        let many: Vec<String> = (0..20).map(|number| format!("t{number}")).collect();
        assert_eq!(of(&many.iter().map(String::as_str).collect::<Vec<_>>()).len(), 8);
    }
}
