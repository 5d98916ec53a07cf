//! Recovery codes, and what administrators and readers of events do.

use super::*;

impl World {
    fn codes_name(&self) -> String {
        format!("{}/recoveryCodeSet", self.me())
    }

    async fn regenerate(
        &self,
        subject: &str,
        proof: Option<pb::FreshProof>,
    ) -> Result<pb::RegenerateRecoveryCodesResponse> {
        let request = pb::RegenerateRecoveryCodesRequest { name: self.codes_name(), proof };
        answer(self.devices().regenerate_recovery_codes(self.by(subject, request)).await)
    }

    async fn recover(&self, subject: &str, code: &str) -> Result<pb::VerifyRecoveryCodeResponse> {
        let request = pb::VerifyRecoveryCodeRequest {
            user: self.name(subject),
            session_id: subject.into(),
            code: code.into(),
            request_id: request().to_string(),
            purpose_digest: vec![7; 32],
        };
        answer(self.factors("token-issuer").verify_recovery_code(request).await)
    }

    async fn facts(&self, subject: &str, in_session: &str) -> types::FactorFacts {
        let asked = pb::GetFactorFactsRequest { user: self.name(subject), session_id: in_session.into() };
        answer(self.factors("token-issuer").get_factor_facts(asked).await).unwrap().facts.unwrap()
    }

    fn administration(&self) -> MfaDevicesAdminServiceClient<Channel> {
        MfaDevicesAdminServiceClient::new(self.network.channel("somebody", "public"))
    }

    fn administer<T>(&self, role: &str, message: T) -> Request<T> {
        let grant = format!("{role}@{}", self.environment);
        bearing(&self.administrators.admin("root", &[&grant], self.clock.now()), message)
    }

    async fn factor_events(&self, after_sequence: u64) -> Vec<pb::FactorEvent> {
        let parent = names::environment(self.environment);
        let list = pb::ListFactorEventsRequest { parent, page_size: 0, after_sequence };
        let listed = self.administration().list_factor_events(self.administer("viewer", list)).await;
        answer(listed).unwrap().events
    }
}

fn totp(code: String) -> Option<pb::FreshProof> {
    let answer = pb::TotpAnswer { code, device: String::new() };
    Some(pb::FreshProof { proof: Some(pb::fresh_proof::Proof::Totp(answer)) })
}

