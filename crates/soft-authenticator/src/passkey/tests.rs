use super::*;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

const ORIGIN: &str = "https://app.wallet.example";

fn creation(exclude: &[&str]) -> String {
    let exclude: Vec<_> = exclude.iter().map(|id| json!({ "type": "public-key", "id": id })).collect();
    json!({
        "rp": { "id": "wallet.example", "name": "wallet.example" },
        "user": { "id": BASE64URL_NOPAD.encode(&[1; 32]), "name": "alice", "displayName": "alice" },
        "challenge": BASE64URL_NOPAD.encode(&[2; 32]),
        "pubKeyCredParams": [{ "type": "public-key", "alg": -7 }],
        "excludeCredentials": exclude,
        "authenticatorSelection": { "residentKey": "preferred", "userVerification": "required" },
        "attestation": "none",
    })
    .to_string()
}

fn request(allowed: &[&str]) -> String {
    let allowed: Vec<_> = allowed.iter().map(|id| json!({ "type": "public-key", "id": id })).collect();
    json!({
        "challenge": BASE64URL_NOPAD.encode(&[3; 32]),
        "rpId": "wallet.example",
        "allowCredentials": allowed,
        "userVerification": "required",
    })
    .to_string()
}

fn value(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

fn octets(answer: &Value, at: &str) -> Vec<u8> {
    BASE64URL_NOPAD.decode(answer.pointer(at).unwrap().as_str().unwrap().as_bytes()).unwrap()
}

/// The signature counter of an assertion (WebAuthn Level 3 section 6.1).
fn counter(answer: &Value) -> u32 {
    let data = octets(answer, "/response/authenticatorData");
    u32::from_be_bytes(data[33..37].try_into().unwrap())
}

async fn registered() -> (SoftPasskey, String) {
    let mut device = SoftPasskey::new();
    let answer = value(&device.register(ORIGIN, &creation(&[])).await.unwrap());
    (device, answer["id"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn answers_are_the_json_of_the_specification() {
    let mut device = SoftPasskey::new();
    let created = value(&device.register(ORIGIN, &creation(&[])).await.unwrap());
    assert_eq!(created["type"], "public-key");
    assert_eq!(created["id"], created["rawId"]);
    let data: Value = serde_json::from_slice(&octets(&created, "/response/clientDataJSON")).unwrap();
    assert_eq!(data["type"], "webauthn.create");
    assert_eq!(data["origin"], ORIGIN);
    assert_eq!(data["challenge"], BASE64URL_NOPAD.encode(&[2; 32]));
    assert!(!octets(&created, "/response/attestationObject").is_empty());
    assert!(created["response"]["transports"].is_array());

    let id = created["id"].as_str().unwrap();
    let signed = value(&device.authenticate(ORIGIN, &request(&[id])).await.unwrap());
    assert_eq!(signed["id"], created["id"]);
    let flags = octets(&signed, "/response/authenticatorData")[32];
    assert_eq!(flags & 0b101, 0b101, "its user is present and verified");
    let again = value(&device.authenticate(ORIGIN, &request(&[id])).await.unwrap());
    assert_eq!(counter(&again), counter(&signed) + 1);
}

#[tokio::test]
async fn it_makes_no_second_passkey_where_one_is_excluded_and_signs_with_none_that_is_not_allowed() {
    let (mut device, id) = registered().await;
    assert!(device.register(ORIGIN, &creation(&[&id])).await.is_err());
    assert_eq!(device.len(), 1);
    let other = BASE64URL_NOPAD.encode(&[9; 16]);
    assert!(device.authenticate(ORIGIN, &request(&[&other])).await.is_err());
    assert!(device.authenticate("https://wallet.example.evil.test", &request(&[&id])).await.is_err());
}

#[tokio::test]
async fn a_device_is_the_same_after_it_was_in_a_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("device.json");
    let (mut device, id) = registered().await;
    let before = value(&device.authenticate(ORIGIN, &request(&[&id])).await.unwrap());
    // Twice: the file that is there is replaced.
    device.save(&path).unwrap();
    device.save(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut loaded = SoftPasskey::load(&path).unwrap();
    let after = value(&loaded.authenticate(ORIGIN, &request(&[&id])).await.unwrap());
    assert_eq!(counter(&after), counter(&before) + 1);
    assert_eq!(after["id"], before["id"]);
}

#[test]
fn a_file_that_others_may_read_or_that_is_no_device_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("device.json");
    assert!(SoftPasskey::load(&path).is_err());
    SoftPasskey::new().save(&path).unwrap();
    assert!(SoftPasskey::load(&path).unwrap().is_empty());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(SoftPasskey::load(&path).unwrap_err().to_string().contains("0600"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&path, "[{\"rp_id\":\"x\"}]").unwrap();
    assert!(SoftPasskey::load(&path).is_err());
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    assert_eq!(format!("{:?}", registered().await.0), "SoftPasskey(1)");
}
