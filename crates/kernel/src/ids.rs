//! Identifiers. Each is its own type, parses strictly, and prints in exactly one way, because identifiers are
//! part of digests, of row keys and of the associated data of sealed secrets.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::entropy::{self, Entropy};

/// The text is not an identifier of this kind. Carries what was expected, for a message to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidId(pub &'static str);

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.0)
    }
}

impl std::error::Error for InvalidId {}

/// Only the canonical form is accepted (lower case, hyphens): two spellings of one identifier would be two
/// cache keys, two rows, or two digests.
fn parse_uuid(text: &str, expected: &'static str) -> Result<Uuid, InvalidId> {
    let uuid = Uuid::try_parse(text).map_err(|_| InvalidId(expected))?;
    let mut buffer = Uuid::encode_buffer();
    if uuid.hyphenated().encode_lower(&mut buffer) != text || uuid.is_nil() {
        return Err(InvalidId(expected));
    }
    Ok(uuid)
}

/// A version 8 UUID (RFC 9562 section 5.8) from the first 16 octets of a SHA-256.
fn uuid_from_sha256(digest: &[u8]) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh random identifier (UUID version 4).
            pub fn random(entropy: &dyn Entropy) -> Self {
                Self(uuid::Builder::from_random_bytes(entropy::bytes(entropy)).into_uuid())
            }

            /// From a UUID that is already known to be one of these.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse_uuid(text, $expected).map(Self)
            }
        }
    };
}

uuid_id!(
    /// An environment: one tenant's settings, users and wallets.
    EnvironmentId,
    "an environment id: a lower-case UUID"
);
uuid_id!(
    /// A user, opaque: derived from the identity provider and its subject. See [`UserId::derive`].
    UserId,
    "a user id: a lower-case UUID"
);
uuid_id!(
    /// A wallet. See [`WalletId::derive`].
    WalletId,
    "a wallet id: a lower-case UUID"
);
uuid_id!(
    /// A registered second factor.
    DeviceId,
    "a device id: a lower-case UUID"
);
uuid_id!(
    /// An operation, chosen by the client; unique per environment and user.
    OperationId,
    "an operation id: a lower-case UUID made by the client, fresh for each operation"
);
uuid_id!(
    /// A token: the `jti` claim.
    TokenId,
    "a token id: a lower-case UUID"
);
uuid_id!(
    /// One successful verification of a factor.
    ProofId,
    "a proof id: a lower-case UUID"
);
uuid_id!(
    /// One try of a multi-round protocol among nodes.
    AttemptId,
    "an attempt id: a lower-case UUID"
);
uuid_id!(
    /// A request that may be retried: the same id again gets the first answer.
    RequestId,
    "a request id: a lower-case UUID made by the client, fresh for each request"
);

uuid_id!(
    /// A WebAuthn ceremony: the registration or the proof of a passkey, from its options to its answer.
    CeremonyId,
    "a ceremony id: the lower-case UUID that came with the options"
);

impl UserId {
    /// The opaque id of the user whom `provider` calls `subject`.
    ///
    /// Derived, not looked up, so that every service maps alike without asking another one and without a table
    /// that could be lost: SHA-256 over length-prefixed parts, cut to a version 8 UUID (RFC 9562 section 5.8).
    pub fn derive(environment: EnvironmentId, provider: &str, subject: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"countersign/user-id/v1");
        for part in [environment.uuid().as_bytes().as_slice(), provider.as_bytes(), subject.as_bytes()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(uuid_from_sha256(&hash.finalize()))
    }
}

impl WalletId {
    /// The id of the wallet that the creation with this operation digest makes. Derived, so that no process
    /// between the user and the nodes can choose it, and a retried creation makes the same wallet.
    pub fn derive(creation_digest: &[u8; 32]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"countersign/wallet-id/v1");
        hash.update(creation_digest);
        Self(uuid_from_sha256(&hash.finalize()))
    }
}

