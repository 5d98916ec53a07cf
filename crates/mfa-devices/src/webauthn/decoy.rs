//! Passkeys that nobody has, for the options of users who have none (WebAuthn Level 3 section 14.6.2).

use aws_lc_rs::hmac;
use data_encoding::BASE64URL_NOPAD;
use kernel::{Error, Result};
use serde_json::json;

use crate::domain::{CredentialId, PasskeyCredential, Transports, UserHandle};

/// A point of P-256 whose discrete logarithm nobody knows: the least counter octet for which SHA-256 of
/// `countersign/webauthn-decoy-key/v1` and it is the x coordinate of a point (it is 1), and the even y.
const X: &str = "mR_ZnycByctzyRjTLd5GIa8ybNn9Lrhjyen2NE6sNmo";
const Y: &str = "it1CGKJ0iFbxuf8vRB6MsK7DVzOvotsHoM7D-dDszyA";

/// Makes a user's decoy, always the same one.
pub(super) struct Decoys(hmac::Key);

impl Decoys {
    pub(super) fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The decoy of the user: no key signs for it, and all else is as with a synced passkey.
    pub(super) fn of(&self, handle: UserHandle) -> Result<PasskeyCredential> {
        let id = hmac::sign(&self.0, handle.as_bytes()).as_ref().to_vec();
        let library = json!({ "cred": {
            "cred_id": BASE64URL_NOPAD.encode(&id),
            "cred": { "type_": "ES256", "key": { "EC_EC2": { "curve": "SECP256R1", "x": X, "y": Y } } },
            "counter": 0,
            "transports": null,
            "user_verified": true,
            "backup_eligible": true,
            "backup_state": true,
            "registration_policy": "required",
            "extensions": {
                "cred_protect": "Ignored",
                "hmac_create_secret": "NotRequested",
                "appid": "NotRequested",
                "cred_props": "Ignored",
            },
            "attestation": { "data": "None", "metadata": "None" },
            "attestation_format": "none",
        } });
        let id = CredentialId::new(id).ok_or_else(|| Error::internal("a decoy without an id"))?;
        let transports = Transports::of(["hybrid".to_owned(), "internal".to_owned()]);
        Ok(PasskeyCredential { id, library: library.to_string(), backup_eligible: true, transports })
    }
}
