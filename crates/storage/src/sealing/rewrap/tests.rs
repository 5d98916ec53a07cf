use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kernel::secret::ExposeSecret;
use kernel::{Entropy, SecretBytes};
use sea_orm::prelude::Uuid;
use sea_orm::sea_query::{ColumnDef, Expr, ExprTrait, Index, Query, Table};
use sea_orm::{ConnectionTrait, DatabaseConnection};

use super::*;
use crate::sealing::{KEY_LENGTH, version_of};

struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let number = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
            chunk.copy_from_slice(&number[..chunk.len()]);
        }
    }
}

fn sealer(versions: &[u32]) -> Arc<Sealer> {
    let keys = versions.iter().map(|v| (*v, SecretBytes::from(vec![u8::try_from(*v).unwrap(); KEY_LENGTH])));
    // Each sealer's nonces are its own.
    let first = u64::from(versions.iter().sum::<u32>()) << 40;
    Arc::new(Sealer::new(keys, Arc::new(Counting(AtomicU64::new(first)))).unwrap())
}

const COLUMN: SealedColumn = SealedColumn {
    name: "things.secret",
    key: &[KeyColumn::Uuid("id"), KeyColumn::Text("part")],
    beside: &[KeyColumn::Text("purpose")],
    row: |values| values.iter().flat_map(|value| [value.as_bytes(), b"/"].concat()).collect(),
};

struct Things {
    database: DatabaseConnection,
    _folder: tempfile::TempDir,
}

impl Things {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = crate::sql::open_sqlite(&folder.path().join("things.sqlite")).await.unwrap();
        let table = Table::create()
            .table("things")
            .col(ColumnDef::new("id").uuid().not_null())
            .col(ColumnDef::new("part").text().not_null())
            .col(ColumnDef::new("purpose").text().not_null())
            .col(ColumnDef::new("secret").binary().not_null())
            .primary_key(Index::create().col("id").col("part"))
            .to_owned();
        database.execute(&table).await.unwrap();
        Self { database, _folder: folder }
    }

    fn place(number: u128) -> Vec<u8> {
        let values = [
            KeyValue::Uuid(Uuid::from_u128(number / 3)),
            KeyValue::Text(format!("part {}", number % 3)),
            KeyValue::Text("test".to_owned()),
        ];
        (COLUMN.row)(&values)
    }

    fn secret(number: u128) -> SecretBytes {
        SecretBytes::from(format!("secret {number}").into_bytes())
    }

    async fn put(&self, number: u128, sealer: &Sealer) {
        let place = Self::place(number);
        let context = Context { column: COLUMN.name, row: &place };
        self.insert(number, sealer.seal(context, &Self::secret(number)).unwrap()).await;
    }

    async fn insert(&self, number: u128, sealed: Vec<u8>) {
        let insert = Query::insert()
            .into_table("things")
            .columns(["id", "part", "purpose", "secret"])
            .values_panic([
                Expr::value(Uuid::from_u128(number / 3)),
                Expr::value(format!("part {}", number % 3)),
                Expr::value("test"),
                Expr::value(sealed),
            ])
            .to_owned();
        self.database.execute(&insert).await.unwrap();
    }

    async fn value(&self, number: u128) -> Vec<u8> {
        let select = Query::select()
            .from("things")
            .column("secret")
            .and_where(Expr::col("id").eq(Uuid::from_u128(number / 3)))
            .and_where(Expr::col("part").eq(format!("part {}", number % 3)))
            .to_owned();
        self.database.query_one(&select).await.unwrap().unwrap().try_get("", "secret").unwrap()
    }

    async fn set(&self, number: u128, sealed: Vec<u8>) {
        let update = Query::update()
            .table("things")
            .value("secret", sealed)
            .and_where(Expr::col("id").eq(Uuid::from_u128(number / 3)))
            .and_where(Expr::col("part").eq(format!("part {}", number % 3)))
            .to_owned();
        self.database.execute(&update).await.unwrap();
    }

    async fn run(&self, sealer: &Sealer) -> Progress {
        rewrap(&self.database, sealer, &[COLUMN], &mut |_| {}).await.unwrap().remove(0)
    }

    async fn versions(&self) -> BTreeMap<Option<u32>, u64> {
        census(&self.database, &[COLUMN]).await.unwrap().by_version
    }
}

fn opens(sealer: &Sealer, number: u128, sealed: &[u8]) -> bool {
    let place = Things::place(number);
    let context = Context { column: COLUMN.name, row: &place };
    sealer
        .open(context, sealed)
        .is_ok_and(|found| found.expose_secret() == Things::secret(number).expose_secret())
}

#[tokio::test]
async fn every_value_moves_to_the_version_that_seals_and_stays_the_same_secret() {
    let things = Things::new().await;
    let old = sealer(&[1]);
    // More than two batches, and not a whole number of them.
    let count = 2 * BATCH + 7;
    for number in 0..u128::from(count) {
        things.put(number, &old).await;
    }
    let both = sealer(&[1, 2]);
    let mut reports = Vec::new();
    let done = rewrap(&things.database, &both, &[COLUMN], &mut |progress| reports.push(progress.seen))
        .await
        .unwrap()
        .remove(0);
    assert_eq!((done.total, done.seen, done.rewrapped, done.passed), (count, count, count, 0));
    assert_eq!(reports, [BATCH, 2 * BATCH, count]);
    assert_eq!(things.versions().await, BTreeMap::from([(Some(2), count)]));
    let new = sealer(&[2]);
    for number in 0..u128::from(count) {
        assert!(opens(&new, number, &things.value(number).await), "{number}");
    }
    // Again: nothing is left to do.
    let again = things.run(&both).await;
    assert_eq!((again.seen, again.rewrapped, again.passed), (count, 0, count));
}

