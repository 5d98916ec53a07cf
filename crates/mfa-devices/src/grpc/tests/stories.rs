//! What callers come for.

use runtime::environments::TotpAlgorithm;

use super::*;

#[tokio::test]
async fn a_factor_is_enrolled_proved_and_removed_and_the_trail_says_so() {
    let world = World::new().await;
    let (device, phone) = world.enrol("alice").await;
    assert!(device.is_default && device.name.starts_with(&world.name("alice")));
    assert_eq!(device.state(), pb::DeviceState::Verified);
    assert_eq!((device.display_name.as_str(), device.kind()), ("phone", types::FactorKind::Totp));

    let mut issuer = world.factors("token-issuer");
    let verify = world.verify("alice", world.code(&phone, 0));
    let proof = answer(issuer.verify_totp(verify.clone()).await).unwrap();
    assert_eq!(proof.device, device.name);
    assert_eq!(answer(issuer.verify_totp(verify).await).unwrap(), proof, "a retry");

    let asked = pb::GetFactorFactsRequest { user: world.name("alice"), ..Default::default() };
    let facts = answer(issuer.get_factor_facts(asked.clone()).await).unwrap().facts.unwrap();
    assert!(facts.ever_verified);
    let [factor] = facts.factors.as_slice() else { panic!("{facts:?}") };
    assert_eq!((factor.device.as_str(), factor.is_default), (device.name.as_str(), true));

    let id = names::parse_device("name", &device.name).unwrap().id;
    let (operation_id, receipt) = world.receipt("alice", Body::UnlinkCredential { device: id });
    let delete = pb::DeleteDeviceRequest { name: device.name.clone(), operation_id, receipt };
    answer(world.devices().delete_device(world.by("alice", delete)).await).unwrap();
    let facts = answer(issuer.get_factor_facts(asked).await).unwrap().facts.unwrap();
    assert!(facts.ever_verified && facts.factors.is_empty());

    let here = names::environment(world.environment);
    let events = world.audited(&[&format!("auditor@{}", world.environment)], &here).await.unwrap();
    let kinds: Vec<_> = events.iter().rev().map(|event| event.kind.as_str()).collect();
    let expected = ["device.register", "device.activate", "totp.verify", "totp.verify", "device.delete"];
    assert_eq!(kinds, expected);
    for event in &events {
        assert_eq!(event.outcome(), types::AuditOutcome::Succeeded, "{event:?}");
        assert!(event.resource.starts_with(&world.name("alice")), "{event:?}");
    }
    assert_eq!(events[4].resource, device.name, "the registration names the device");
    assert_eq!(events[0].operation_digest.len(), 32);
    assert_eq!(
        (events[1].actor.as_str(), events[1].environment.as_str()),
        ("peer:token-issuer", here.as_str())
    );
}

#[tokio::test]
async fn a_further_factor_is_registered_with_a_receipt() {
    let world = World::new().await;
    world.enrol("alice").await;
    let register = pb::RegisterTotpDeviceRequest { parent: world.name("alice"), ..Default::default() };
    let refused = world.devices().register_totp_device(world.by("alice", register.clone())).await;
    assert_refused(refused, Reason::ReceiptMissing);
    let body = Body::LinkCredential { factor: FactorKind::Totp };
    let (operation_id, receipt) = world.receipt("alice", body);
    let unnamed = pb::RegisterTotpDeviceRequest { receipt: receipt.clone(), ..register.clone() };
    let refused = world.devices().register_totp_device(world.by("alice", unnamed)).await;
    assert_eq!(assert_refused(refused, Reason::InvalidRequest).violations()[0].field, "operation_id");
    let paid = pb::RegisterTotpDeviceRequest { operation_id, receipt, ..register };
    let registered = answer(world.devices().register_totp_device(world.by("alice", paid)).await).unwrap();
    assert_eq!(registered.device.unwrap().state(), pb::DeviceState::Pending);
    assert!(!registered.qr_text.is_empty() && registered.qr_svg.contains("<svg"));
    assert!(registered.otpauth_uri.contains(&registered.secret));
}

