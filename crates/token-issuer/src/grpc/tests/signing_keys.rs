//! Signing keys over the wire, and what becomes of a step-up when they change in the middle of it.

use super::*;
use jose::SigningKey;
use kernel::Error;
use tonic::Status;
use tonic::transport::Channel;

use crate::fixtures::ISSUER;

type Answer<T> = Result<Response<T>, Status>;

/// An administrator of the issuer.
struct Admin<'a> {
    world: &'a World,
    roles: &'a [&'a str],
}

fn said<T>(answer: Answer<T>) -> Result<T, Error> {
    answer.map(Response::into_inner).map_err(|refused| from_status(&refused))
}

impl Admin<'_> {
    fn client(&self) -> TokenIssuerAdminServiceClient<Channel> {
        TokenIssuerAdminServiceClient::new(self.world.network.channel("operator", "public"))
    }

    fn request<T>(&self, message: T) -> Request<T> {
        with_bearer(message, &self.world.admins.admin("carol", self.roles, self.world.clock.now()))
    }

    async fn list(&self) -> Result<Vec<pb::SigningKey>, Error> {
        let request = self.request(pb::ListSigningKeysRequest {});
        said(self.client().list_signing_keys(request).await).map(|answer| answer.keys)
    }

    async fn prepare(
        &self,
        purpose: pb::SigningKeyPurpose,
        algorithm: &str,
    ) -> Result<pb::SigningKey, Error> {
        let message =
            pb::PrepareSigningKeyRequest { purpose: purpose.into(), algorithm: algorithm.to_owned() };
        let request = self.request(message);
        said(self.client().prepare_signing_key(request).await).map(|answer| answer.key.unwrap())
    }

    async fn activate(&self, message: pb::ActivateSigningKeyRequest) -> Result<pb::SigningKey, Error> {
        let request = self.request(message);
        said(self.client().activate_signing_key(request).await).map(|answer| answer.key.unwrap())
    }

    async fn retire(&self, key_id: &str) -> Result<pb::SigningKey, Error> {
        let request = self.request(pb::RetireSigningKeyRequest { key_id: key_id.to_owned() });
        said(self.client().retire_signing_key(request).await).map(|answer| answer.key.unwrap())
    }

    async fn revoke(&self, key_id: &str) -> Result<pb::SigningKey, Error> {
        let request = self.request(pb::RevokeSigningKeyRequest { key_id: key_id.to_owned() });
        said(self.client().revoke_signing_key(request).await).map(|answer| answer.key.unwrap())
    }
}

fn activation(key: &pb::SigningKey) -> pb::ActivateSigningKeyRequest {
    pb::ActivateSigningKeyRequest { key_id: key.key_id.clone(), ..Default::default() }
}

