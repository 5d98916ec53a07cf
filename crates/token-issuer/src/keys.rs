//! The keys that tokens are signed with: one set per kind of token, used for nothing else.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jose::{KeySet, Kind, PublicJwk, SigningKey};
use kernel::assurance::UnknownName;
use kernel::{Error, Result, SecretText};
use runtime::receipts;
use serde::Serialize;

use crate::domain::key_life::MAX_COPY_AGE;
use crate::domain::record::RETRY_WINDOW;
use crate::domain::requirement::{MAX_EXPIRY_SECONDS, MAX_LEGACY_LIFE};

/// What a set of keys signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyPurpose {
    /// Elevated access tokens.
    Elevated,
    /// Legacy MFA tokens.
    LegacyMfa,
    /// Receipts.
    Receipt,
}

impl KeyPurpose {
    /// Every purpose.
    pub const ALL: [Self; 3] = [Self::Elevated, Self::LegacyMfa, Self::Receipt];

    /// The name in the database and to operators.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Elevated => "elevated",
            Self::LegacyMfa => "mfa",
            Self::Receipt => "receipt",
        }
    }

    const fn kind(self) -> Kind {
        match self {
            Self::Elevated => Kind::Elevated,
            Self::LegacyMfa => Kind::LegacyMfa,
            Self::Receipt => Kind::Receipt,
        }
    }

    /// The longest that what such a key signed is good for something.
    pub(crate) const fn longest(self) -> Duration {
        match self {
            // And the time in which a spent token gets its receipt again.
            Self::Elevated => Duration::from_secs(MAX_EXPIRY_SECONDS as u64).saturating_add(RETRY_WINDOW),
            Self::LegacyMfa => MAX_LEGACY_LIFE.saturating_add(RETRY_WINDOW),
            Self::Receipt => receipts::MAX_LIFETIME.saturating_mul(2),
        }
    }
}

impl fmt::Display for KeyPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KeyPurpose {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text).ok_or(UnknownName)
    }
}

/// The keys of one purpose: one that signs, and all that verify.
#[derive(Clone, Debug)]
pub(crate) struct KeyRing {
    purpose: KeyPurpose,
    signing: Arc<SigningKey>,
    public: KeySet,
}

impl KeyRing {
    /// A ring whose public keys are those given; the one that signs must be among them.
    pub(crate) fn new(purpose: KeyPurpose, signing: Arc<SigningKey>, public: Vec<PublicJwk>) -> Result<Self> {
        let public = KeySet::from_keys(public).map_err(Error::internal)?;
        if public.get(signing.key_id()) != Some(&signing.public_jwk()) {
            return Err(Error::internal("the signing key is not among its own public keys"));
        }
        Ok(Self { purpose, signing, public })
    }

    /// Signs claims as a token of this ring's kind.
    pub(crate) fn sign<C: Serialize>(&self, claims: &C) -> Result<SecretText> {
        jose::sign(self.purpose.kind(), claims, &self.signing).map_err(Error::internal)
    }

    /// The public keys.
    pub(crate) fn public(&self) -> &KeySet {
        &self.public
    }
}

/// The keys of all purposes.
#[derive(Clone, Debug)]
pub(crate) struct Rings {
    /// For elevated access tokens.
    pub(crate) elevated: KeyRing,
    /// For legacy MFA tokens.
    pub(crate) legacy_mfa: KeyRing,
    /// For receipts.
    pub(crate) receipts: KeyRing,
}

impl Rings {
    /// All public keys.
    pub(crate) fn public(&self) -> Result<KeySet> {
        let rings = [&self.elevated, &self.legacy_mfa, &self.receipts];
        let keys = rings.into_iter().flat_map(KeyRing::public).cloned().collect();
        KeySet::from_keys(keys).map_err(Error::internal)
    }
}

/// This process's copy of the keys, which are in the database and can change there at any time.
#[derive(Debug)]
pub(crate) struct Keys(ArcSwap<Copied>);

#[derive(Debug)]
struct Copied {
    rings: Arc<Rings>,
    read: Instant,
}

impl Keys {
    /// A copy whose reading began at `read`.
    pub(crate) fn new(rings: Rings, read: Instant) -> Self {
        Self(ArcSwap::from_pointee(Copied { rings: Arc::new(rings), read }))
    }

    /// A newer copy. Without rings nothing has changed since.
    pub(crate) fn renew(&self, rings: Option<Rings>, read: Instant) {
        let rings = rings.map_or_else(|| self.last(), Arc::new);
        self.0.store(Arc::new(Copied { rings, read }));
    }

    /// The keys, unless the copy is too old to say which they are.
    ///
    /// # Errors
    ///
    /// `STORE_UNAVAILABLE`. Nothing is signed with a key that others may not know any more, and nothing is called wrong
    /// because its key is not known here yet.
    pub(crate) fn rings(&self) -> Result<Arc<Rings>> {
        self.rings_at(monotonic())
    }

    /// The same at a moment.
    pub(crate) fn rings_at(&self, now: Instant) -> Result<Arc<Rings>> {
        let copied = self.0.load();
        if now.saturating_duration_since(copied.read) < MAX_COPY_AGE {
            return Ok(copied.rings.clone());
        }
        Err(Error::store_unavailable("the copy of the signing keys could not be renewed"))
    }

    /// The keys as they were when the database was last read, however long that is ago: for showing them.
    pub(crate) fn last(&self) -> Arc<Rings> {
        self.0.load().rings.clone()
    }
}

/// Tells how old a copy is.
#[expect(
    clippy::disallowed_methods,
    reason = "the age of a copy in memory, which no jump of the clock may change; no rule is judged by it"
)]
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;
    use kernel::Reason;

    #[test]
    fn a_copy_that_is_too_old_signs_and_verifies_nothing() {
        let begin = monotonic();
        let keys = Keys::new(fixtures::rings(), begin);
        let after = |seconds| begin + Duration::from_secs(seconds);
        assert!(keys.rings_at(begin).is_ok());
        assert!(keys.rings_at(after(7)).is_ok());
        let refused = keys.rings_at(after(8)).unwrap_err();
        assert_eq!(refused.reason(), Reason::StoreUnavailable);
        keys.renew(None, after(8));
        assert!(Arc::ptr_eq(&keys.rings_at(after(8)).unwrap(), &keys.last()));
        let before = keys.last();
        keys.renew(Some(fixtures::rings()), after(9));
        assert!(!Arc::ptr_eq(&before, &keys.rings_at(after(9)).unwrap()));
    }

    #[test]
    fn purposes_are_read_as_they_are_written() {
        for purpose in KeyPurpose::ALL {
            assert_eq!(purpose.to_string().parse(), Ok(purpose));
        }
        assert!("session".parse::<KeyPurpose>().is_err());
    }
}