impl TokenId {
    /// The id of the token that a proof pays for. Derived, so that one proof can never make two tokens.
    pub fn derive(proof: ProofId) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"countersign/token-id/v1");
        hash.update(proof.uuid().as_bytes());
        Self(uuid_from_sha256(&hash.finalize()))
    }

    /// The id under which this token pays for one operation of the batch that it is for, by the operation's digest.
    /// Derived, so that whoever remembers what was paid for, and by what, remembers each operation by itself.
    pub fn for_leaf(self, operation_digest: &[u8; 32]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"countersign/batch-leaf/v1");
        hash.update(self.0.as_bytes());
        hash.update(operation_digest);
        Self(uuid_from_sha256(&hash.finalize()))
    }

    /// The id of the token that an assertion is exchanged for: `issuer` is the id of the environment's entry, `jti` the
    /// assertion's own id. Derived, so that one assertion can never make two tokens.
    pub fn derive_from_assertion(environment: EnvironmentId, issuer: &str, jti: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"countersign/asserted-token-id/v1");
        for part in [environment.uuid().as_bytes().as_slice(), issuer.as_bytes(), jti.as_bytes()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(uuid_from_sha256(&hash.finalize()))
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $max:literal, $allowed:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let allowed: fn(char) -> bool = $allowed;
                if text.is_empty() || text.len() > $max || !text.chars().all(allowed) {
                    return Err(InvalidId($expected));
                }
                Ok(Self(text.to_owned()))
            }
        }
    };
}

text_id!(
    /// A session of a signed-in user, as its provider names it (by default the `sid` claim).
    SessionId,
    128,
    |c| c.is_ascii_graphic(),
    "a session id: 1 to 128 printable ASCII characters without spaces"
);
text_id!(
    /// A signing node, as the operator names it.
    NodeId,
    32,
    |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-',
    "a node id: 1 to 32 lower-case letters, digits and hyphens"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_spelling_parses() {
        let canonical = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11";
        assert_eq!(canonical.parse::<EnvironmentId>().map(|id| id.to_string()), Ok(canonical.to_owned()));
        for other in [
            canonical.to_uppercase(),
            canonical.replace('-', ""),
            format!("{{{canonical}}}"),
            format!("urn:uuid:{canonical}"),
            format!(" {canonical}"),
            Uuid::nil().to_string(),
            String::new(),
        ] {
            assert!(other.parse::<EnvironmentId>().is_err(), "{other}");
        }
    }

    #[test]
    fn derived_ids_depend_on_every_part() {
        let a: EnvironmentId = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11".parse().unwrap();
        let b: EnvironmentId = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d12".parse().unwrap();
        let base = UserId::derive(a, "idp", "alice");
        assert_eq!(base, UserId::derive(a, "idp", "alice"));
        assert_ne!(base, UserId::derive(b, "idp", "alice"));
        assert_ne!(base, UserId::derive(a, "idpa", "lice"));
        assert_ne!(base, UserId::derive(a, "idp", "bob"));
        assert_eq!(base.to_string().parse(), Ok(base));
    }

    #[test]
    fn a_token_pays_for_each_operation_of_a_batch_under_an_id_of_its_own() {
        let [token, other] = [1, 2].map(|number| TokenId::from_uuid(Uuid::from_u128(number)));
        let ids =
            [(token, 1), (token, 2), (other, 1), (other, 2)].map(|(id, octet)| id.for_leaf(&[octet; 32]));
        let distinct: std::collections::BTreeSet<_> = ids.into_iter().chain([token, other]).collect();
        assert_eq!(distinct.len(), 6);
        assert_eq!(token.for_leaf(&[1; 32]), ids[0]);
        assert_eq!(ids[0].uuid().get_version_num(), 8);
    }

    #[test]
    fn text_ids_are_bounded() {
        assert!("node-1".parse::<NodeId>().is_ok());
        for bad in ["", "Node", "a b", "a/b", &"x".repeat(33)] {
            assert!(bad.parse::<NodeId>().is_err(), "{bad}");
        }
        assert!("x".repeat(129).parse::<SessionId>().is_err());
        assert!("a b".parse::<SessionId>().is_err());
    }
}