/// Waits until this process has noticed a change of the keys: its next look is two seconds away at most.
async fn noticed(world: &World, is_there: impl Fn(&KeySet) -> bool) {
    let mut tokens = TokenServiceClient::new(world.network.channel("anybody", "public"));
    loop {
        let keys = tokens.get_json_web_key_set(pb::GetJsonWebKeySetRequest {}).await.unwrap().into_inner();
        if is_there(&KeySet::from_jwks_json(&keys.jwks, &Algorithm::ALL).unwrap()) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_prepared_activated_retired_and_revoked_by_its_owners_alone() {
    let world = World::new().await;
    let owner = Admin { world: &world, roles: &["owner@*"] };
    let here = format!("owner@{}", environment());
    let made = owner.prepare(pb::SigningKeyPurpose::Elevated, "EdDSA").await.unwrap();
    assert_eq!((made.state(), made.algorithm.as_str()), (pb::SigningKeyState::Prepared, "EdDSA"));
    for roles in [&["editor@*", "auditor@*", "viewer@*"][..], &[&here]] {
        let other = Admin { world: &world, roles };
        for refused in [
            other.prepare(pb::SigningKeyPurpose::Elevated, "").await.map(drop),
            other.activate(activation(&made)).await.map(drop),
            other.retire(&made.key_id).await.map(drop),
            other.revoke(&made.key_id).await.map(drop),
        ] {
            assert_eq!(refused.unwrap_err().reason(), Reason::AdminRoleMissing, "{roles:?}");
        }
    }
    let refused = Admin { world: &world, roles: &["auditor@*"] }.list().await.unwrap_err();
    assert_eq!(refused.reason(), Reason::AdminRoleMissing);
    let listed = Admin { world: &world, roles: &["viewer@*"] }.list().await.unwrap();
    let first = listed.iter().find(|key| key.purpose() == pb::SigningKeyPurpose::Elevated).unwrap();
    assert_eq!(
        (listed.len(), first.state(), listed[1].clone()),
        (4, pb::SigningKeyState::Active, made.clone())
    );

    let early = owner.activate(activation(&made)).await.unwrap_err();
    assert_eq!(
        (early.reason(), early.retry_delay()),
        (Reason::InvalidRequest, Some(Duration::from_secs(15)))
    );
    world.clock.advance(Duration::from_secs(15));
    let active = owner.activate(activation(&made)).await.unwrap();
    assert_eq!(active.state(), pb::SigningKeyState::Active);
    assert_eq!(owner.activate(activation(&made)).await.unwrap(), active, "again it changes nothing");
    let signing = owner.revoke(&made.key_id).await.unwrap_err();
    assert!(signing.to_string().contains("activate another"), "{signing}");
    let early = owner.retire(&first.key_id).await.unwrap_err();
    assert!(early.retry_delay().is_some_and(|wait| wait > Duration::from_secs(3_600)), "{early}");
    let revoked = owner.revoke(&first.key_id).await.unwrap();
    assert_eq!((revoked.state(), revoked.public_jwk.as_str()), (pb::SigningKeyState::Revoked, ""));
    assert_eq!(owner.retire(&first.key_id).await.unwrap().state(), pb::SigningKeyState::Revoked);

    let unused = owner.prepare(pb::SigningKeyPurpose::Receipt, "").await.unwrap();
    assert_eq!(unused.algorithm, "ES256", "what the configuration says");
    assert_eq!(owner.retire(&unused.key_id).await.unwrap().state(), pb::SigningKeyState::Retired);

    let rows = world.audit.list(None, None, 50).await.unwrap();
    for (kind, count) in [("key.prepare", 2), ("key.activate", 2), ("key.revoke", 1), ("key.retire", 2)] {
        let done = rows.iter().filter(|row| row.kind == kind && row.outcome == Outcome::Succeeded);
        assert_eq!(done.count(), count, "{kind}");
    }
    let row = rows.iter().find(|row| row.kind == "key.revoke" && row.outcome == Outcome::Succeeded).unwrap();
    assert_eq!(row.resource, format!("keys/{}", first.key_id));
    assert!(row.actor.starts_with("admin:"), "{}", row.actor);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_about_keys_are_refused_for_what_is_wrong_with_them() {
    let world = World::new().await;
    let owner = Admin { world: &world, roles: &["owner@*"] };
    for (purpose, algorithm) in [
        (pb::SigningKeyPurpose::Unspecified, ""),
        (pb::SigningKeyPurpose::Receipt, "HS256"),
        (pb::SigningKeyPurpose::Receipt, "none"),
    ] {
        let refused = owner.prepare(purpose, algorithm).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::InvalidRequest);
    }
    let long = "k".repeat(10_240);
    for key_id in ["", "nobody", "../../key", &long, "two words"] {
        let message = pb::ActivateSigningKeyRequest { key_id: key_id.to_owned(), ..Default::default() };
        for refused in [
            owner.activate(message).await.map(drop),
            owner.retire(key_id).await.map(drop),
            owner.revoke(key_id).await.map(drop),
        ] {
            assert_eq!(refused.unwrap_err().reason(), Reason::InvalidRequest, "{key_id:.20}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_receipts_signs_when_the_operator_has_stated_it() {
    let world = World::new().await;
    let owner = Admin { world: &world, roles: &["owner@*"] };
    let made = owner.prepare(pb::SigningKeyPurpose::Receipt, "").await.unwrap();
    world.clock.advance(Duration::from_secs(15));
    let now = world.clock.now().seconds();
    let (root, other) =
        (SigningKey::generate(Algorithm::EdDsa).unwrap(), SigningKey::generate(Algorithm::EdDsa).unwrap());
    let jwk = jose::PublicJwk::from_json(&made.public_jwk).unwrap();
    let state = |issuer: &str, keys: KeySet| {
        let statement = jose::KeyStatement {
            issuer: issuer.to_owned(),
            sequence: 2,
            not_before: now,
            not_after: now + 3_600,
            keys,
        };
        jose::sign_statement(&statement, &root).unwrap()
    };
    let good = KeySet::from_keys(vec![jwk]).unwrap();
    let stated = |statement: &str, root: &SigningKey| pb::ActivateSigningKeyRequest {
        statement: statement.to_owned(),
        operator_root_jwk: root.public_jwk().to_json(),
        ..activation(&made)
    };
    for bad in [
        activation(&made),
        stated(&state(ISSUER, good.clone()), &other),
        stated(&state("https://elsewhere.example", good.clone()), &root),
        stated(&state(ISSUER, world.receipt_keys.clone()), &root),
        stated("nonsense", &root),
        pb::ActivateSigningKeyRequest {
            operator_root_jwk: "{}".to_owned(),
            ..stated(&state(ISSUER, good.clone()), &root)
        },
    ] {
        let refused = owner.activate(bad).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::InvalidRequest, "{refused}");
    }
    let active = owner.activate(stated(&state(ISSUER, good), &root)).await.unwrap();
    assert_eq!(active.state(), pb::SigningKeyState::Active);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_rotated_retired_or_revoked_in_the_middle_of_a_step_up() {
    let world = World::new().await;
    let owner = Admin { world: &world, roles: &["owner@*"] };
    let operation = export(1);
    let elevated = world.authenticate(&[], Some(&operation)).await;
    let ask = |token: &str| {
        let request = world.by("alice", authorization(&operation, token));
        let mut client = world.step_up("public");
        async move { said(client.authorize_operation(request).await) }
    };
    let old = jose::peek(&elevated.token).unwrap().key_id().clone();
    let made = owner.prepare(pb::SigningKeyPurpose::Elevated, "EdDSA").await.unwrap();
    world.clock.advance(Duration::from_secs(15));
    owner.activate(activation(&made)).await.unwrap();
    // Rotated: what the old key signed is good, and cannot be retired yet.
    noticed(&world, |keys| keys.iter().any(|key| key.key_id().as_str() == made.key_id)).await;
    ask(&elevated.token).await.unwrap();
    assert!(owner.retire(old.as_str()).await.unwrap_err().retry_delay().is_some());
    // Revoked: the token is none any more, and says so.
    owner.revoke(old.as_str()).await.unwrap();
    noticed(&world, |keys| keys.get(&old).is_none()).await;
    let refused = ask(&elevated.token).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::TokenInvalid);
    assert!(refused.to_string().contains("authenticate for a new one"), "{refused}");
    // The proof was made all the same: the same request gets its token by the new key, and that goes on where it ended.
    let again = world.authenticate(&[], Some(&operation)).await;
    assert_eq!(again.token_id, elevated.token_id);
    assert_eq!(jose::peek(&again.token).unwrap().key_id().as_str(), made.key_id);
    ask(&again.token).await.unwrap();
}
