use super::*;

#[tokio::test]
async fn a_factor_goes_with_a_receipt_for_exactly_that() {
    let world = World::new().await;
    let owner = owner();
    let first = world.enrolled(owner, "s-1").await;
    let second = world.further(owner, "s-1").await;
    let caller = world.caller(owner, "s-1");
    let refused = async |ticket: Option<Ticket>, reason| {
        assert_refused(world.service.remove(&caller, first.id, ticket.as_ref()).await, reason);
    };
    refused(None, Reason::ReceiptMissing).await;
    refused(Some(world.unlink(owner, "s-1", second.id)), Reason::ReceiptMismatch).await;
    refused(Some(world.link(owner, "s-1")), Reason::ReceiptMismatch).await;
    refused(Some(world.unlink(crate::fixtures::owner(), "s-1", first.id)), Reason::ReceiptMismatch).await;
    refused(Some(world.unlink(owner, "s-2", first.id)), Reason::ReceiptMismatch).await;

    let ticket = world.unlink(owner, "s-1", first.id);
    world.service.remove(&caller, first.id, Some(&ticket)).await.unwrap();
    let body = Body::UnlinkCredential { device: first.id };
    let again = world.service.pay(&caller, &ticket, body, Acr::Otp, first.id).await;
    assert_refused(again, Reason::ReceiptSpent);
    refused(Some(ticket), Reason::ResourceNotFound).await;
    assert_refused(world.prove_any(owner, &first.codes(NOW).current).await, Reason::CodeRejected);
    assert!(world.service.get(&caller, second.id).await.unwrap().is_default, "the oldest follows");
}

#[tokio::test]
async fn what_a_removed_factor_paid_for_and_is_not_done_yet_ends_with_it() {
    for further in [true, false] {
        let world = World::new().await;
        let owner = owner();
        let stolen = world.enrolled(owner, "s-1").await;
        if further {
            world.further(owner, "s-1").await;
        }
        // A thief's session begins an enrolment, paid by the stolen factor; its owner removes that.
        let thief = world.caller(owner, "s-2");
        let ticket = world.link(owner, "s-2");
        let begun = Phone::new(&world.register(&thief, Some(&ticket)).await.unwrap());
        let before = world.store.holdings(owner).await.unwrap().generation;
        let ticket = world.unlink(owner, "s-1", stolen.id);
        world.service.remove(&world.caller(owner, "s-1"), stolen.id, Some(&ticket)).await.unwrap();
        let activated = world.activate(&thief, begun.id, &begun.codes(NOW).current).await;
        assert_refused(activated, Reason::CodeRejected);
        // A passkey registration is of the generation in which it began.
        assert!(world.store.holdings(owner).await.unwrap().generation > before);
    }
}

#[tokio::test]
async fn the_token_behind_a_receipt_removes_one_device() {
    let world = World::new().await;
    let owner = owner();
    let devices = [world.enrolled(owner, "s-1").await.id, world.further(owner, "s-1").await.id];
    let caller = world.caller(owner, "s-1");
    let token = TokenId::random(&*ENTROPY);
    let tickets = devices.map(|device| {
        let operation = world.operation(owner, Body::UnlinkCredential { device });
        let mut claims = world.receipts.claims(&operation, FACTORS_AUDIENCE, Some(token), NOW);
        claims.sid = session("s-1");
        claims.acr = Some(Acr::Otp);
        let receipt = SecretText::from(world.receipts.sign(&claims));
        Ticket { operation: operation.operation().id, receipt }
    });
    world.service.remove(&caller, devices[0], Some(&tickets[0])).await.unwrap();
    let refused = world.service.remove(&caller, devices[1], Some(&tickets[1])).await;
    assert_refused(refused, Reason::ReceiptSpent);
    world.service.get(&caller, devices[1]).await.unwrap();
}

#[tokio::test]
async fn the_last_factor_stays_where_one_is_required_and_its_receipt_unspent() {
    let world = World::new().await;
    let owner = owner();
    let phone = world.enrolled(owner, "s-1").await;
    let strict = Caller { enrolment_required: true, ..world.caller(owner, "s-1") };
    let ticket = world.unlink(owner, "s-1", phone.id);
    for ticket in [None, Some(&ticket)] {
        let refused = world.service.remove(&strict, phone.id, ticket).await;
        assert_refused(refused, Reason::LastFactorRequired);
    }
    world.further(owner, "s-1").await;
    world.service.remove(&strict, phone.id, Some(&ticket)).await.unwrap();
}

#[tokio::test]
async fn a_pending_device_goes_without_a_receipt_in_its_own_session() {
    let world = World::new().await;
    let owner = owner();
    let caller = world.caller(owner, "s-1");
    let pending = world.register(&caller, None).await.unwrap().device.device.id;
    let elsewhere = world.service.remove(&world.caller(owner, "s-2"), pending, None).await;
    assert_refused(elsewhere, Reason::ResourceNotFound);
    // An environment that requires a factor does not make a pending one a factor.
    let strict = Caller { enrolment_required: true, ..caller.clone() };
    world.service.remove(&strict, pending, None).await.unwrap();
    assert_refused(world.service.remove(&caller, pending, None).await, Reason::ResourceNotFound);
}
