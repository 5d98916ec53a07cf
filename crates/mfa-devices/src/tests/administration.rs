use super::*;
use crate::domain::Happening;
use crate::domain::throttle::FREE;
use crate::ports::Taken;

impl World {
    async fn reset(&self, owner: Owner, forget: bool) -> Result<Taken> {
        self.service.reset_user(owner, forget, self.now(), &self.audit.trail("user.reset")).await
    }
}

#[tokio::test]
async fn an_administrator_sees_what_a_user_has_and_how_far_the_throttles_are() {
    let world = World::new().await;
    let owner = owner();
    let phone = world.enrolled(owner, "s-1").await;
    let caller = world.caller(owner, "s-1");
    let codes = world.service.make_codes(&caller, None).await.unwrap();
    for _ in 0..2 {
        world.prove_any(owner, &phone.wrong(world.now())).await.unwrap_err();
    }
    let found = world.service.user_factors(owner, world.now()).await.unwrap();
    assert_eq!(found.holdings.factors()[0].id, phone.id);
    assert_eq!(found.recovery, Some(codes.set));
    let streaks: Vec<_> = found.throttles.iter().map(|(kind, throttle)| (*kind, throttle.streak)).collect();
    assert_eq!(streaks, [(FactorKind::Totp, 2), (FactorKind::RecoveryCode, 0)]);
    let nobody = world.service.user_factors(crate::fixtures::owner(), world.now()).await.unwrap();
    assert!(nobody.holdings.devices.is_empty() && nobody.recovery.is_none());
}

#[tokio::test]
async fn a_reset_user_begins_anew_and_still_had_a_factor_once() {
    let world = World::new().await;
    let owner = owner();
    let phone = world.enrolled(owner, "s-1").await;
    world.further(owner, "s-1").await;
    world.service.make_codes(&world.caller(owner, "s-1"), None).await.unwrap();
    assert_eq!(world.reset(owner, false).await.unwrap(), Taken { devices: 2, codes: 10 });
    assert_refused(world.prove_any(owner, &phone.codes(world.now()).current).await, Reason::CodeRejected);
    assert!(world.store.holdings(owner).await.unwrap().ever_verified);
    assert_eq!(world.reset(owner, false).await.unwrap(), Taken::default());
    // The next factor is a first one: it takes a fresh session and no receipt.
    let old = Caller { auth_time: None, ..world.caller(owner, "s-2") };
    assert_refused(world.register(&old, None).await, Reason::SessionTooOld);
    world.enrolled(owner, "s-2").await;
    assert_eq!(world.reset(owner, true).await.unwrap(), Taken { devices: 1, codes: 0 });
    assert!(!world.store.holdings(owner).await.unwrap().ever_verified);
}

#[tokio::test]
async fn nothing_is_taken_or_cleared_without_a_trail() {
    let world = World::new().await;
    let owner = owner();
    world.enrolled(owner, "s-1").await;
    world.audit.break_down();
    assert_refused(world.reset(owner, true).await, Reason::AuditUnavailable);
    let trail = world.audit.trail("throttle.clear");
    let cleared = world.service.clear_throttle(owner, FactorKind::Totp, world.now(), &trail).await;
    assert_refused(cleared, Reason::AuditUnavailable);
    let acknowledged = world.service.acknowledge_events(owner.environment, &[1], &trail).await;
    assert_refused(acknowledged, Reason::AuditUnavailable);
    assert_eq!(world.store.holdings(owner).await.unwrap().factors().len(), 1);
}

#[tokio::test]
async fn a_throttle_is_cleared_for_kinds_that_are_tested_by_codes() {
    let world = World::new().await;
    let owner = owner();
    let phone = world.enrolled(owner, "s-1").await;
    for _ in 0..FREE {
        world.prove_any(owner, &phone.wrong(world.now())).await.unwrap_err();
    }
    let trail = world.audit.trail("throttle.clear");
    let clear = async |kind| world.service.clear_throttle(owner, kind, world.now(), &trail).await;
    assert_refused(clear(FactorKind::Passkey).await, Reason::InvalidRequest);
    assert_eq!(clear(FactorKind::Totp).await.unwrap().left(world.now()), FREE);
    world.prove_any(owner, &phone.codes(world.now()).current).await.unwrap();
    let events = world.service.factor_events(owner.environment, 0, 200).await.unwrap();
    let cleared = events.iter().find(|event| event.event.what == Happening::ThrottleCleared).unwrap();
    assert_eq!((cleared.event.kind, cleared.owner), (Some(FactorKind::Totp), owner));
}
