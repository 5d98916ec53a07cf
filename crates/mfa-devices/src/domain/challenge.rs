//! The WebAuthn challenge: made from what the signature is to be evidence of. docs/passkeys.md has the derivation octet by
//! octet.

use sha2::{Digest, Sha256};

use super::owner::Owner;

/// What stands before the parts of the challenge of a proof.
const PROOF: &[u8] = b"countersign/webauthn-challenge/v1";

/// What stands before those of a registration. Neither begins with the other.
const REGISTRATION: &[u8] = b"countersign/webauthn-registration/v1";

/// A challenge, 32 octets. Not a secret, but nobody can foresee it: a random nonce is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Challenge([u8; 32]);

impl Challenge {
    /// Of a proof: for this user and purpose, and where it is bound to an operation for exactly that. All parts have a
    /// fixed length.
    pub(crate) fn of_proof(
        nonce: [u8; 32],
        owner: Owner,
        purpose: [u8; 32],
        operation: Option<[u8; 32]>,
    ) -> Self {
        let mut hash = begin(PROOF, nonce, owner);
        hash.update(purpose);
        match operation {
            None => hash.update([0]),
            Some(digest) => {
                hash.update([1]);
                hash.update(digest);
            }
        }
        Self(hash.finalize().into())
    }

    /// Of the registration of a passkey for this user.
    pub(crate) fn of_registration(nonce: [u8; 32], owner: Owner) -> Self {
        Self(begin(REGISTRATION, nonce, owner).finalize().into())
    }

    /// The octets that the client is sent.
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

fn begin(label: &[u8], nonce: [u8; 32], owner: Owner) -> Sha256 {
    let mut hash = Sha256::new();
    hash.update(label);
    hash.update(nonce);
    hash.update(owner.environment.uuid().as_bytes());
    hash.update(owner.user.uuid().as_bytes());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;
    use std::collections::BTreeSet;

    const NONCE: [u8; 32] = [0x11; 32];
    const PURPOSE: [u8; 32] = [0x22; 32];
    const OPERATION: [u8; 32] = [0x33; 32];

    fn owner(environment: &str, user: &str) -> Owner {
        Owner { environment: environment.parse().unwrap(), user: user.parse().unwrap() }
    }

    fn alice() -> Owner {
        owner("0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11", "7d444840-9dc0-11d1-b245-5ffdce74fad2")
    }

    /// Made with sha256sum; docs/passkeys.md shows how.
    #[test]
    fn the_vectors_of_the_documentation_hold() {
        let of = |challenge: Challenge| HEXLOWER.encode(challenge.as_bytes());
        assert_eq!(
            of(Challenge::of_proof(NONCE, alice(), PURPOSE, None)),
            "e7ff8fbf54e3b3f57354fbd1bc91e2e6e0e8978b705acfbe7d690dde77eabe38"
        );
        assert_eq!(
            of(Challenge::of_proof(NONCE, alice(), PURPOSE, Some(OPERATION))),
            "3fdc8ed3114d75ac2ae2e250c1cb1ffcca876146cd1faef169d8ada8fd0fc8ac"
        );
        assert_eq!(
            of(Challenge::of_registration(NONCE, alice())),
            "977c102daeb786924216e9d76f0eac74bb16fa1ed4b9a4daf16527b2cc7c2f10"
        );
    }

    #[test]
    fn every_part_counts() {
        let other_user =
            owner("0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d11", "7d444840-9dc0-11d1-b245-5ffdce74fad3");
        let other_place =
            owner("0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d12", "7d444840-9dc0-11d1-b245-5ffdce74fad2");
        let challenges = [
            Challenge::of_proof(NONCE, alice(), PURPOSE, None),
            Challenge::of_proof([0x12; 32], alice(), PURPOSE, None),
            Challenge::of_proof(NONCE, other_user, PURPOSE, None),
            Challenge::of_proof(NONCE, other_place, PURPOSE, None),
            Challenge::of_proof(NONCE, alice(), [0x23; 32], None),
            Challenge::of_proof(NONCE, alice(), PURPOSE, Some(OPERATION)),
            Challenge::of_proof(NONCE, alice(), PURPOSE, Some([0x34; 32])),
            Challenge::of_registration(NONCE, alice()),
            Challenge::of_registration(NONCE, other_user),
        ];
        let distinct: BTreeSet<_> = challenges.iter().map(Challenge::as_bytes).collect();
        assert_eq!(distinct.len(), challenges.len());
    }
}
