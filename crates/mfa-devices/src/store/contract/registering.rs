//! Clauses about devices: registering, naming, choosing, removing.

use kernel::Reason;
use kernel::secret::ExposeSecret;

use super::*;
use crate::domain::device::{MAX_PENDING, PENDING_LIFE};

pub(in crate::store) async fn somebody_unknown_has_nothing<S: DeviceStore>([store, _]: Handles<S>) {
    let known = owner();
    let device = factor(&*store, known).await;
    for other in [owner(), Owner { user: known.user, ..owner() }, Owner { user: owner().user, ..known }] {
        assert_eq!(store.holdings(other).await.unwrap(), Default::default());
        assert!(store.seed(other, device).await.unwrap().is_none());
        assert!(!store.set_default(other, device, NOW).await.unwrap());
        assert!(!store.discard(other, device, &in_session("s-factor")).await.unwrap());
        assert_eq!(remove(&*store, other, device, false).await, Removal::Unknown);
        assert!(!store.accept(other, &acceptance(device, "s-1", 101, NOW)).await.unwrap());
        let name = DisplayName::new("display_name", "mine").unwrap();
        assert!(!store.rename(other, device, &name, 1, NOW).await.unwrap());
    }
    assert_eq!(ids(&*store, known).await, [device]);
}

pub(in crate::store) async fn a_device_comes_back_as_it_was_registered<S: DeviceStore>(
    [store, other]: Handles<S>,
) {
    let owner = owner();
    let enrolment = enrolment("s-1", NOW);
    assert_eq!(store.enrol(owner, &enrolment).await.unwrap(), Enrolled::Pending);
    let holdings = other.holdings(owner).await.unwrap();
    assert_eq!(holdings.devices, [enrolment.device()]);
    assert_eq!((holdings.default, holdings.ever_verified), (None, false));
    let seed = other.seed(owner, enrolment.id).await.unwrap().unwrap();
    assert_eq!(seed.octets().expose_secret(), enrolment.seed.octets().expose_secret());
}

pub(in crate::store) async fn a_session_has_one_pending_device<S: DeviceStore>([store, _]: Handles<S>) {
    let owner = owner();
    let first = enrolment("s-1", NOW);
    let second = enrolment("s-1", NOW);
    let elsewhere = enrolment("s-2", NOW);
    for enrolment in [&first, &elsewhere, &second] {
        assert_eq!(store.enrol(owner, enrolment).await.unwrap(), Enrolled::Pending);
    }
    let mut expected = [second.id, elsewhere.id];
    expected.sort();
    assert_eq!(ids(&*store, owner).await, expected);
    assert!(store.seed(owner, first.id).await.unwrap().is_none());
}

pub(in crate::store) async fn pending_devices_are_bounded_until_their_time_is_over<S: DeviceStore>(
    [store, _]: Handles<S>,
) {
    let owner = owner();
    for index in 0..MAX_PENDING {
        let enrolment = enrolment(&format!("s-{index}"), NOW);
        assert_eq!(store.enrol(owner, &enrolment).await.unwrap(), Enrolled::Pending);
    }
    let one_more = |at| enrolment("s-more", at);
    let late = NOW.plus(PENDING_LIFE);
    let early = one_more(late.minus(SECOND));
    assert_eq!(store.enrol(owner, &early).await.unwrap(), Enrolled::TooManyPending);
    assert_eq!(ids(&*store, owner).await.len(), MAX_PENDING);
    // A session's own one does not stand in its own way.
    let own = enrolment("s-0", late.minus(SECOND));
    assert_eq!(store.enrol(owner, &own).await.unwrap(), Enrolled::Pending);
    let last = one_more(late);
    assert_eq!(store.enrol(owner, &last).await.unwrap(), Enrolled::Pending);
    let mut expected = [own.id, last.id];
    expected.sort();
    assert_eq!(ids(&*store, owner).await, expected, "those whose time was over are gone");
}

pub(in crate::store) async fn of_many_sessions_that_register_at_once_as_many_wait_as_may<
    S: DeviceStore + 'static,
>(
    handles: Handles<S>,
) {
    for _ in 0..3 {
        // Of somebody who was never seen before, so that also who that is is written down once.
        let owner = owner();
        let enrolled = race(&handles, 24, move |store, index| async move {
            store.enrol(owner, &enrolment(&format!("s-{index}"), NOW)).await.unwrap()
        })
        .await;
        let waiting = enrolled.iter().filter(|enrolled| **enrolled == Enrolled::Pending).count();
        assert_eq!((waiting, ids(&*handles[0], owner).await.len()), (MAX_PENDING, MAX_PENDING));
        assert!(enrolled.iter().all(|it| matches!(it, Enrolled::Pending | Enrolled::TooManyPending)));
    }
}

