//! Key-encryption keys are changed, from the first to the last step.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use kernel::{EnvironmentId, SecretBytes, UserId};
use runtime::OsEntropy;
use sea_orm::ConnectionTrait as _;
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use storage::Sealer;
use storage::sealing::Context;
use storage::sealing::rewrap::{Census, KeyValue, census};

use super::*;
use crate::key_files::EncryptionKeys;
use crate::settings::MfaDevicesSettings;

const COLUMN: storage::sealing::rewrap::SealedColumn = mfa_devices::SEALED[0];

struct Devices {
    place: Place,
    database: DatabaseConnection,
    _scratch: Scratch,
}

impl Devices {
    async fn new(scratch: Scratch) -> Self {
        let place = Place::new();
        place
            .type_in("keys encryption new --role mfa-devices --deployment main --out @mfa.json")
            .await
            .unwrap();
        let database = place.database::<MfaDevicesSettings>(&scratch).await;
        Self { place, database, _scratch: scratch }
    }

    fn sealer(&self) -> Sealer {
        let keys = EncryptionKeys::read(&self.place.path("mfa.json")).unwrap();
        keys.sealer(Arc::new(OsEntropy::new())).unwrap()
    }

    /// Devices as the role writes them.
    async fn add(&self, numbers: std::ops::Range<u128>) {
        let sealer = self.sealer();
        let entropy = OsEntropy::new();
        let numbers: Vec<_> = numbers.collect();
        for numbers in numbers.chunks(500) {
            let mut devices = Query::insert();
            devices.into_table("devices").columns([
                "id",
                "environment",
                "user_id",
                "kind",
                "display_name",
                "created_ms",
                "revision",
            ]);
            let mut secrets = Query::insert();
            secrets.into_table("totp_secrets").columns([
                "device",
                "secret",
                "algorithm",
                "digits",
                "period_seconds",
                "last_step",
            ]);
            for number in numbers {
                let id = Uuid::from_u128(*number + 1);
                let place = (COLUMN.row)(&[KeyValue::Uuid(id)]);
                let context = Context { column: COLUMN.name, row: &place };
                let sealed = sealer.seal(context, &secret(*number)).unwrap();
                devices.values_panic([
                    Expr::value(id),
                    Expr::value(EnvironmentId::random(&entropy).uuid()),
                    Expr::value(UserId::random(&entropy).uuid()),
                    Expr::value("totp"),
                    Expr::value("phone"),
                    Expr::value(1_i64),
                    Expr::value(1_i64),
                ]);
                secrets.values_panic([
                    Expr::value(id),
                    Expr::value(sealed),
                    Expr::value("SHA1"),
                    Expr::value(6),
                    Expr::value(30),
                    Expr::value(-1_i64),
                ]);
            }
            for insert in [devices, secrets] {
                self.database.execute(&insert).await.unwrap();
            }
        }
    }

    async fn sealed(&self, number: u128) -> Vec<u8> {
        let select = Query::select()
            .from("totp_secrets")
            .column("secret")
            .and_where(Expr::col("device").eq(Uuid::from_u128(number + 1)))
            .to_owned();
        self.database.query_one(&select).await.unwrap().unwrap().try_get("", "secret").unwrap()
    }

    async fn set(&self, number: u128, sealed: Vec<u8>) {
        let update = Query::update()
            .table("totp_secrets")
            .value("secret", sealed)
            .and_where(Expr::col("device").eq(Uuid::from_u128(number + 1)))
            .to_owned();
        self.database.execute(&update).await.unwrap();
    }

    async fn opens(&self, number: u128) -> bool {
        let place = (COLUMN.row)(&[KeyValue::Uuid(Uuid::from_u128(number + 1))]);
        let context = Context { column: COLUMN.name, row: &place };
        let opened = self.sealer().open(context, &self.sealed(number).await);
        use kernel::secret::ExposeSecret as _;
        opened.is_ok_and(|found| found.expose_secret() == secret(number).expose_secret())
    }

    async fn census(&self) -> Census {
        census(&self.database, mfa_devices::SEALED).await.unwrap()
    }
}

fn secret(number: u128) -> SecretBytes {
    SecretBytes::from(number.to_be_bytes().to_vec())
}

const REWRAP: &str = "keys rewrap --role mfa-devices --config @mfa-devices.toml";
const DROP: &str = "keys encryption drop @mfa.json --version 1 --config @mfa-devices.toml";

