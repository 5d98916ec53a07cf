//! Passkeys over the wire. The authenticators are stand-ins, but for the first test: what a signature is worth is tested
//! where it is verified.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use kernel::DeviceId;
use sha2::Digest;
use soft_authenticator::SoftPasskey;

use super::*;
use crate::fakes::{answer as sign, fresh_credential, named};
use crate::store::DecoySecret;

impl World {
    /// A first factor of `subject`.
    async fn passkey(&self, subject: &str, credential: &str) -> pb::Device {
        let begin = pb::BeginPasskeyRegistrationRequest {
            parent: self.me(),
            display_name: "key".into(),
            ..Default::default()
        };
        let begun = answer(self.devices().begin_passkey_registration(self.by(subject, begin)).await).unwrap();
        let finish = pb::FinishPasskeyRegistrationRequest {
            parent: self.me(),
            ceremony_id: begun.ceremony_id,
            credential_json: sign(&begun.options_json, credential, 1),
        };
        let finished = self.devices().finish_passkey_registration(self.by(subject, finish)).await;
        answer(finished).unwrap().device.unwrap()
    }

    fn begin_proof(&self, subject: &str) -> pb::BeginPasskeyAuthenticationRequest {
        pb::BeginPasskeyAuthenticationRequest {
            user: self.name(subject),
            session_id: subject.into(),
            purpose_digest: vec![7; 32],
            operation_digest: vec![8; 32],
        }
    }

    fn verify_passkey(&self, subject: &str, ceremony_id: &str, json: String) -> pb::VerifyPasskeyRequest {
        pb::VerifyPasskeyRequest {
            user: self.name(subject),
            session_id: subject.into(),
            ceremony_id: ceremony_id.into(),
            credential_json: json,
            request_id: request().to_string(),
            purpose_digest: vec![7; 32],
        }
    }

    async fn evidence(&self, roles: &[&str], name: &str) -> Result<pb::GetPasskeyEvidenceResponse> {
        let token = self.administrators.admin("root", roles, self.clock.now());
        let get = pb::GetPasskeyEvidenceRequest { name: name.into() };
        let mut client = MfaDevicesAdminServiceClient::new(self.network.channel("somebody", "public"));
        answer(client.get_passkey_evidence(bearing(&token, get)).await)
    }
}

/// The point of a COSE_Key of P-256 (RFC 9053 section 7.1.1), as the last 65 of its 77 octets have it.
fn point(cose: &[u8]) -> Vec<u8> {
    assert_eq!((cose.len(), &cose[..10]), (77, &[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 0x20][..]));
    assert_eq!(cose[42..45], [0x22, 0x58, 0x20]);
    [&[4], &cose[10..42], &cose[45..]].concat()
}