pub(in crate::store) async fn factors_are_bounded_and_the_first_is_the_first<S: DeviceStore>(
    [store, _]: Handles<S>,
) {
    let owner = owner();
    factor(&*store, owner).await;
    let first = enrolment("s-1", NOW);
    assert_eq!(store.enrol(owner, &first).await.unwrap(), Enrolled::NotFirst);
    let full = Enrolment { max_factors: 1, ..paid(&*store, owner, "s-1", NOW).await };
    assert_eq!(store.enrol(owner, &full).await.unwrap(), Enrolled::TooManyFactors);
    let further = Enrolment { max_factors: 2, ..paid(&*store, owner, "s-1", NOW).await };
    assert_eq!(store.enrol(owner, &further).await.unwrap(), Enrolled::Pending);
}

pub(in crate::store) async fn a_name_is_changed_by_compare_and_set<S: DeviceStore + 'static>(
    handles: Handles<S>,
) {
    let owner = owner();
    let device = factor(&*handles[0], owner).await;
    let won = race(&handles, 16, move |store, index| async move {
        let name = DisplayName::new("display_name", &format!("name {index}")).unwrap();
        store.rename(owner, device, &name, 1, NOW).await.unwrap()
    })
    .await;
    assert_eq!(count(&won), 1);
    let holdings = handles[0].holdings(owner).await.unwrap();
    assert_eq!(holdings.devices[0].revision, 2);
    assert!(holdings.devices[0].display_name.as_str().starts_with("name "));
}

pub(in crate::store) async fn the_first_factor_is_the_default_and_the_oldest_follows<S: DeviceStore>(
    [store, _]: Handles<S>,
) {
    let owner = owner();
    let first = factor_at(&*store, owner, NOW).await;
    let second = factor_at(&*store, owner, NOW.plus(SECOND)).await;
    let third = factor_at(&*store, owner, NOW.plus(2 * SECOND)).await;
    let default = async || store.holdings(owner).await.unwrap().default;
    assert_eq!(default().await, Some(first));
    assert!(store.set_default(owner, third, NOW).await.unwrap());
    assert_eq!(default().await, Some(third));
    assert_eq!(remove(&*store, owner, third, false).await, Removal::Removed);
    assert_eq!(default().await, Some(first));
    assert_eq!(remove(&*store, owner, second, false).await, Removal::Removed);
    assert_eq!(default().await, Some(first));
    assert_eq!(remove(&*store, owner, first, false).await, Removal::Removed);
    assert_eq!(default().await, None);
    assert!(store.holdings(owner).await.unwrap().ever_verified, "for ever");
    assert_eq!(remove(&*store, owner, first, false).await, Removal::Unknown);
}

pub(in crate::store) async fn a_pending_device_is_neither_default_nor_removed_as_a_factor<S: DeviceStore>(
    [store, _]: Handles<S>,
) {
    let owner = owner();
    let pending = enrolment("s-1", NOW);
    store.enrol(owner, &pending).await.unwrap();
    assert!(!store.set_default(owner, pending.id, NOW).await.unwrap());
    assert_eq!(remove(&*store, owner, pending.id, false).await, Removal::Unknown);
    assert!(!store.discard(owner, pending.id, &in_session("s-2")).await.unwrap());
    assert!(store.discard(owner, pending.id, &in_session("s-1")).await.unwrap());
    assert!(ids(&*store, owner).await.is_empty());
    let factor = factor(&*store, owner).await;
    assert!(!store.discard(owner, factor, &in_session("s-factor")).await.unwrap());
}

pub(in crate::store) async fn of_parallel_removals_the_last_factor_stays<S: DeviceStore + 'static>(
    handles: Handles<S>,
) {
    for _ in 0..10 {
        let owner = owner();
        let devices = [factor(&*handles[0], owner).await, factor(&*handles[0], owner).await];
        let outcomes = race(&handles, 2, move |store, index| async move {
            remove(&*store, owner, devices[index], true).await
        })
        .await;
        assert!(outcomes.contains(&Removal::Removed) && outcomes.contains(&Removal::LastOne), "{outcomes:?}");
        let left = handles[0].holdings(owner).await.unwrap();
        assert!(matches!(left.devices[..], [ref device] if matches!(device.state, State::Verified { .. })));
        assert_eq!(left.default, Some(left.devices[0].id));
    }
}

pub(in crate::store) async fn the_default_is_a_factor_whatever_is_removed_at_once<
    S: DeviceStore + 'static,
>(
    handles: Handles<S>,
) {
    for _ in 0..10 {
        let owner = owner();
        let devices = [factor(&*handles[0], owner).await, factor(&*handles[0], owner).await];
        race(&handles, 6, move |store, index| async move {
            match index {
                0 => assert_eq!(remove(&*store, owner, devices[1], false).await, Removal::Removed),
                _ => drop(store.set_default(owner, devices[index % 2], NOW).await.unwrap()),
            }
        })
        .await;
        let left = handles[1].holdings(owner).await.unwrap();
        assert_eq!((left.devices.len(), left.default), (1, Some(devices[0])));
    }
}

