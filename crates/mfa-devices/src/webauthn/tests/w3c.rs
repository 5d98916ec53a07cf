//! The test vectors of the specification (WebAuthn Level 3 section 16).

use super::*;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde::Deserialize;
use webauthn_rs::prelude::WebauthnError;

#[derive(Deserialize)]
struct File {
    rp_id: String,
    origin: String,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    title: String,
    aaguid: String,
    credential_id: String,
    public_key: String,
    registration: Created,
    authentication: Signed,
}

#[derive(Deserialize)]
struct Created {
    challenge: String,
    client_data: String,
    attestation_object: String,
}

#[derive(Deserialize)]
struct Signed {
    challenge: String,
    authenticator_data: String,
    client_data: String,
    signature: String,
}

fn file() -> File {
    serde_json::from_str(include_str!("w3c.json")).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

fn base64(text: &str) -> String {
    BASE64URL_NOPAD.encode(&hex(text))
}

impl Vector {
    fn created(&self) -> String {
        json!({
            "id": base64(&self.credential_id),
            "rawId": base64(&self.credential_id),
            "type": "public-key",
            "response": {
                "clientDataJSON": base64(&self.registration.client_data),
                "attestationObject": base64(&self.registration.attestation_object),
            },
        })
        .to_string()
    }

    fn signed(&self) -> String {
        json!({
            "id": base64(&self.credential_id),
            "rawId": base64(&self.credential_id),
            "type": "public-key",
            "response": {
                "clientDataJSON": base64(&self.authentication.client_data),
                "authenticatorData": base64(&self.authentication.authenticator_data),
                "signature": base64(&self.authentication.signature),
            },
        })
        .to_string()
    }
}

/// A state whose challenge is the vector's, and which, when it is `lenient`, has the library not ask for verification.
fn altered(state: &CeremonyState, at: &str, challenge: &str, lenient: bool) -> CeremonyState {
    let mut value: Value = serde_json::from_slice(&state.0).unwrap();
    value["challenge"] = json!(hex(challenge));
    value["library"][at]["challenge"] = json!(base64(challenge));
    if lenient {
        value["library"][at]["policy"] = json!("discouraged");
    }
    CeremonyState(value.to_string().into_bytes())
}

const UNVERIFIED: &str = "the user was not verified";
/// The library takes RSA keys of 2,048 bits, which all authenticators make that make any; the vector's has 3,482.
const RSA_SIZE: &str = "the library refuses it: The COSEKey contains invalid RSA modulus/exponent data";
const FRAMED: &str = "the ceremony was in a frame of another origin";

/// Users of the vectors were verified now and then; here always.
#[test]
fn the_vectors_are_accepted_but_for_those_that_break_a_rule_of_ours() {
    let File { rp_id, origin, vectors } = file();
    let party = RelyingParty { id: rp_id, origins: vec![origin] };
    let handle = UserHandle::of(owner());
    let why = |error: Error| error.internal_cause().unwrap().to_string();
    let mut outcomes = Vec::new();
    for vector in &vectors {
        let begun = judge().begin_registration(&party, wanted(handle, &[])).unwrap();
        let state = altered(&begun.state, "rs", &vector.registration.challenge, false);
        let created = judge().finish_registration(&party, &state, &vector.created()).map_err(why);
        let signed = created.as_ref().ok().map(|new| {
            assert_eq!(new.credential.id.as_bytes(), hex(&vector.credential_id));
            assert_eq!(new.public_key, hex(&vector.public_key));
            assert_eq!(new.aaguid.as_bytes().as_slice(), hex(&vector.aaguid));
            assert_eq!(new.sign_count, SignCount(0));
            let known = [new.credential.clone()];
            let begun = judge().begin_authentication(&party, handle, &known, challenge(1)).unwrap();
            let state = altered(&begun.state, "ast", &vector.authentication.challenge, false);
            judge().finish_authentication(&party, &state, &vector.signed()).map(drop).map_err(why)
        });
        outcomes.push((created.map(drop), signed));
    }
    let no = |why: &str| Err(why.to_owned());
    assert_eq!(
        outcomes,
        [
            (no(UNVERIFIED), None),
            (Ok(()), Some(no(UNVERIFIED))),
            (no(FRAMED), None),
            (no(FRAMED), None),
            (no(UNVERIFIED), None),
            (Ok(()), Some(Ok(()))),
            (no(UNVERIFIED), None),
            (no(RSA_SIZE), None),
        ]
    );
}

/// Whatever the vectors' users did: the library is told not to ask for verification, and our own rules are left out.
#[test]
fn the_signatures_of_all_vectors_verify() {
    let File { rp_id, origin, vectors } = file();
    let party = RelyingParty { id: rp_id, origins: vec![origin] };
    for vector in &vectors {
        let crosses = vector.title.contains("Origin");
        let begun = judge().begin_registration(&party, wanted(UserHandle::of(owner()), &[])).unwrap();
        let state = altered(&begun.state, "rs", &vector.registration.challenge, true);
        let state = Registration::read(&state).unwrap();
        let created =
            response::registration(&vector.created(), MAX_REGISTRATION).unwrap_or_else(|_| panic!());
        let library = library(&party).unwrap();
        let passkey = library.finish_passkey_registration(&created.credential, &state.library);
        if crosses {
            assert!(matches!(passkey, Err(WebauthnError::CredentialCrossOrigin)));
            continue;
        }
        if vector.title.contains("RS256") {
            assert!(matches!(passkey, Err(WebauthnError::COSEKeyRSANEInvalid)));
            continue;
        }
        // The credential was registered without verification; so it may sign without.
        let mut kept = serde_json::to_value(passkey.unwrap()).unwrap();
        kept["cred"]["registration_policy"] = json!("discouraged");
        let passkey = state::passkey(&kept.to_string()).unwrap();
        let (_, authentication) = library.start_passkey_authentication(&[passkey]).unwrap();
        let mut value = serde_json::to_value(&authentication).unwrap();
        value["ast"]["challenge"] = json!(base64(&vector.authentication.challenge));
        value["ast"]["policy"] = json!("discouraged");
        let authentication = serde_json::from_value(value).unwrap();
        let signed =
            response::authentication(&vector.signed(), MAX_AUTHENTICATION).unwrap_or_else(|_| panic!());
        library.finish_passkey_authentication(&signed, &authentication).unwrap();
    }
}
