//! The rotation of receipt keys from beginning to end, as docs/keys.md tells it.

use std::sync::Arc;

use jose::{Algorithm, KeyId, KeySet};
use kernel::Clock as _;
use runtime::{OsEntropy, SystemClock};
use sea_orm::ConnectionTrait as _;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use token_issuer::rotation::{IssuerKey, IssuerKeys, KeyPurpose, KeyState};

use super::*;
use crate::key_files::EncryptionKeys;
use crate::settings::TokenIssuerSettings;

struct Issuer {
    place: Place,
    database: DatabaseConnection,
    keys: IssuerKeys,
    _scratch: Scratch,
}

impl Issuer {
    async fn new(scratch: Scratch) -> Self {
        let place = Place::new();
        place
            .type_in("keys encryption new --role token-issuer --deployment main --out @issuer.json")
            .await
            .unwrap();
        place.type_in("keys root new --out @root.json").await.unwrap();
        let database = place.database::<TokenIssuerSettings>(&scratch).await;
        let sealer = EncryptionKeys::read(&place.path("issuer.json")).unwrap();
        let sealer = sealer.sealer(Arc::new(OsEntropy::new())).unwrap();
        let keys = IssuerKeys::new(database.clone(), Arc::new(sealer));
        Self { place, database, keys, _scratch: scratch }
    }

    /// The keys of a purpose, oldest first.
    async fn keys(&self, purpose: KeyPurpose) -> Vec<IssuerKey> {
        self.keys.list().await.unwrap().into_iter().filter(|key| key.purpose == purpose).collect()
    }

    async fn states(&self, purpose: KeyPurpose) -> Vec<KeyState> {
        self.keys(purpose).await.into_iter().map(|key| key.life.state).collect()
    }

    /// As if every key had been in its state for that long already.
    async fn let_pass(&self, seconds: i64) {
        let earlier = Query::update()
            .table("issuer_keys")
            .value("state_since_ms", Expr::col("state_since_ms").sub(seconds * 1000))
            .to_owned();
        self.database.execute(&earlier).await.unwrap();
    }

    /// What the operator types to state the keys that there are.
    async fn state(&self, sequence: u64) {
        let set = self.keys.receipt_keys().await.unwrap();
        std::fs::write(self.place.path("keys.json"), set.to_jwks_json()).unwrap();
        let line = format!(
            "keys statement new --root @root.json --issuer https://issuer.example --keys @keys.json --sequence {sequence} \
             --valid-days 30 --out @statement.jwt"
        );
        self.place.type_in(&line).await.unwrap();
    }

    fn stated(&self) -> KeySet {
        jose::peek_statement(self.place.text("statement.jwt").trim()).unwrap().keys
    }

    async fn activate(&self, key: &KeyId) -> Result<()> {
        let line = format!(
            "keys issuer activate --config @token-issuer.toml --statement @statement.jwt --root @root.pub.json {key}"
        );
        self.place.type_in(&line).await
    }
}

