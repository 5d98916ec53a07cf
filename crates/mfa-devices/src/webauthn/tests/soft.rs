//! Ceremonies with a device that has nothing in common with the library that judges them.

use super::*;
use data_encoding::BASE64URL_NOPAD;
use soft_authenticator::SoftPasskey;

/// A device with a passkey of this user.
async fn registered(handle: UserHandle) -> (SoftPasskey, NewPasskey) {
    let mut device = SoftPasskey::new();
    let begun = judge().begin_registration(&party(), wanted(handle, &[])).unwrap();
    let answer = device.register(ORIGIN, &begun.options_json).await.unwrap();
    let new = judge().finish_registration(&party(), &begun.state, &answer).unwrap();
    (device, new)
}

#[tokio::test]
async fn a_passkey_is_registered_and_signs_for_a_challenge_of_ours() {
    let handle = UserHandle::of(owner());
    let (mut device, new) = registered(handle).await;
    assert_eq!(new.aaguid.as_bytes(), b"countersign soft");
    assert_eq!(new.sign_count, SignCount(0));
    // COSE_Key of ES256 on P-256 (RFC 9053 sections 2.1 and 7.1.1).
    let key: ciborium::Value = ciborium::from_reader(new.public_key.as_slice()).unwrap();
    assert_eq!(key.as_map().unwrap().len(), 5);
    assert!(new.credential.transports.iter().count() > 0);

    let known = [new.credential.clone()];
    for number in 1..4 {
        let begun = judge().begin_authentication(&party(), handle, &known, challenge(9)).unwrap();
        let answer = device.authenticate(ORIGIN, &begun.options_json).await.unwrap();
        let signed = judge().finish_authentication(&party(), &begun.state, &answer).unwrap();
        assert_eq!(signed.credential, new.credential.id);
        assert_eq!(signed.sign_count, SignCount(number));
        let data: Value = serde_json::from_slice(&signed.client_data).unwrap();
        assert_eq!(data["challenge"], BASE64URL_NOPAD.encode(challenge(9).as_bytes()));
    }
}

#[tokio::test]
async fn evidence_verifies_without_the_library() {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
    use sha2::{Digest as _, Sha256};
    let handle = UserHandle::of(owner());
    let (mut device, new) = registered(handle).await;
    let known = [new.credential.clone()];
    let begun = judge().begin_authentication(&party(), handle, &known, challenge(9)).unwrap();
    let answer = device.authenticate(ORIGIN, &begun.options_json).await.unwrap();
    let signed = judge().finish_authentication(&party(), &begun.state, &answer).unwrap();

    let key: ciborium::Value = ciborium::from_reader(new.public_key.as_slice()).unwrap();
    let part = |label: i64| {
        let map = key.as_map().unwrap();
        let found = map.iter().find(|(name, _)| *name == ciborium::Value::from(label)).unwrap();
        found.1.as_bytes().unwrap().clone()
    };
    let point = [vec![4], part(-2), part(-3)].concat();
    let message = [signed.authenticator_data.clone(), Sha256::digest(&signed.client_data).to_vec()].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &point).verify(&message, &signed.signature).unwrap();
}

#[tokio::test]
async fn options_ask_for_what_the_design_wants() {
    let handle = UserHandle::of(owner());
    let (_, new) = registered(handle).await;
    let known = [new.credential];
    let created = judge().begin_registration(&party(), wanted(handle, &known)).unwrap();
    let options = value(&created.options_json);
    assert_eq!(options["rp"]["id"], "wallet.example");
    assert_eq!(options["user"]["id"], BASE64URL_NOPAD.encode(handle.as_bytes()));
    assert_eq!(options["challenge"], BASE64URL_NOPAD.encode(challenge(1).as_bytes()));
    assert_eq!(options["attestation"], "none");
    assert_eq!(options["timeout"], 300_000);
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(options["authenticatorSelection"]["residentKey"], "preferred");
    let algorithms: Vec<_> = options["pubKeyCredParams"].as_array().unwrap().iter().collect();
    assert_eq!(
        algorithms.iter().map(|known| known["alg"].as_i64().unwrap()).collect::<Vec<_>>(),
        [-7, -35, -257]
    );

    let requested = judge().begin_authentication(&party(), handle, &known, challenge(2)).unwrap();
    let request = value(&requested.options_json);
    assert_eq!(request["rpId"], "wallet.example");
    assert_eq!(request["userVerification"], "required");
    assert_eq!(request["timeout"], 300_000);
    assert_eq!(request["challenge"], BASE64URL_NOPAD.encode(challenge(2).as_bytes()));
    let transports: Vec<_> = known[0].transports.iter().collect();
    for list in [&options["excludeCredentials"], &request["allowCredentials"]] {
        assert_eq!(
            *list,
            json!([{
                "type": "public-key",
                "id": BASE64URL_NOPAD.encode(known[0].id.as_bytes()),
                "transports": transports,
            }])
        );
    }
}

#[tokio::test]
async fn a_device_makes_no_second_passkey_for_a_user_who_has_one_on_it() {
    let handle = UserHandle::of(owner());
    let (mut device, new) = registered(handle).await;
    let begun = judge().begin_registration(&party(), wanted(handle, &[new.credential])).unwrap();
    assert!(device.register(ORIGIN, &begun.options_json).await.is_err());
}

#[tokio::test]
async fn who_has_no_passkey_gets_options_that_look_alike_and_that_nothing_answers() {
    let (one, other) = (UserHandle::of(owner()), UserHandle::of(owner()));
    let (mut device, new) = registered(one).await;
    let decoy = |handle| judge().begin_authentication(&party(), handle, &[], challenge(9)).unwrap();
    let (first, again) = (decoy(other), decoy(other));
    assert_eq!(first.options_json, again.options_json, "asking twice tells nothing");
    let ids = |begun: &Begun| value(&begun.options_json)["allowCredentials"][0]["id"].clone();
    assert_ne!(ids(&first), ids(&decoy(one)));
    let real = judge().begin_authentication(&party(), one, &[new.credential], challenge(9)).unwrap();
    let shape = |begun: &Begun| {
        let options = value(&begun.options_json);
        let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        (names(&options), names(&options["allowCredentials"][0]))
    };
    assert_eq!(shape(&first), shape(&real));
    // No device has it, and an answer under its id has no signature that fits.
    assert!(device.authenticate(ORIGIN, &first.options_json).await.is_err());
    let mut answer = value(&device.authenticate(ORIGIN, &real.options_json).await.unwrap());
    answer["id"] = ids(&first);
    answer["rawId"] = ids(&first);
    answer["response"].as_object_mut().unwrap().remove("userHandle");
    flaw(judge().finish_authentication(&party(), &first.state, &answer.to_string()));
}