#[tokio::test]
async fn a_real_passkey_is_registered_and_proved_and_its_evidence_verifies_without_us() {
    let passkeys = |environments: Arc<OneEnvironment>| {
        Passkeys::new(CeremonyStore::in_memory(), environments, &DecoySecret::of([5; 32]))
    };
    let world = World::with(Arc::new(FixedClock::new()), None, |_| {}, passkeys).await;
    let origin = format!("https://{RP_ID}");
    let mut phone = SoftPasskey::new();
    let begin = pb::BeginPasskeyRegistrationRequest { parent: world.me(), ..Default::default() };
    let begun = answer(world.devices().begin_passkey_registration(world.by("alice", begin)).await).unwrap();
    let finish = pb::FinishPasskeyRegistrationRequest {
        parent: world.me(),
        ceremony_id: begun.ceremony_id,
        credential_json: phone.register(&origin, &begun.options_json).await.unwrap(),
    };
    let finished = world.devices().finish_passkey_registration(world.by("alice", finish)).await;
    let device = answer(finished).unwrap().device.unwrap();

    let mut issuer = world.factors("token-issuer");
    let mut proofs = Vec::new();
    for _ in 0..2 {
        let begun = answer(issuer.begin_passkey_authentication(world.begin_proof("alice")).await).unwrap();
        let signed = phone.authenticate(&origin, &begun.options_json).await.unwrap();
        let verify = world.verify_passkey("alice", &begun.ceremony_id, signed.clone());
        proofs.push(answer(issuer.verify_passkey(verify).await).unwrap());
        let replayed = world.verify_passkey("alice", &begun.ceremony_id, signed);
        assert_refused(issuer.verify_passkey(replayed).await, Reason::CeremonyUnknown);
    }
    for proof in proofs {
        assert_eq!(proof.device, device.name);
        let name = format!("{}/proofs/{}", world.name("alice"), proof.proof_id);
        let evidence = world.evidence(&["auditor@*"], &name).await.unwrap();
        let hash = sha2::Sha256::digest(&evidence.client_data_json);
        let signed = [evidence.authenticator_data.as_slice(), hash.as_slice()].concat();
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point(&evidence.public_key));
        key.verify(&signed, &evidence.signature).unwrap();
        let rp_id = sha2::Sha256::digest(RP_ID);
        assert_eq!(evidence.authenticator_data[..32], rp_id[..]);
        // The client data has the challenge, and the challenge is made of what it is evidence of (docs/passkeys.md).
        let challenge = sha2::Sha256::new()
            .chain_update("countersign/webauthn-challenge/v1")
            .chain_update(&evidence.nonce)
            .chain_update(world.environment.uuid().as_bytes())
            .chain_update(world.user("alice").uuid().as_bytes())
            .chain_update(&evidence.purpose_digest)
            .chain_update([1])
            .chain_update(&evidence.operation_digest)
            .finalize();
        let client_data = String::from_utf8(evidence.client_data_json).unwrap();
        let sent = data_encoding::BASE64URL_NOPAD.encode(&challenge);
        assert!(client_data.contains(&format!("\"challenge\":\"{sent}\"")), "{client_data}");
    }
}

#[tokio::test]
async fn a_passkey_is_registered_proved_and_removed_and_its_evidence_outlives_it() {
    let world = World::new().await;
    let credential = fresh_credential();
    let device = world.passkey("alice", &credential).await;
    assert_eq!((device.kind(), device.state()), (types::FactorKind::Passkey, pb::DeviceState::Verified));
    assert!(device.is_default && device.last_use_time.is_some());
    let Some(pb::device::Details::Passkey(details)) = &device.details else { panic!("{device:?}") };
    assert_eq!(data_encoding::HEXLOWER.encode(&details.credential_id), credential);
    assert_eq!((details.rp_id.as_str(), details.transports.len()), (RP_ID, 2));
    assert_eq!(details.aaguid, "00000000-0000-0000-0000-000000000000");

    let mut issuer = world.factors("token-issuer");
    let asked = pb::GetFactorFactsRequest { user: world.name("alice"), ..Default::default() };
    let facts = answer(issuer.get_factor_facts(asked.clone()).await).unwrap().facts.unwrap();
    assert_eq!(facts.factors[0].kind(), types::FactorKind::Passkey);

    let begun = answer(issuer.begin_passkey_authentication(world.begin_proof("alice")).await).unwrap();
    assert_eq!(named(&begun.options_json), [credential.as_str()]);
    let json = sign(&begun.options_json, &credential, 2);
    let verify = world.verify_passkey("alice", &begun.ceremony_id, json.clone());
    let proof = answer(issuer.verify_passkey(verify.clone()).await).unwrap();
    assert_eq!((&proof.device, proof.kind()), (&device.name, types::FactorKind::Passkey));
    assert_eq!(answer(issuer.verify_passkey(verify).await).unwrap(), proof, "a retry");
    let replayed = world.verify_passkey("alice", &begun.ceremony_id, json.clone());
    assert_refused(issuer.verify_passkey(replayed).await, Reason::CeremonyUnknown);

    let id = names::parse_device("name", &device.name).unwrap().id;
    let (operation_id, receipt) = world.receipt_by(Acr::Phr, "alice", Body::UnlinkCredential { device: id });
    let delete = pb::DeleteDeviceRequest { name: device.name.clone(), operation_id, receipt };
    answer(world.devices().delete_device(world.by("alice", delete)).await).unwrap();
    let facts = answer(issuer.get_factor_facts(asked).await).unwrap().facts.unwrap();
    assert!(facts.ever_verified && facts.factors.is_empty());

    // The trail names the proof, and by that name the evidence is found.
    let here = names::environment(world.environment);
    let auditor = format!("auditor@{}", world.environment);
    let events = world.audited(&[&auditor], &here).await.unwrap();
    let kinds: Vec<_> = events.iter().rev().map(|event| event.kind.as_str()).collect();
    let expected = [
        "passkey.begin_registration",
        "passkey.register",
        "passkey.verify",
        "passkey.verify",
        "passkey.verify",
        "device.delete",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(events[4].resource, device.name);
    let name = format!("{}/proofs/{}", world.name("alice"), proof.proof_id);
    assert_eq!(events[3].resource, name);
    let evidence = world.evidence(&[&auditor], &name).await.unwrap();
    assert_eq!((evidence.name, &evidence.device), (name.clone(), &device.name));
    assert_eq!((evidence.purpose_digest, evidence.operation_digest), (vec![7; 32], vec![8; 32]));
    assert_eq!((evidence.client_data_json, evidence.nonce.len()), (json.into_bytes(), 32));
    assert_eq!((evidence.rp_id.as_str(), evidence.verify_time), (RP_ID, proof.auth_time));
    for roles in [&["owner@*"][..], &["auditor@*"]] {
        world.evidence(roles, &name).await.unwrap();
    }
    let elsewhere = format!("auditor@{}", EnvironmentId::random(&*ENTROPY));
    for roles in [&["viewer@*"][..], &["editor@*"], &[&elsewhere]] {
        let refused = world.evidence(roles, &name).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::AdminRoleMissing);
    }
    for unknown in [
        format!("{}/proofs/{}", world.name("bob"), proof.proof_id),
        format!("{}/proofs/{}", world.name("alice"), DeviceId::random(&*ENTROPY)),
    ] {
        let refused = world.evidence(&["auditor@*"], &unknown).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::ResourceNotFound);
    }
    let malformed = world.evidence(&["auditor@*"], &device.name).await.unwrap_err();
    assert_eq!(malformed.reason(), Reason::InvalidRequest);
}

