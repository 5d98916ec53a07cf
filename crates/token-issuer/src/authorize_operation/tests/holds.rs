//! What policy is told of session and removal, and what it is to be waited for.

use super::*;
use crate::domain::decision::Verdict;
use crate::fixtures::unlink;

#[tokio::test]
async fn policy_is_told_the_sign_in_and_which_factor_is_to_go() {
    let bench = Bench::new();
    refused(&bench, unlink(1), None).await;
    let asked = bench.policy.last();
    assert_eq!(asked.unlink_device, Some(factor(1).device));
    assert_eq!(asked.session_auth_time, bench.call(NOW).auth_time);
    refused(&bench, export(1), None).await;
    assert_eq!(bench.policy.last().unlink_device, None);
    assert!(bench.factors.sessions().iter().all(|session| *session == bench.call(NOW).session));
}

#[tokio::test]
async fn whoever_has_to_wait_or_to_sign_in_is_told_so_and_spends_nothing() {
    let bench = Bench::new();
    let operation = export(1);
    let token = bound(1, &operation);
    let jwt = bench.issue(&token).await;
    let demand = Requirement { methods: Vec::new(), ..requirement(Action::WalletExport) };
    let wait = Duration::from_secs(86_400);
    for (verdict, reason, delay, seconds) in [
        (
            Verdict::FactorOnHold { requirement: demand.clone(), until: NOW.plus(wait) },
            Reason::FactorOnHold,
            Some(wait),
            None,
        ),
        (
            Verdict::ReauthenticationRequired { requirement: demand.clone(), within_seconds: 600 },
            Reason::ReauthenticationRequired,
            None,
            Some("600"),
        ),
    ] {
        bench.policy.say(verdict);
        for shown in [None, Some(&jwt)] {
            let error = refused(&bench, operation.clone(), shown).await;
            assert_eq!((error.reason(), error.retry_delay()), (reason, delay));
            assert_eq!(error.metadata()["operation_digest"], operation.digest().to_string());
            assert_eq!(error.metadata()["acr"], Acr::Otp.as_str());
            let told = error.metadata().get("reauthentication_seconds").map(String::as_str);
            assert_eq!(told, seconds);
        }
    }
    assert!(!is_spent(&bench, &token).await);
    assert_eq!(bench.operations.count(), 0);
}
