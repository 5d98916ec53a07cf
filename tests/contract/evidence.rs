//! What a passkey signed can be verified again by somebody who has the evidence, the documents and other people's software.

use data_encoding::HEXLOWER;
use kernel::Reason;
use proto::mfa_devices::{GetPasskeyEvidenceRequest, GetPasskeyEvidenceResponse};
use proto::policy::Preset;
use soft_authenticator::SoftPasskey;

use crate::support::admin::Admin;
use crate::support::answer::{Done as _, Outcome as _};
use crate::support::audit::Trail;
use crate::support::dev::suite;
use crate::support::fresh;
use crate::support::passkeys::{For, ORIGIN, RP_ID};
use crate::support::tools::{PYTHON, prepared, program, run};
use crate::support::user::User;

/// Makes the challenge as docs/passkeys.md has it and hands the rest to py_webauthn.
const VERIFIER: &str = include_str!("evidence.py");

/// Whether the evidence verifies as that of this operation.
fn verifies(user: &User, evidence: &GetPasskeyEvidenceResponse, operation_digest: &[u8]) -> bool {
    let mut command = program(prepared(PYTHON));
    command.args(["-c", VERIFIER, RP_ID, ORIGIN, &user.environment.to_string(), &user.id.to_string()]);
    for octets in [
        &evidence.credential_id,
        &evidence.public_key,
        &evidence.authenticator_data,
        &evidence.client_data_json,
        &evidence.signature,
        &evidence.nonce,
        &evidence.purpose_digest,
        operation_digest,
    ] {
        command.arg(HEXLOWER.encode(octets));
    }
    let output = run(command);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    match told.trim() {
        "verified" => true,
        "refused" => false,
        _ => panic!("{told}{}", String::from_utf8_lossy(&output.stderr)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_of_an_operation_verifies_without_this_suite() {
    let place = Admin::owner(suite()).await.environment(suite(), Preset::Strict).await;
    let (user, mut device) = (place.user(suite()), SoftPasskey::new());
    let wallet = user.wallet().await;
    let registered = user.passkey(&mut device, None).await;
    let operation = user.signing(&wallet, b"evident");
    user.passkey_token(&mut device, For::Operation(&operation)).await;

    let events = Trail::Devices.newest(&place.admin, place.id).await;
    let row = events.iter().find(|row| row.resource.contains("/proofs/")).expect("a proof in the trail");
    let request = || GetPasskeyEvidenceRequest { name: row.resource.clone() };
    let auditor = Admin::with(suite(), &[&format!("auditor@{}", place.id)]).await;
    let evidence = auditor.factors().get_passkey_evidence(auditor.request(request())).await.done();
    assert_eq!((&evidence.device, evidence.rp_id.as_str()), (&registered.name, RP_ID));
    let digest = operation.clone().check().unwrap().digest();
    assert_eq!(evidence.operation_digest, digest.as_bytes());

    assert!(verifies(&user, &evidence, digest.as_bytes()));
    let other = user.signing(&wallet, b"another").check().unwrap().digest();
    assert!(!verifies(&user, &evidence, other.as_bytes()), "it is evidence of this operation alone");
    assert!(!verifies(&user, &evidence, &[]), "nor is it of none");

    let viewer = Admin::with(suite(), &[&format!("editor@{}", place.id)]).await;
    let refused = viewer.factors().get_passkey_evidence(viewer.request(request())).await;
    refused.refused(Reason::AdminRoleMissing);
    let absent = GetPasskeyEvidenceRequest { name: format!("{}/proofs/{}", user.name(), fresh::uuid()) };
    let refused = auditor.factors().get_passkey_evidence(auditor.request(absent)).await;
    refused.refused(Reason::ResourceNotFound);
}
