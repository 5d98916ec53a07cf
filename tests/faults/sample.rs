//! The sample that every test run plays. `just faults` plays the whole campaign.

use super::campaign::{Plan, complaints, run};
use super::kind::Kind;
use super::table::table;

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_of_fifty_faults_lets_no_operation_run_twice() {
    let plan = Plan { seed: 0, count: 50, kind: None, at_once: 4 };
    let outcomes = run(plan, |_| {}).await;
    println!("{}", table(&outcomes));
    let found = complaints(&outcomes);
    assert!(found.is_empty(), "{}", found.join("\n"));
    // Every kind has its turn.
    assert!(Kind::all().all(|kind| outcomes.iter().any(|outcome| outcome.kind == kind)));
}

#[test]
fn a_campaign_without_doubles_of_the_control_proves_nothing() {
    let outcome = super::outcome::Outcome::new(Kind::named("split-brain").unwrap(), 7);
    assert_eq!(complaints(std::slice::from_ref(&outcome)).len(), 1);
    let doubled = super::outcome::Outcome { control_doubles: 1, ..outcome };
    assert_eq!(complaints(&[doubled]), Vec::<String>::new());
}
