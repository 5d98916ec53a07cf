//! The keys that tokens are signed with: one set per kind of token, used for nothing else.

use jose::{KeySet, Kind, PublicJwk, SigningKey};
use kernel::{Error, Result, SecretText};
use serde::Serialize;

/// What a set of keys signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyPurpose {
    /// Elevated access tokens.
    Elevated,
    /// Receipts.
    Receipt,
}

impl KeyPurpose {
    /// The name in the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Elevated => "elevated",
            Self::Receipt => "receipt",
        }
    }

    const fn kind(self) -> Kind {
        match self {
            Self::Elevated => Kind::Elevated,
            Self::Receipt => Kind::Receipt,
        }
    }
}

/// The keys of one purpose: one that signs, and all that verify.
#[derive(Debug)]
pub(crate) struct KeyRing {
    purpose: KeyPurpose,
    signing: SigningKey,
    public: KeySet,
}

impl KeyRing {
    /// A ring whose public keys are those given; the one that signs must be among them.
    pub(crate) fn new(purpose: KeyPurpose, signing: SigningKey, public: Vec<PublicJwk>) -> Result<Self> {
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
