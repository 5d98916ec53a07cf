//! Sets of public keys (RFC 7517 section 5).

use serde_json::{Value, json};

use crate::json::{self as strict, ClaimMap};
use crate::jwk::{self, Entry};
use crate::{Algorithm, KeyId, KeySetError, PublicJwk};

/// The longest JWK set that is read, in bytes.
pub const MAX_JWKS_BYTES: usize = 64 * 1024;

/// The most keys a set may have, those that are skipped included.
pub const MAX_KEYS: usize = 32;

/// Public keys with distinct names, checked once and ready to verify. All keys of one issuer, for one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet {
    // At most MAX_KEYS, so a scan beats a map.
    keys: Vec<PublicJwk>,
}

impl KeySet {
    /// Reads a JWK set that someone else may have written.
    ///
    /// Keys for other purposes (encryption, algorithms or curves we do not speak) and for algorithms that are not
    /// `allowed` are skipped, because providers publish them in the same set. A key that should be usable and is
    /// wrong makes the whole set refused: silence would turn a provider's mistake into tokens nobody can explain.
    ///
    /// # Errors
    /// [`KeySetError`]; also when no key is left.
    pub fn from_jwks_json(text: &str, allowed: &[Algorithm]) -> Result<Self, KeySetError> {
        if text.len() > MAX_JWKS_BYTES {
            return Err(KeySetError::TooLarge);
        }
        let set = strict::parse_object(text.as_bytes()).ok_or(KeySetError::Malformed)?;
        Self::from_members(&set, allowed).map(|(keys, _)| keys)
    }

    /// The set, and how many keys were skipped.
    pub(crate) fn from_members(set: &ClaimMap, allowed: &[Algorithm]) -> Result<(Self, usize), KeySetError> {
        let Some(Value::Array(entries)) = set.get("keys") else {
            return Err(KeySetError::Malformed);
        };
        if entries.len() > MAX_KEYS {
            return Err(KeySetError::TooManyKeys);
        }
        let mut keys = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let members = entry.as_object().ok_or(KeySetError::Malformed)?;
            match jwk::entry(members, allowed).map_err(|error| KeySetError::Key { index, error })? {
                Entry::Usable(key) => keys.push(key),
                Entry::Other => {}
            }
        }
        if keys.is_empty() {
            return Err(KeySetError::NoUsableKey);
        }
        let skipped = entries.len() - keys.len();
        Ok((Self::from_keys(keys)?, skipped))
    }

    /// From keys that were read or made already. May be empty: an empty set verifies nothing.
    ///
    /// # Errors
    /// [`KeySetError::TooManyKeys`], [`KeySetError::DuplicateKeyId`].
    pub fn from_keys(keys: Vec<PublicJwk>) -> Result<Self, KeySetError> {
        if keys.len() > MAX_KEYS {
            return Err(KeySetError::TooManyKeys);
        }
        let repeated = |(place, key): (usize, &PublicJwk)| {
            keys.iter().take(place).any(|earlier| earlier.key_id() == key.key_id())
        };
        if keys.iter().enumerate().any(repeated) {
            return Err(KeySetError::DuplicateKeyId);
        }
        Ok(Self { keys })
    }

    /// The key of that name.
    pub fn get(&self, key_id: &KeyId) -> Option<&PublicJwk> {
        self.keys.iter().find(|key| key.key_id() == key_id)
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// The keys, in the order they were given.
    pub fn iter(&self) -> std::slice::Iter<'_, PublicJwk> {
        self.keys.iter()
    }

    /// The set as JSON, as `/.well-known/jwks.json` serves it. Public parts only.
    pub fn to_jwks_json(&self) -> String {
        self.to_value().to_string()
    }

    pub(crate) fn to_value(&self) -> Value {
        json!({ "keys": self.keys.iter().map(PublicJwk::to_value).collect::<Vec<_>>() })
    }
}

impl<'a> IntoIterator for &'a KeySet {
    type Item = &'a PublicJwk;
    type IntoIter = std::slice::Iter<'a, PublicJwk>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
