//! Refusals, lists and names.

use super::*;

#[tokio::test]
async fn what_is_malformed_is_named_and_costs_nothing() {
    let world = World::new().await;
    let (device, phone) = world.enrol("alice").await;
    let mut issuer = world.factors("token-issuer");
    let good = world.verify("alice", world.code(&phone, 0));
    let bad = [
        ("user", pb::VerifyTotpRequest { user: world.me(), ..good.clone() }),
        ("user", pb::VerifyTotpRequest { user: String::new(), ..good.clone() }),
        ("session_id", pb::VerifyTotpRequest { session_id: String::new(), ..good.clone() }),
        ("device", pb::VerifyTotpRequest { device: "devices/x".into(), ..good.clone() }),
        ("request_id", pb::VerifyTotpRequest { request_id: "1".into(), ..good.clone() }),
        ("purpose_digest", pb::VerifyTotpRequest { purpose_digest: vec![7; 31], ..good.clone() }),
    ];
    for (field, request) in bad {
        let error = assert_refused(issuer.verify_totp(request).await, Reason::InvalidRequest);
        assert_eq!(error.violations()[0].field, field);
    }
    let error = assert_refused(
        issuer.verify_totp(pb::VerifyTotpRequest { code: "12 34".into(), ..good.clone() }).await,
        Reason::CodeRejected,
    );
    assert_eq!(error.metadata()["tries_left"], "5");
    answer(issuer.verify_totp(good).await).unwrap();

    let mut client = world.devices();
    let update = |paths: &[&str], display_name: &str| pb::UpdateDeviceRequest {
        device: Some(pb::Device {
            name: device.name.clone(),
            display_name: display_name.into(),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: paths.iter().map(ToString::to_string).collect() }),
    };
    let none = pb::UpdateDeviceRequest { update_mask: None, ..update(&[], "x") };
    for (field, request) in [
        ("update_mask", none),
        ("update_mask", update(&["*"], "x")),
        ("update_mask", update(&["display_name", "state"], "x")),
        ("device.display_name", update(&["display_name"], "a\u{0}")),
    ] {
        let refused = client.update_device(world.by("alice", request)).await;
        assert_eq!(assert_refused(refused, Reason::InvalidRequest).violations()[0].field, field);
    }
    let good = update(&["display_name"], "tablet");
    let renamed = answer(client.update_device(world.by("alice", good)).await).unwrap().device.unwrap();
    assert_eq!(renamed.display_name, "tablet");
    assert_ne!(renamed.etag, device.etag);
    let mut stale = update(&["display_name"], "other");
    stale.device.as_mut().unwrap().etag = device.etag.clone();
    assert_refused(client.update_device(world.by("alice", stale)).await, Reason::EtagMismatch);
}

#[tokio::test]
async fn too_many_wrong_codes_are_told_when_to_try_again() {
    let world = World::new().await;
    let mut issuer = world.factors("token-issuer");
    for left in (0..5).rev() {
        let refused = issuer.verify_totp(world.verify("nobody", "123456".into())).await;
        let error = assert_refused(refused, Reason::CodeRejected);
        assert_eq!(error.metadata()["tries_left"], left.to_string());
    }
    let refused = issuer.verify_totp(world.verify("nobody", "123456".into())).await;
    let error = assert_refused(refused, Reason::FactorThrottled);
    assert_eq!(error.retry_delay(), Some(Duration::from_secs(30)));
    let here = names::environment(world.environment);
    let events = world.audited(&["owner@*"], &here).await.unwrap();
    let counts: Vec<_> = events.iter().map(|event| (event.reason.as_str(), event.count)).collect();
    assert_eq!(counts, [("FACTOR_THROTTLED", 1), ("CODE_REJECTED", 5)], "like refusals share a row");
}

