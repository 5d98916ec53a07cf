use kernel::audit::Outcome;

use super::*;
use crate::fixtures::attempt;

/// A call that ends as the gate ends it.
async fn call<T>(world: &World, caller: &Caller, work: impl AsyncFnOnce(&Caller) -> Result<T>) -> Result<T> {
    let caller = Caller { trail: world.audit.trail("call"), ..caller.clone() };
    let result = work(&caller).await;
    caller.trail.end(result, true).await
}

#[tokio::test]
async fn what_is_changed_was_intended_first_and_no_row_holds_a_secret() {
    let world = World::new().await;
    let owner = owner();
    let caller = world.caller(owner, "s-1");
    let registered = call(&world, &caller, async |caller| world.register(caller, None).await).await.unwrap();
    let phone = Phone::new(&registered);
    let code = phone.codes(NOW).previous;
    let wrong = phone.wrong(NOW);
    let id = phone.id;
    let refused = call(&world, &caller, async |caller| world.activate(caller, id, &wrong).await).await;
    assert_refused(refused, Reason::CodeRejected);
    call(&world, &caller, async |caller| world.activate(caller, id, &code).await).await.unwrap();
    let name = DisplayName::default();
    call(&world, &caller, async |caller| world.service.rename(caller, id, &name, None).await).await.unwrap();
    call(&world, &caller, async |caller| world.service.set_default(caller, id).await).await.unwrap();
    let ticket = world.unlink(owner, "s-1", id);
    call(&world, &caller, async |caller| world.service.remove(caller, id, Some(&ticket)).await)
        .await
        .unwrap();

    let rows = world.audit.rows();
    let outcomes: Vec<_> = rows.iter().map(|row| row.outcome).collect();
    let mut expected = [Outcome::Succeeded; 6];
    expected[1] = Outcome::Refused(Reason::CodeRejected);
    assert_eq!(outcomes, expected);
    assert_eq!(rows[0].resource, owner.device_name(id));
    assert_eq!(rows[5].operation, ticket.operation.to_string());
    assert_eq!(rows[5].digest.len(), 32);
    let written = format!("{rows:?}");
    let secrets =
        [registered.secret.expose_secret(), ticket.receipt.expose_secret(), code.as_str(), wrong.as_str()];
    for secret in secrets {
        assert!(!written.contains(secret));
    }
}

#[tokio::test]
async fn a_call_that_dies_after_its_intent_leaves_it_behind() {
    let world = World::new().await;
    let owner = owner();
    let phone = world.enrolled(owner, "s-1").await;
    let before = world.audit.rows().len();
    // The trail is never ended here, as when the process dies.
    world.prove(owner, Target::Any, &attempt("s-1", 1), &phone.codes(NOW).current).await.unwrap();
    world.prove_any(owner, &phone.wrong(NOW)).await.unwrap_err();
    let rows = world.audit.rows();
    assert_eq!(rows.len(), before + 1, "a wrong code intends nothing");
    assert_eq!(rows[before].outcome, Outcome::Intended);
    assert_eq!(rows[before].resource, owner.device_name(phone.id));
}

#[tokio::test]
async fn nothing_secret_is_in_debug_output() {
    let world = World::new().await;
    let caller = world.caller(owner(), "s-1");
    let registered = world.register(&caller, None).await.unwrap();
    let phone = Phone::new(&registered);
    let code = SecretText::from(phone.codes(NOW).current);
    let attempt = attempt("s-1", 1);
    let presented = Presented {
        owner: caller.owner,
        target: Target::Any,
        code: &code,
        attempt: &attempt,
        grant: false,
        at: NOW,
        trail: &caller.trail,
    };
    let ticket = world.link(caller.owner, "s-1");
    let shown = format!("{registered:?} {presented:?} {ticket:?}");
    let qr_line = registered.qr_text.expose_secret().lines().nth(4).unwrap();
    for secret in [
        registered.secret.expose_secret(),
        code.expose_secret(),
        ticket.receipt.expose_secret(),
        qr_line,
        "otpauth",
        "<svg",
    ] {
        assert!(!shown.contains(secret));
    }
}