#[tokio::test]
async fn a_key_is_replaced_and_goes_only_when_nothing_is_sealed_with_it() {
    for (name, scratch) in backends() {
        let devices = Devices::new(scratch).await;
        devices.add(0..450).await;
        assert!(devices.place.refused(DROP).await.contains("seals"), "{name}");
        devices.place.type_in("keys encryption rotate @mfa.json").await.unwrap();
        let message = devices.place.refused(DROP).await;
        assert!(message.contains("450 values") && message.contains("keys rewrap"), "{name}: {message}");
        devices.place.type_in(REWRAP).await.unwrap();
        let census = devices.census().await;
        assert_eq!((census.total(), census.of(2)), (450, 450), "{name}");
        // Again: there is nothing to do, which is well.
        devices.place.type_in(REWRAP).await.unwrap();
        devices.place.type_in(DROP).await.unwrap();
        assert_eq!(
            EncryptionKeys::read(&devices.place.path("mfa.json")).unwrap().versions().collect::<Vec<_>>(),
            [2]
        );
        for number in [0, 199, 200, 449] {
            assert!(devices.opens(number).await, "{name}: {number}");
        }
    }
}

#[tokio::test]
async fn rows_that_do_not_open_are_named_in_the_end_and_keep_their_key() {
    for (name, scratch) in backends() {
        let devices = Devices::new(scratch).await;
        devices.add(0..30).await;
        let mut altered = devices.sealed(7).await;
        altered[25] ^= 1;
        devices.set(7, altered).await;
        let moved = devices.sealed(1).await;
        devices.set(8, moved).await;
        devices.place.type_in("keys encryption rotate @mfa.json").await.unwrap();
        let message = devices.place.refused(REWRAP).await;
        for number in [7_u128, 8] {
            assert!(message.contains(&Uuid::from_u128(number + 1).to_string()), "{name}: {message}");
        }
        assert!(message.contains("2 values do not open"), "{name}: {message}");
        let census = devices.census().await;
        assert_eq!((census.of(1), census.of(2)), (2, 28), "{name}");
        assert!(devices.place.refused(DROP).await.contains("2 values"), "{name}");
    }
}

#[tokio::test]
async fn nothing_is_touched_with_the_wrong_file_or_in_the_wrong_database() {
    let devices = Devices::new(Scratch::sqlite()).await;
    devices.add(0..3).await;
    devices.place.type_in("keys encryption rotate @mfa.json").await.unwrap();
    let right = std::fs::read_to_string(devices.place.path("mfa.json")).unwrap();
    let keys = |text: &str| std::fs::write(devices.place.path("mfa.json"), text).unwrap();
    keys(&right.replace("\"mfa-devices\"", "\"token-issuer\""));
    assert!(devices.place.refused(REWRAP).await.contains("`token-issuer`"));
    keys(&right.replace("\"main\"", "\"other\""));
    assert!(devices.place.refused(REWRAP).await.contains("`other`"));
    assert!(devices.place.refused(DROP).await.contains("`other`"));
    keys(&right);
    // A role that keeps no secrets.
    devices.place.configure("policy", &Scratch::sqlite());
    let message = devices.place.refused("keys rewrap --role policy --config @policy.toml").await;
    assert!(message.contains("no secrets"), "{message}");
    // A database that bears another's mark.
    let mark = Query::update().table("deployment_mark").value("deployment", "other").to_owned();
    storage::mark::claim(
        &devices.database,
        &storage::mark::Owner::new("main", "mfa-devices", storage::mark::Mode::Dev).unwrap(),
        kernel::Timestamp::from_seconds(1_000_000),
    )
    .await
    .unwrap();
    devices.database.execute(&mark).await.unwrap();
    assert!(devices.place.type_in(REWRAP).await.is_err());
    assert_eq!(devices.census().await.of(1), 3);
}

/// Says to a copy of this test program that it is the process that is killed, and with which configuration.
const VICTIM: &str = "REWRAP_VICTIM_CONFIG";

#[tokio::test]
async fn killed_in_the_middle_it_goes_on_where_it_was() {
    #[expect(clippy::disallowed_methods, reason = "how the test tells its own copy what to do")]
    let victim = std::env::var_os(VICTIM);
    if let Some(config) = victim {
        let words = ["countersign", "keys", "rewrap", "--role", "mfa-devices", "--config"];
        run(words.map(Into::into).into_iter().chain([config])).await.unwrap();
        return;
    }
    for (name, scratch) in backends() {
        let devices = Devices::new(scratch).await;
        devices.add(0..4_000).await;
        devices.place.type_in("keys encryption rotate @mfa.json").await.unwrap();
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "commands::keys::tests::rewrapping::killed_in_the_middle_it_goes_on_where_it_was",
            ])
            .env(VICTIM, devices.place.path("mfa-devices.toml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while devices.census().await.of(2) == 0 {
            assert!(victim.try_wait().unwrap().is_none(), "{name}: it ended by itself");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // SIGKILL.
        victim.kill().unwrap();
        victim.wait().unwrap();
        let census = devices.census().await;
        assert!(census.of(2) > 0 && census.of(1) > 0, "{name}: {census:?}");
        assert_eq!(census.total(), 4_000, "{name}");

        devices.place.type_in(REWRAP).await.unwrap();
        assert_eq!(devices.census().await.of(2), 4_000, "{name}");
        devices.place.type_in(DROP).await.unwrap();
        for number in [0, 1, 1_999, 3_999] {
            assert!(devices.opens(number).await, "{name}: {number}");
        }
    }
}