#[tokio::test]
async fn receipt_keys_are_rotated_step_by_step() {
    use KeyState::{Active, Prepared, Retired, Superseded};
    for (name, scratch) in backends() {
        let issuer = Issuer::new(scratch).await;
        let config = "--config @token-issuer.toml";
        issuer.place.type_in(&format!("keys issuer list {config}")).await.unwrap();

        // The first key, before any process ran.
        let first =
            issuer.keys.prepare(KeyPurpose::Receipt, Algorithm::Es256, SystemClock.now()).await.unwrap();
        issuer.state(1).await;
        assert!(issuer.activate(&first).await.unwrap_err().retry_delay().is_some(), "{name}: too early");
        issuer.let_pass(20).await;
        issuer.activate(&first).await.unwrap();

        // The next one: prepare, state both, activate, retire, state the one that is left.
        issuer
            .place
            .type_in(&format!("keys issuer prepare {config} --purpose receipt --algorithm EdDSA"))
            .await
            .unwrap();
        assert_eq!(issuer.states(KeyPurpose::Receipt).await, [Active, Prepared], "{name}");
        let second = issuer.keys(KeyPurpose::Receipt).await[1].id.clone();
        issuer.let_pass(20).await;
        let message = issuer.activate(&second).await.unwrap_err().message().to_owned();
        assert!(message.contains("does not state the key"), "{name}: {message}");
        let bare = format!("keys issuer activate {config} {second}");
        assert!(issuer.place.refused(&bare).await.contains("every verifier has a statement"), "{name}");
        issuer.state(2).await;
        assert_eq!(issuer.stated().len(), 2, "{name}");
        issuer.activate(&second).await.unwrap();
        assert_eq!(issuer.states(KeyPurpose::Receipt).await, [Superseded, Active], "{name}");
        let retire = |key: &KeyId| format!("keys issuer retire {config} {key}");
        assert!(issuer.place.type_in(&retire(&second)).await.is_err(), "{name}: it signs");
        assert!(issuer.place.type_in(&retire(&first)).await.is_err(), "{name}: receipts of it are good");
        issuer.let_pass(200).await;
        issuer.place.type_in(&retire(&first)).await.unwrap();
        assert_eq!(issuer.states(KeyPurpose::Receipt).await, [Retired, Active], "{name}");
        issuer.state(3).await;
        assert_eq!(issuer.stated().len(), 1, "{name}");
        assert!(issuer.stated().get(&second).is_some(), "{name}");
        issuer.place.type_in(&format!("keys issuer list {config} --jwks")).await.unwrap();
        // No key of tokens came along.
        assert!(issuer.keys(KeyPurpose::Elevated).await.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn a_statement_that_verifiers_would_refuse_lets_no_key_sign() {
    let issuer = Issuer::new(Scratch::sqlite()).await;
    let key = issuer.keys.prepare(KeyPurpose::Receipt, Algorithm::Es256, SystemClock.now()).await.unwrap();
    issuer.let_pass(20).await;
    issuer.state(1).await;
    issuer.place.type_in("keys root new --out @other.json").await.unwrap();
    let line = |root: &str, statement: &str, key: &str| {
        format!(
            "keys issuer activate --config @token-issuer.toml --statement @{statement} --root @{root} {key}"
        )
    };
    for (root, statement, key) in [
        ("other.pub.json", "statement.jwt", key.as_str()),
        ("root.json", "statement.jwt", key.as_str()),
        ("root.pub.json", "keys.json", key.as_str()),
        ("root.pub.json", "statement.jwt", "nobody"),
    ] {
        assert!(issuer.place.type_in(&line(root, statement, key)).await.is_err(), "{root} {statement} {key}");
    }
    assert_eq!(issuer.states(KeyPurpose::Receipt).await, [KeyState::Prepared]);
    issuer.activate(&key).await.unwrap();
}

#[tokio::test]
async fn keys_of_tokens_need_no_statement_and_one_in_wrong_hands_goes_at_once() {
    let issuer = Issuer::new(Scratch::sqlite()).await;
    let config = "--config @token-issuer.toml";
    for _ in 0..2 {
        issuer.place.type_in(&format!("keys issuer prepare {config} --purpose elevated")).await.unwrap();
    }
    issuer.let_pass(20).await;
    let keys = issuer.keys(KeyPurpose::Elevated).await;
    for key in &keys {
        issuer.place.type_in(&format!("keys issuer activate {config} {}", key.id)).await.unwrap();
    }
    assert!(issuer.place.type_in(&format!("keys issuer retire {config} {}", keys[0].id)).await.is_err());
    issuer.place.type_in(&format!("keys issuer revoke {config} {}", keys[0].id)).await.unwrap();
    assert_eq!(issuer.states(KeyPurpose::Elevated).await, [KeyState::Revoked, KeyState::Active]);
}