#[tokio::test]
async fn a_passkey_request_that_is_malformed_is_named_and_uses_up_nothing() {
    let world = World::new().await;
    let credential = fresh_credential();
    world.passkey("alice", &credential).await;
    let mut issuer = world.factors("token-issuer");
    let begin = world.begin_proof("alice");
    for (field, request) in [
        ("user", pb::BeginPasskeyAuthenticationRequest { user: world.me(), ..begin.clone() }),
        ("session_id", pb::BeginPasskeyAuthenticationRequest { session_id: "".into(), ..begin.clone() }),
        ("purpose_digest", pb::BeginPasskeyAuthenticationRequest { purpose_digest: vec![], ..begin.clone() }),
        (
            "operation_digest",
            pb::BeginPasskeyAuthenticationRequest { operation_digest: vec![8; 31], ..begin.clone() },
        ),
    ] {
        let refused = issuer.begin_passkey_authentication(request).await;
        assert_eq!(assert_refused(refused, Reason::InvalidRequest).violations()[0].field, field);
    }
    let begun = answer(issuer.begin_passkey_authentication(begin).await).unwrap();
    let json = sign(&begun.options_json, &credential, 2);
    let good = world.verify_passkey("alice", &begun.ceremony_id, json);
    for (field, request) in [
        ("user", pb::VerifyPasskeyRequest { user: world.me(), ..good.clone() }),
        ("session_id", pb::VerifyPasskeyRequest { session_id: String::new(), ..good.clone() }),
        ("ceremony_id", pb::VerifyPasskeyRequest { ceremony_id: "1".into(), ..good.clone() }),
        ("credential_json", pb::VerifyPasskeyRequest { credential_json: String::new(), ..good.clone() }),
        (
            "credential_json",
            pb::VerifyPasskeyRequest { credential_json: " ".repeat((16 << 10) + 1), ..good.clone() },
        ),
        ("request_id", pb::VerifyPasskeyRequest { request_id: "1".into(), ..good.clone() }),
        ("purpose_digest", pb::VerifyPasskeyRequest { purpose_digest: vec![7; 33], ..good.clone() }),
    ] {
        let refused = issuer.verify_passkey(request).await;
        assert_eq!(assert_refused(refused, Reason::InvalidRequest).violations()[0].field, field);
    }
    answer(issuer.verify_passkey(good).await).unwrap();

    let mut client = world.devices();
    let finish = pb::FinishPasskeyRegistrationRequest {
        parent: world.me(),
        ceremony_id: begun.ceremony_id,
        credential_json: "{}".into(),
    };
    for (field, request) in [
        (
            "parent",
            pb::FinishPasskeyRegistrationRequest {
                parent: names::environment(world.environment),
                ..finish.clone()
            },
        ),
        ("ceremony_id", pb::FinishPasskeyRegistrationRequest { ceremony_id: "".into(), ..finish.clone() }),
        (
            "credential_json",
            pb::FinishPasskeyRegistrationRequest {
                credential_json: " ".repeat((64 << 10) + 1),
                ..finish.clone()
            },
        ),
    ] {
        let refused = client.finish_passkey_registration(world.by("alice", request)).await;
        let error = assert_refused(refused, Reason::InvalidRequest);
        assert_eq!(error.violations()[0].field, field);
    }
    assert_refused(
        client.finish_passkey_registration(world.by("alice", finish)).await,
        Reason::CeremonyUnknown,
    );
    let other = world.name("alice");
    let begin = pb::BeginPasskeyRegistrationRequest { parent: other.clone(), ..Default::default() };
    let refused = client.begin_passkey_registration(world.by("mallory", begin)).await;
    assert_refused(refused, Reason::ResourceNotFound);
    let begin = pb::BeginPasskeyProofRequest { parent: other };
    let refused = client.begin_passkey_proof(world.by("mallory", begin)).await;
    assert_refused(refused, Reason::ResourceNotFound);
}