pub(in crate::store) async fn a_payment_registers_one_device_and_only_while_it_stands<S: DeviceStore>(
    [store, other]: Handles<S>,
) {
    let owner = owner();
    factor(&*store, owner).await;
    let mut first = paid(&*store, owner, "s-1", NOW).await;
    let overtaken = first.payment;
    let newest = again(&*other, &overtaken.unwrap()).await;
    let refused = store.enrol(owner, &first).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::AttemptUnknown);
    assert_eq!(ids(&*store, owner).await.len(), 1, "it took its place and registered nothing");

    // What is refused by the bounds leaves the payment as it is.
    first.payment = Some(newest);
    let generation = first.generation;
    let full = Enrolment { max_factors: 1, payment: Some(newest), ..enrolment("s-1", NOW) };
    assert_eq!(store.enrol(owner, &full).await.unwrap(), Enrolled::TooManyFactors);
    assert_eq!(store.enrol(owner, &first).await.unwrap(), Enrolled::Pending);
    for payment in [Some(newest), overtaken] {
        let second = Enrolment { payment, generation, ..enrolment("s-2", NOW) };
        let refused = other.enrol(owner, &second).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::AttemptUnknown);
    }
    assert_eq!(ids(&*store, owner).await.len(), 2);
    let spent = store.spend(&newest, NOW).await.unwrap_err();
    assert_eq!(spent.reason(), Reason::ReceiptSpent);
}

pub(in crate::store) async fn of_many_calls_with_one_payment_one_registers<S: DeviceStore + 'static>(
    handles: Handles<S>,
) {
    for _ in 0..3 {
        let owner = owner();
        factor(&*handles[0], owner).await;
        let payment = payment(&*handles[0], owner).await;
        let generation = handles[0].holdings(owner).await.unwrap().generation;
        let enrolled = race(&handles, 16, move |store, index| async move {
            let payment = Some(payment);
            let further = Enrolment { payment, generation, ..enrolment(&format!("s-{index}"), NOW) };
            store.enrol(owner, &further).await
        })
        .await;
        let lost = enrolled.iter().filter_map(|enrolled| enrolled.as_ref().err());
        assert!(lost.clone().all(|refused| refused.reason() == Reason::AttemptUnknown));
        assert_eq!((lost.count(), ids(&*handles[1], owner).await.len()), (15, 2));
    }
}

pub(in crate::store) async fn a_payment_removes_only_while_it_stands<S: DeviceStore>(
    [store, other]: Handles<S>,
) {
    let owner = owner();
    let (device, _) = (factor(&*store, owner).await, factor(&*store, owner).await);
    let overtaken = payment(&*store, owner).await;
    let newest = again(&*other, &overtaken).await;
    let generation = store.holdings(owner).await.unwrap().generation;
    let leaving = |payment| Leaving { device, keep_last: false, payment, generation, at: NOW };
    let refused = store.remove(owner, &leaving(overtaken)).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::AttemptUnknown);
    assert_eq!(ids(&*store, owner).await.len(), 2);
    assert_eq!(store.remove(owner, &leaving(newest)).await.unwrap(), Removal::Removed);
    assert_eq!(store.spend(&newest, NOW).await.unwrap_err().reason(), Reason::ReceiptSpent);
}

pub(in crate::store) async fn what_was_judged_before_a_factor_came_or_went_is_over<S: DeviceStore>(
    [store, other]: Handles<S>,
) {
    let owner = owner();
    let (first, second) = (factor(&*store, owner).await, factor(&*store, owner).await);
    let before = store.holdings(owner).await.unwrap().generation;
    let late = paid(&*store, owner, "s-1", NOW).await;
    let leaving = |payment, generation| {
        let keep_last = false;
        Leaving { device: first, keep_last, payment, generation, at: NOW }
    };
    // Another factor is born meanwhile, perhaps a stronger one: the payment was not judged against that.
    let third = factor(&*other, owner).await;
    assert_eq!(store.enrol(owner, &late).await.unwrap(), Enrolled::Over);
    let payment = payment(&*store, owner).await;
    assert_eq!(store.remove(owner, &leaving(payment, before)).await.unwrap(), Removal::Over);
    // And one goes.
    let before = store.holdings(owner).await.unwrap().generation;
    assert_eq!(remove(&*other, owner, second, false).await, Removal::Removed);
    let late = Enrolment { generation: before, ..late };
    assert_eq!(store.enrol(owner, &late).await.unwrap(), Enrolled::Over);
    assert_eq!(store.remove(owner, &leaving(payment, before)).await.unwrap(), Removal::Over);
    let mut expected = [first, third];
    expected.sort();
    assert_eq!(ids(&*other, owner).await, expected);

    // Neither used its payment up: judged again, it stands.
    let generation = store.holdings(owner).await.unwrap().generation;
    let again = Enrolment { generation, ..late };
    assert_eq!(store.enrol(owner, &again).await.unwrap(), Enrolled::Pending);
    assert_eq!(store.remove(owner, &leaving(payment, generation)).await.unwrap(), Removal::Removed);
}