#[tokio::test]
async fn somebody_elses_devices_look_as_if_they_did_not_exist() {
    let world = World::new().await;
    let (device, phone) = world.enrol("alice").await;
    let id = names::parse_device("name", &device.name).unwrap().id;
    let below_me = format!("{}/devices/{id}", world.me());
    for name in [&device.name, &below_me] {
        let mut client = world.devices();
        let get = pb::GetDeviceRequest { name: name.clone() };
        assert_refused(client.get_device(world.by("mallory", get)).await, Reason::ResourceNotFound);
        let default = pb::SetDefaultDeviceRequest { name: name.clone() };
        let refused = client.set_default_device(world.by("mallory", default)).await;
        assert_refused(refused, Reason::ResourceNotFound);
        let delete = pb::DeleteDeviceRequest { name: name.clone(), ..Default::default() };
        assert_refused(client.delete_device(world.by("mallory", delete)).await, Reason::ResourceNotFound);
        let update = pb::UpdateDeviceRequest {
            device: Some(pb::Device { name: name.clone(), ..Default::default() }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["display_name".into()] }),
        };
        assert_refused(client.update_device(world.by("mallory", update)).await, Reason::ResourceNotFound);
    }
    let list = pb::ListDevicesRequest { parent: world.name("alice"), ..Default::default() };
    let refused = world.devices().list_devices(world.by("mallory", list)).await;
    assert_refused(refused, Reason::ResourceNotFound);

    // Where a code is tested, a device of somebody else, an unknown one and a wrong code are all the same.
    let mut issuer = world.factors("token-issuer");
    let stranger =
        pb::VerifyTotpRequest { device: device.name, ..world.verify("mallory", world.code(&phone, 0)) };
    let unknown = pb::VerifyTotpRequest {
        device: names::device(world.environment, world.user("mallory"), id),
        ..world.verify("mallory", world.code(&phone, 0))
    };
    let first = assert_refused(issuer.verify_totp(stranger).await, Reason::CodeRejected);
    let second = assert_refused(issuer.verify_totp(unknown).await, Reason::CodeRejected);
    assert_eq!(first.message(), second.message());
    assert_eq!((&*first.metadata()["tries_left"], &*second.metadata()["tries_left"]), ("4", "3"));
}

#[tokio::test]
async fn a_totp_device_computes_as_its_environment_says() {
    let totp = TotpParameters { algorithm: TotpAlgorithm::Sha512, digits: 8, period_seconds: 15 };
    let world =
        World::with(Arc::new(FixedClock::new()), None, |settings| settings.totp = totp, stand_ins).await;
    let register = pb::RegisterTotpDeviceRequest { parent: world.me(), ..Default::default() };
    let registered = answer(world.devices().register_totp_device(world.by("alice", register)).await).unwrap();
    let device = registered.device.unwrap();
    let Some(pb::device::Details::Totp(details)) = &device.details else { panic!("{device:?}") };
    assert_eq!((details.algorithm.as_str(), details.digits, details.period_seconds), ("SHA512", 8, 15));
    assert_eq!(registered.secret.len(), 103, "64 octets");
    let phone = SoftTotp::from_uri(&registered.otpauth_uri).unwrap();
    let code = phone.code_at(u64::try_from(world.clock.now().seconds()).unwrap());
    let mut issuer = world.factors("token-issuer");
    let proof = answer(issuer.verify_totp(world.verify("alice", code)).await).unwrap();
    assert_eq!(proof.device, device.name);
}

#[tokio::test]
async fn without_a_relying_party_there_are_no_passkeys() {
    let world =
        World::with(Arc::new(FixedClock::new()), None, |settings| settings.relying_party = None, stand_ins)
            .await;
    let begin = pb::BeginPasskeyRegistrationRequest { parent: world.me(), ..Default::default() };
    let refused = world.devices().begin_passkey_registration(world.by("alice", begin)).await;
    assert_refused(refused, Reason::RelyingPartyMissing);
    let begin = pb::BeginPasskeyAuthenticationRequest {
        user: world.name("alice"),
        session_id: "alice".into(),
        purpose_digest: vec![7; 32],
        ..Default::default()
    };
    let refused = world.factors("token-issuer").begin_passkey_authentication(begin).await;
    assert_refused(refused, Reason::RelyingPartyMissing);
}