#[tokio::test]
async fn a_service_that_was_put_back_takes_the_worst() {
    let clock = Arc::new(FixedClock::new());
    let restored = clock.now();
    let world = World::at(clock.clone(), Some(restored)).await;
    let mut issuer = world.factors("token-issuer");
    // Whoever brings a code, it could be one from before.
    let early = issuer.verify_totp(world.verify("bob", "123456".to_owned())).await;
    clock.advance(assert_refused(early, Reason::FactorThrottled).retry_delay().unwrap());
    // One more step, because `enrol` sends the code of the step before.
    clock.advance(Duration::from_secs(30));
    let (device, phone) = world.enrol("alice").await;
    let wrong = if world.code(&phone, 0) == "123456" { "654321" } else { "123456" };
    let refused = issuer.verify_totp(world.verify("bob", wrong.to_owned())).await;
    assert_eq!(assert_refused(refused, Reason::CodeRejected).metadata()["tries_left"], "0");
    // A receipt from then is dead.
    clock.set(restored);
    let id = names::parse_device("name", &device.name).unwrap().id;
    let (operation_id, receipt) = world.receipt("alice", Body::UnlinkCredential { device: id });
    clock.advance(Duration::from_secs(1));
    let delete = pb::DeleteDeviceRequest { name: device.name, operation_id, receipt };
    let refused = world.devices().delete_device(world.by("alice", delete)).await;
    assert_refused(refused, Reason::ReceiptExpired);
}

#[tokio::test]
async fn only_the_issuer_may_have_codes_tested_and_only_on_the_peer_listener() {
    let world = World::new().await;
    for role in ["policy", "waas-gateway", "mpc-signer", "mfa-devices", "somebody", ""] {
        let refused = world.factors(role).verify_totp(world.verify("alice", "123456".into())).await;
        assert_eq!(public_reason(&refused.unwrap_err()), "PEER_NOT_ALLOWED");
        let asked = pb::GetFactorFactsRequest { user: world.name("alice"), ..Default::default() };
        let refused = world.factors(role).get_factor_facts(asked).await;
        assert_eq!(public_reason(&refused.unwrap_err()), "PEER_NOT_ALLOWED");
    }
    let mut outside = FactorServiceClient::new(world.network.channel("token-issuer", "public"));
    let refused = outside.verify_totp(world.verify("alice", "123456".into())).await;
    assert_refused(refused, Reason::MethodUnknown);
}

#[tokio::test]
async fn users_need_a_session_and_administrators_their_role() {
    let world = World::new().await;
    let list = || pb::ListDevicesRequest { parent: world.me(), ..Default::default() };
    assert_refused(world.devices().list_devices(list()).await, Reason::SessionMissing);
    let admin = world.administrators.admin("root", &["owner@*"], world.clock.now());
    let refused = world.devices().list_devices(bearing(&admin, list())).await;
    assert_refused(refused, Reason::SessionInvalid);
    let elsewhere = EnvironmentId::random(&*ENTROPY);
    let role = format!("auditor@{elsewhere}");
    let here = names::environment(world.environment);
    for (roles, parent) in [([role.as_str()], here.as_str()), ([role.as_str()], ""), (["editor@*"], "")] {
        let refused = world.audited(&roles, parent).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::AdminRoleMissing);
    }
}

#[tokio::test]
async fn devices_are_listed_in_pages_of_this_very_list() {
    let world = World::new().await;
    let (first, _) = world.enrol("alice").await;
    let (operation_id, receipt) = world.receipt("alice", Body::LinkCredential { factor: FactorKind::Totp });
    world.clock.advance(Duration::from_secs(1));
    let parent = world.me();
    let register = pb::RegisterTotpDeviceRequest { parent, operation_id, receipt, ..Default::default() };
    answer(world.devices().register_totp_device(world.by("alice", register)).await).unwrap();
    let list = |page_token: &str| pb::ListDevicesRequest {
        parent: world.me(),
        page_size: 1,
        page_token: page_token.into(),
    };
    let page = answer(world.devices().list_devices(world.by("alice", list(""))).await).unwrap();
    assert_eq!(page.devices, [first]);
    let next = page.next_page_token;
    let page = answer(world.devices().list_devices(world.by("alice", list(&next))).await).unwrap();
    assert_eq!(page.devices[0].state(), pb::DeviceState::Pending);
    assert_eq!((page.devices.len(), page.next_page_token.as_str()), (1, ""));
    let refused = world.devices().list_devices(world.by("mallory", list(&next))).await;
    assert_refused(refused, Reason::InvalidRequest);
}

#[test]
fn the_audit_trail_names_devices_as_the_protocol_does() {
    let owner = Owner { environment: EnvironmentId::random(&*ENTROPY), user: UserId::random(&*ENTROPY) };
    let device = kernel::DeviceId::random(&*ENTROPY);
    assert_eq!(owner.device_name(device), names::device(owner.environment, owner.user, device));
}