#[tokio::test]
async fn a_value_that_does_not_open_is_named_and_left_and_the_others_are_done() {
    let things = Things::new().await;
    let (old, both) = (sealer(&[1]), sealer(&[1, 2]));
    for number in 0..9 {
        things.put(number, &old).await;
    }
    // Moved from another row, altered, too short, and sealed with a key that is not here.
    let moved = things.value(0).await;
    things.set(4, moved).await;
    let mut altered = things.value(5).await;
    altered[20] ^= 1;
    things.set(5, altered.clone()).await;
    things.set(6, vec![0, 0]).await;
    things.put(9, &sealer(&[7])).await;
    // Erased: there is nothing to do.
    things.set(8, Vec::new()).await;
    let done = things.run(&both).await;
    let named = |number: u128| format!("things {}/part {}", Uuid::from_u128(number / 3), number % 3);
    assert_eq!(done.unopened, [named(4), named(5), named(6), named(9)]);
    assert_eq!((done.total, done.seen, done.rewrapped), (9, 9, 5));
    assert_eq!(things.value(5).await, altered);
    let left = BTreeMap::from([(None, 1), (Some(1), 2), (Some(2), 5), (Some(7), 1)]);
    assert_eq!(things.versions().await, left);
    // Those that opened are not done again.
    let again = things.run(&both).await;
    assert_eq!((again.rewrapped, again.unopened.len()), (0, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_runs_beside_writers_and_beside_itself_and_loses_nothing() {
    let things = Arc::new(Things::new().await);
    let (old, both) = (sealer(&[1]), sealer(&[1, 2]));
    for number in 0..300 {
        things.put(number, &old).await;
    }
    // A process that has the new key and replaces, adds and removes values meanwhile.
    let writer = {
        let (things, both) = (Arc::clone(&things), Arc::clone(&both));
        tokio::spawn(async move {
            for number in 0..150 {
                let place = Things::place(number * 2);
                let context = Context { column: COLUMN.name, row: &place };
                things.set(number * 2, both.seal(context, &Things::secret(number * 2)).unwrap()).await;
                things.put(1000 + number, &both).await;
            }
        })
    };
    let runs: Vec<_> = (0..3)
        .map(|_| {
            let (things, both) = (Arc::clone(&things), Arc::clone(&both));
            tokio::spawn(async move { things.run(&both).await })
        })
        .collect();
    writer.await.unwrap();
    for run in runs {
        assert!(run.await.unwrap().unopened.is_empty());
    }
    assert_eq!(things.versions().await, BTreeMap::from([(Some(2), 450)]));
    let new = sealer(&[2]);
    for number in (0..300).chain(1000..1150) {
        assert!(opens(&new, number, &things.value(number).await), "{number}");
    }
}

#[tokio::test]
async fn a_value_that_changed_since_it_was_read_is_not_overwritten() {
    let things = Things::new().await;
    let both = sealer(&[1, 2]);
    things.put(0, &sealer(&[1])).await;
    let row = table::after(&things.database, &COLUMN, None, 1).await.unwrap().remove(0);
    things.set(0, vec![9; 40]).await;
    assert!(!table::compare_and_set(&things.database, &COLUMN, &row, vec![1]).await.unwrap());
    assert_eq!(things.value(0).await, [9; 40]);
    // And a row that is gone is passed over.
    things.set(0, Vec::new()).await;
    assert!(matches!(replace(&things.database, &both, &COLUMN, row).await.unwrap(), Outcome::Passed));
    assert_eq!(version_of(&things.value(0).await), None);
}

#[tokio::test]
async fn what_was_done_before_a_stop_is_not_done_again() {
    let things = Arc::new(Things::new().await);
    let (old, both) = (sealer(&[1]), sealer(&[1, 2]));
    for number in 0..u128::from(3 * BATCH) {
        things.put(number, &old).await;
    }
    let stopped = {
        let (things, both) = (Arc::clone(&things), Arc::clone(&both));
        tokio::spawn(async move {
            let mut stop = |progress: &Progress| assert!(progress.seen < 2 * BATCH, "stopped");
            rewrap(&things.database, &both, &[COLUMN], &mut stop).await
        })
    };
    assert!(stopped.await.unwrap_err().is_panic());
    let halfway = BTreeMap::from([(Some(1), BATCH), (Some(2), 2 * BATCH)]);
    assert_eq!(things.versions().await, halfway);
    let done = things.run(&both).await;
    assert_eq!((done.rewrapped, done.passed), (BATCH, 2 * BATCH));
    assert_eq!(things.versions().await, BTreeMap::from([(Some(2), 3 * BATCH)]));
}