#[tokio::test]
async fn codes_are_made_shown_kept_and_used_and_the_user_is_told() {
    let world = World::new().await;
    let (device, phone) = world.enrol("alice").await;
    let name = world.codes_name();
    let get = || world.by("alice", pb::GetRecoveryCodeSetRequest { name: world.codes_name() });
    assert_refused(world.devices().get_recovery_code_set(get()).await, Reason::ResourceNotFound);

    let made = world.regenerate("alice", None).await.unwrap();
    let set = made.recovery_code_set.unwrap();
    assert_eq!(made.codes.len(), 10);
    assert_eq!((set.total_codes, set.remaining_codes, set.acknowledged), (10, 10, false));
    assert_eq!(set.name, format!("{}/recoveryCodeSet", world.name("alice")));
    assert_eq!(world.regenerate("alice", None).await.unwrap_err().reason(), Reason::FreshProofRequired);

    let show = pb::ShowRecoveryCodesRequest { name: name.clone(), proof: totp(world.code(&phone, 0)) };
    let shown = answer(world.devices().show_recovery_codes(world.by("alice", show)).await).unwrap();
    assert_eq!(shown.codes, made.codes);
    let keep = pb::AcknowledgeRecoveryCodesRequest { name: name.clone() };
    let kept = answer(world.devices().acknowledge_recovery_codes(world.by("alice", keep)).await).unwrap();
    assert!(kept.recovery_code_set.unwrap().acknowledged);
    let show = pb::ShowRecoveryCodesRequest { name: name.clone(), proof: totp(world.code(&phone, 1)) };
    let hidden = world.devices().show_recovery_codes(world.by("alice", show)).await;
    assert_refused(hidden, Reason::RecoveryCodesHidden);

    let facts = world.facts("alice", "alice").await;
    let kinds: Vec<_> = facts.factors.iter().map(types::VerifiedFactor::kind).collect();
    assert_eq!(kinds, [types::FactorKind::Totp, types::FactorKind::RecoveryCode]);
    assert_eq!(facts.factors[1].device, set.device);
    let proof = world.recover("alice", &made.codes[0].to_lowercase()).await.unwrap();
    assert_eq!((&proof.device, proof.remaining_codes), (&set.device, 9));
    assert_eq!(proof.kind(), types::FactorKind::RecoveryCode);
    let left = answer(world.devices().get_recovery_code_set(get()).await).unwrap();
    assert_eq!(left.recovery_code_set.unwrap().remaining_codes, 9);

    let told: Vec<_> = world.factor_events(0).await;
    let codes = [
        pb::FactorEventType::RecoveryCodesMade,
        pb::FactorEventType::RecoveryCodesShown,
        pb::FactorEventType::RecoveryCodeUsed,
    ];
    let told: Vec<_> = told.into_iter().filter(|event| event.device == set.device).collect();
    assert!(told.iter().map(pb::FactorEvent::r#type).eq(codes), "{told:?}");
    assert_eq!(told[2].remaining_codes, 9);
    assert!(told.iter().all(|event| event.user == world.name("alice")));
    assert_ne!(device.name, set.device);
}

#[tokio::test]
async fn codes_that_are_used_up_are_told_so() {
    let world = World::new().await;
    world.enrol("alice").await;
    let codes = world.regenerate("alice", None).await.unwrap().codes;
    for code in &codes {
        let before = world.facts("alice", "alice").await.factors;
        assert_eq!(before.iter().map(|factor| factor.exhausted).collect::<Vec<_>>(), [false, false]);
        world.recover("alice", code).await.unwrap();
    }
    // They stay while tokens by the last one may live.
    let after = world.facts("alice", "alice").await.factors;
    assert_eq!(after.iter().map(|factor| factor.exhausted).collect::<Vec<_>>(), [false, true]);
}

#[tokio::test]
async fn what_is_malformed_or_somebody_elses_is_refused() {
    let world = World::new().await;
    world.enrol("alice").await;
    world.enrol("bob").await;
    let theirs = pb::GetRecoveryCodeSetRequest { name: format!("{}/recoveryCodeSet", world.name("bob")) };
    let refused = world.devices().get_recovery_code_set(world.by("alice", theirs)).await;
    assert_refused(refused, Reason::ResourceNotFound);
    let other = pb::GetRecoveryCodeSetRequest { name: format!("{}/recoveryCodes", world.me()) };
    let refused = world.devices().get_recovery_code_set(world.by("alice", other)).await;
    assert_eq!(assert_refused(refused, Reason::InvalidRequest).violations()[0].field, "name");
    let empty = world.regenerate("alice", Some(pb::FreshProof { proof: None })).await.unwrap_err();
    assert_eq!(empty.violations()[0].field, "proof");
    // Somebody else's device fits no code.
    let answer_ = pb::TotpAnswer {
        code: "123456".into(),
        device: format!("{}/devices/{}", world.name("bob"), kernel::DeviceId::random(&*ENTROPY)),
    };
    let proof = Some(pb::FreshProof { proof: Some(pb::fresh_proof::Proof::Totp(answer_)) });
    assert_eq!(world.regenerate("alice", proof).await.unwrap_err().reason(), Reason::CodeRejected);
    // Only the issuer may ask.
    let verify = pb::VerifyRecoveryCodeRequest { user: world.name("alice"), ..Default::default() };
    let refused = world.factors("waas-gateway").verify_recovery_code(verify).await.unwrap_err();
    assert_eq!(public_reason(&refused), "PEER_NOT_ALLOWED");
}

#[tokio::test]
async fn the_session_that_was_seen_first_is_told() {
    let world = World::new().await;
    assert!(!world.facts("carol", "").await.first_session);
    assert!(world.facts("carol", "one").await.first_session);
    assert!(!world.facts("carol", "two").await.first_session);
    assert!(world.facts("carol", "one").await.first_session);
    assert!(!world.facts("carol", "").await.first_session);
    // Who enrolled was seen by that.
    world.enrol("alice").await;
    assert!(!world.facts("alice", "later").await.first_session);
    assert!(world.facts("alice", "alice").await.first_session);
}

#[tokio::test]
async fn an_administrator_looks_resets_and_clears_with_the_role_for_it() {
    let world = World::new().await;
    let (device, phone) = world.enrol("alice").await;
    let codes = world.regenerate("alice", None).await.unwrap().codes;
    let wrong = world.verify("alice", "000000".into());
    world.factors("token-issuer").verify_totp(wrong).await.unwrap_err();
    let mut client = world.administration();

    let get = pb::GetUserFactorsRequest { name: world.name("alice") };
    let found = answer(client.get_user_factors(world.administer("viewer", get.clone())).await).unwrap();
    assert_eq!(found.devices.iter().map(|found| &found.name).collect::<Vec<_>>(), [&device.name]);
    assert_eq!(found.recovery_code_set.unwrap().remaining_codes, 10);
    assert!(found.ever_verified);
    let throttles: Vec<_> = found.throttles.iter().map(|found| (found.kind(), found.failures)).collect();
    assert_eq!(throttles, [(types::FactorKind::Totp, 1), (types::FactorKind::RecoveryCode, 0)]);

    let clear = |kind: types::FactorKind| pb::ClearFactorThrottleRequest {
        name: world.name("alice"),
        kind: kind.into(),
    };
    let reset = pb::ResetUserRequest { name: world.name("alice"), forget_ever_verified: false };
    for role in ["viewer", "auditor"] {
        let refused = client.reset_user(world.administer(role, reset.clone())).await;
        assert_refused(refused, Reason::AdminRoleMissing);
        let request = world.administer(role, clear(types::FactorKind::Totp));
        assert_refused(client.clear_factor_throttle(request).await, Reason::AdminRoleMissing);
    }
    let refused = client.get_user_factors(world.administer("auditor", get.clone())).await;
    assert_refused(refused, Reason::AdminRoleMissing);
    let elsewhere = names::user(EnvironmentId::random(&*ENTROPY), world.user("alice"));
    let refused = client
        .reset_user(world.administer("editor", pb::ResetUserRequest { name: elsewhere, ..reset.clone() }))
        .await;
    assert_refused(refused, Reason::AdminRoleMissing);
    let me = pb::ResetUserRequest { name: world.me(), ..reset.clone() };
    let refused = client.reset_user(world.administer("editor", me)).await;
    assert_eq!(assert_refused(refused, Reason::InvalidRequest).violations()[0].field, "name");
    let none = pb::ClearFactorThrottleRequest { name: world.name("alice"), kind: 0 };
    let refused = client.clear_factor_throttle(world.administer("editor", none)).await;
    assert_eq!(assert_refused(refused, Reason::InvalidRequest).violations()[0].field, "kind");

    let cleared = client.clear_factor_throttle(world.administer("editor", clear(types::FactorKind::Totp)));
    let throttle = answer(cleared.await).unwrap().throttle.unwrap();
    assert_eq!((throttle.failures, throttle.tries_left, throttle.retry_time), (0, 5, None));
    for removed in [(1, 10), (0, 0)] {
        let done = answer(client.reset_user(world.administer("editor", reset.clone())).await).unwrap();
        assert_eq!((done.removed_devices, done.removed_recovery_codes), removed);
    }
    assert_eq!(world.recover("alice", &codes[0]).await.unwrap_err().reason(), Reason::CodeRejected);
    let verify = world.verify("alice", world.code(&phone, 0));
    assert_refused(world.factors("token-issuer").verify_totp(verify).await, Reason::CodeRejected);
    let facts = world.facts("alice", "alice").await;
    assert!(facts.factors.is_empty() && facts.ever_verified);
    let told: Vec<_> = world.factor_events(0).await.iter().map(pb::FactorEvent::r#type).collect();
    assert!(told.ends_with(&[pb::FactorEventType::ThrottleCleared, pb::FactorEventType::UserReset]));

    let here = names::environment(world.environment);
    let events = world.audited(&[&format!("auditor@{}", world.environment)], &here).await.unwrap();
    let done = |kind: &str| {
        let found = events.iter().filter(|event| event.kind == kind);
        found.filter(|event| event.outcome() == types::AuditOutcome::Succeeded).collect::<Vec<_>>()
    };
    assert_eq!((done("user.reset").len(), done("throttle.clear").len()), (2, 1));
    assert_eq!(done("user.reset")[0].resource, world.name("alice"));
}

#[tokio::test]
async fn events_are_read_and_acknowledged_one_by_one() {
    let world = World::new().await;
    world.enrol("alice").await;
    let codes = world.regenerate("alice", None).await.unwrap().codes;
    for code in &codes[..3] {
        world.recover("alice", code).await.unwrap();
    }
    let all = world.factor_events(0).await;
    let used: Vec<_> =
        all.iter().filter(|event| event.r#type() == pb::FactorEventType::RecoveryCodeUsed).collect();
    assert_eq!(used.len(), 3);
    assert_eq!(world.factor_events(used[0].sequence).await.len(), 2);

    let mut client = world.administration();
    let parent = names::environment(world.environment);
    let acknowledge = |sequences| pb::AcknowledgeFactorEventsRequest { parent: parent.clone(), sequences };
    let refused = client.acknowledge_factor_events(world.administer("viewer", acknowledge(vec![1]))).await;
    assert_refused(refused, Reason::AdminRoleMissing);
    for sequences in [vec![], vec![1; 201]] {
        let request = world.administer("editor", acknowledge(sequences));
        let refused = client.acknowledge_factor_events(request).await;
        assert_eq!(assert_refused(refused, Reason::InvalidRequest).violations()[0].field, "sequences");
    }
    for acknowledged in [1, 0] {
        let request = world.administer("editor", acknowledge(vec![used[1].sequence]));
        let done = answer(client.acknowledge_factor_events(request).await).unwrap();
        assert_eq!(done.acknowledged_events, acknowledged);
    }
    let left = world.factor_events(used[0].sequence).await;
    assert_eq!(left.iter().map(|event| event.sequence).collect::<Vec<_>>(), [used[2].sequence]);
    let list = pb::ListFactorEventsRequest { parent: "environments/x".into(), ..Default::default() };
    let refused = client.list_factor_events(world.administer("viewer", list)).await;
    assert_eq!(assert_refused(refused, Reason::InvalidRequest).violations()[0].field, "parent");
}