#[tokio::test]
async fn only_the_issuer_may_have_passkeys_proved() {
    let world = World::new().await;
    for role in ["policy", "waas-gateway", "mpc-signer", "mfa-devices", "somebody", ""] {
        let mut factors = world.factors(role);
        let refused = factors.begin_passkey_authentication(world.begin_proof("alice")).await;
        assert_eq!(public_reason(&refused.unwrap_err()), "PEER_NOT_ALLOWED");
        let id = DeviceId::random(&*ENTROPY).to_string();
        let refused = factors.verify_passkey(world.verify_passkey("alice", &id, "{}".into())).await;
        assert_eq!(public_reason(&refused.unwrap_err()), "PEER_NOT_ALLOWED");
    }
}

#[tokio::test]
async fn case_24_somebody_unknown_is_told_what_everybody_is() {
    let world = World::new().await;
    world.passkey("alice", &fresh_credential()).await;
    let mut issuer = world.factors("token-issuer");
    let mut seen = Vec::new();
    for subject in ["alice", "nobody"] {
        let begun = answer(issuer.begin_passkey_authentication(world.begin_proof(subject)).await).unwrap();
        let json = sign(&begun.options_json, &fresh_credential(), 2);
        let verify = world.verify_passkey(subject, &begun.ceremony_id, json);
        let status = issuer.verify_passkey(verify).await.unwrap_err();
        seen.push((status.code(), status.message().to_owned(), status.details().len()));
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn a_proof_for_the_recovery_codes_pays_for_nothing_else() {
    let world = World::new().await;
    let credential = fresh_credential();
    world.passkey("alice", &credential).await;
    let begin = pb::BeginPasskeyProofRequest { parent: world.me() };
    let begun = answer(world.devices().begin_passkey_proof(world.by("alice", begin)).await).unwrap();
    assert_eq!(named(&begun.options_json), [credential.as_str()]);
    let json = sign(&begun.options_json, &credential, 2);
    let mut issuer = world.factors("token-issuer");
    let verify = world.verify_passkey("alice", &begun.ceremony_id, json);
    assert_refused(issuer.verify_passkey(verify).await, Reason::CeremonyUnknown);
}
