use super::*;

fn ids(shown: &[Shown]) -> Vec<DeviceId> {
    shown.iter().map(|shown| shown.device.id).collect()
}

#[tokio::test]
async fn devices_are_listed_oldest_first_in_pages() {
    let world = World::new().await;
    let owner = owner();
    let mut expected = Vec::new();
    for index in 0..3 {
        world.clock.set(NOW.plus(index * STEP));
        let phone =
            if index == 0 { world.enrolled(owner, "s-1").await } else { world.further(owner, "s-1").await };
        expected.push(phone.id);
    }
    let caller = world.caller(owner, "s-1");
    let all = world.service.list(&caller, None, 3).await.unwrap();
    assert_eq!((ids(&all.devices), all.next), (expected.clone(), None));
    let first = world.service.list(&caller, None, 2).await.unwrap();
    assert_eq!(ids(&first.devices), expected[..2]);

    // The next page goes on even when the device that the first one ended with is gone.
    let ticket = world.unlink(owner, "s-1", expected[1]);
    world.service.remove(&caller, expected[1], Some(&ticket)).await.unwrap();
    let second = world.service.list(&caller, first.next, 2).await.unwrap();
    assert_eq!((ids(&second.devices), second.next), (vec![expected[2]], None));
}

#[tokio::test]
async fn a_pending_device_is_seen_by_its_own_session_only() {
    let world = World::new().await;
    let owner = owner();
    let own = world.caller(owner, "s-1");
    let pending = world.register(&own, None).await.unwrap().device;
    assert_eq!(ids(&world.service.list(&own, None, 10).await.unwrap().devices), [pending.device.id]);
    assert_eq!(world.service.get(&own, pending.device.id).await.unwrap(), pending);
    for other in [world.caller(owner, "s-2"), world.caller(crate::fixtures::owner(), "s-1")] {
        assert!(world.service.list(&other, None, 10).await.unwrap().devices.is_empty());
        let id = pending.device.id;
        assert_refused(world.service.get(&other, id).await, Reason::ResourceNotFound);
        let name = DisplayName::default();
        assert_refused(world.service.rename(&other, id, &name, None).await, Reason::ResourceNotFound);
        assert_refused(world.service.set_default(&other, id).await, Reason::ResourceNotFound);
        assert_refused(world.service.remove(&other, id, None).await, Reason::ResourceNotFound);
    }
    assert_refused(world.service.set_default(&own, pending.device.id).await, Reason::ResourceNotFound);
}

#[tokio::test]
async fn a_name_changes_with_the_current_etag_only() {
    let world = World::new().await;
    let owner = owner();
    let phone = world.enrolled(owner, "s-1").await;
    let caller = world.caller(owner, "s-2");
    let before = world.service.get(&caller, phone.id).await.unwrap();
    let name = |text| DisplayName::new("display_name", text).unwrap();
    let renamed =
        world.service.rename(&caller, phone.id, &name("tablet"), Some(&before.etag())).await.unwrap();
    assert_eq!(renamed.device.display_name.as_str(), "tablet");
    assert_ne!(renamed.etag(), before.etag());
    for stale in [before.etag().as_str(), "", "2", "\"02\"", "*"] {
        let refused = world.service.rename(&caller, phone.id, &name("other"), Some(stale)).await;
        assert_refused(refused, Reason::EtagMismatch);
    }
    world.service.rename(&caller, phone.id, &name(""), None).await.unwrap();
    // Proving something does not change the etag: it is not what its owner changes.
    let etag = world.service.get(&caller, phone.id).await.unwrap().etag();
    world.prove_any(owner, &phone.codes(NOW).current).await.unwrap();
    assert_eq!(world.service.get(&caller, phone.id).await.unwrap().etag(), etag);
}

#[tokio::test]
async fn the_default_is_chosen_among_the_factors() {
    let world = World::new().await;
    let owner = owner();
    let first = world.enrolled(owner, "s-1").await;
    let second = world.further(owner, "s-1").await;
    let caller = world.caller(owner, "s-1");
    assert!(world.service.get(&caller, first.id).await.unwrap().is_default);
    assert!(world.service.set_default(&caller, second.id).await.unwrap().is_default);
    assert!(!world.service.get(&caller, first.id).await.unwrap().is_default);
    let unknown = DeviceId::random(&*ENTROPY);
    assert_refused(world.service.set_default(&caller, unknown).await, Reason::ResourceNotFound);
}
