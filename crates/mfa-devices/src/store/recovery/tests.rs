//! What is kept of recovery codes, and for how long.

use std::sync::Arc;
use std::time::Duration;

use kernel::secret::ExposeSecret;
use kernel::{DeviceId, SecretBytes, Timestamp};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use storage::Sealer;
use storage::sealing::rewrap::rewrap;
use testkit::SeededEntropy;

use super::entity::{codes, copies};
use crate::domain::recovery_set::SHOWN_FOR;
use crate::domain::{DisplayName, Owner, Proof, RecoveryCodes, Seed, Step, TotpParameters};
use crate::fixtures::{ENTROPY, NOW, attempt, owner, proof, session};
use crate::migrations::Migrator;
use crate::ports::{
    Acceptance, DeviceStore, Enrolled, Enrolment, Made, Making, Payment, RecoveryStore, Showing, ShownAgain,
};
use crate::store::{DecoySecret, SEALED, SqlDeviceStore};

fn sealer(versions: &[u8]) -> Arc<Sealer> {
    let keys = versions.iter().map(|v| (u32::from(*v), SecretBytes::from(vec![*v; 32])));
    Arc::new(Sealer::new(keys, Arc::new(SeededEntropy::new(3))).unwrap())
}

/// A user with a factor and codes, made at `at`.
async fn with_codes(store: &SqlDeviceStore, at: Timestamp) -> (Owner, Making) {
    let owner = owner();
    let enrolment = Enrolment {
        id: DeviceId::random(&*ENTROPY),
        display_name: DisplayName::default(),
        session: session("s-1"),
        payment: None,
        at,
        seed: Seed::random(&*ENTROPY, TotpParameters::DEFAULT),
        max_factors: 1,
        generation: 0,
    };
    assert_eq!(store.enrol(owner, &enrolment).await.unwrap(), Enrolled::Pending);
    let attempt = attempt("s-1", 1);
    let device = enrolment.id;
    let session = enrolment.session;
    let proof = Proof { device, grant: true, ..proof(&attempt, at) };
    let step = Step::from_number(100);
    assert!(store.accept(owner, &Acceptance { step, proof, activates: true }).await.unwrap());
    let id = DeviceId::random(&*ENTROPY);
    let codes = RecoveryCodes::random(&*ENTROPY);
    let making = Making { id, codes, session, payment: Payment::Left, at };
    assert!(matches!(store.make_codes(owner, &making).await.unwrap(), Made::Made(_)));
    (owner, making)
}

#[tokio::test]
async fn no_recovery_code_is_kept_but_sealed_for_ten_minutes() {
    let (database, _folder) = testkit::database::<Migrator>().await;
    let store = SqlDeviceStore::new(database, sealer(&[1]));
    let (_, first) = with_codes(&store, NOW).await;
    let copies = async || copies::Entity::find().all(&store.database).await.unwrap();
    let rows = codes::Entity::find().all(&store.database).await.unwrap();
    let kept = [rows.iter().map(|row| row.hash.clone()).collect(), vec![copies().await[0].codes.clone()]];
    let octets = first.codes.octets();
    for kept in kept.concat() {
        assert!(!kept.windows(4).any(|window| octets.expose_secret().windows(4).any(|part| part == window)));
    }
    // Nobody has to look at the set: whoever makes codes later takes the copy away.
    with_codes(&store, NOW.plus(SHOWN_FOR)).await;
    assert_eq!(copies().await.len(), 2);
    let (_, third) = with_codes(&store, NOW.plus(SHOWN_FOR + Duration::from_millis(1))).await;
    let left: Vec<_> = copies().await.into_iter().map(|copy| copy.set).collect();
    assert!(left.len() == 2 && !left.contains(&first.id.uuid()) && left.contains(&third.id.uuid()));
}

#[tokio::test]
async fn sealed_codes_do_not_open_in_another_row() {
    let (database, _folder) = testkit::database::<Migrator>().await;
    let store = SqlDeviceStore::new(database, sealer(&[1]));
    let (_, mine) = with_codes(&store, NOW).await;
    let (stranger, theirs) = with_codes(&store, NOW).await;
    let copy = copies::Entity::find_by_id(mine.id.uuid()).one(&store.database).await.unwrap().unwrap();
    copies::Entity::update_many()
        .col_expr(copies::Column::Codes, Expr::value(copy.codes))
        .filter(copies::Column::Set.eq(theirs.id.uuid()))
        .exec(&store.database)
        .await
        .unwrap();
    let showing = Showing { session: theirs.session, payment: Payment::Left, at: NOW };
    assert_eq!(store.show_codes(stranger, &showing).await.unwrap_err().reason(), kernel::Reason::Internal);
}

#[tokio::test]
async fn recovery_codes_are_the_same_after_they_were_rewrapped() {
    let (database, _folder) = testkit::database::<Migrator>().await;
    let (owner, made) = with_codes(&SqlDeviceStore::new(database.clone(), sealer(&[1])), NOW).await;
    DecoySecret::open(&database, &sealer(&[1]), &SeededEntropy::new(4)).await.unwrap();
    let done = rewrap(&database, &sealer(&[1, 2]), SEALED, &mut |_| {}).await.unwrap();
    assert!(done.iter().all(|column| (column.rewrapped, column.unopened.len()) == (1, 0)), "{done:?}");
    let store = SqlDeviceStore::new(database, sealer(&[2]));
    let device = store.holdings(owner).await.unwrap().factors()[0].id;
    let attempt = attempt("s-1", 1);
    let proof = Proof { device, grant: true, ..proof(&attempt, NOW) };
    let step = Step::from_number(101);
    assert!(store.accept(owner, &Acceptance { step, proof, activates: false }).await.unwrap());
    let showing = Showing { session: made.session, payment: Payment::Left, at: NOW };
    let ShownAgain::Codes(_, codes) = store.show_codes(owner, &showing).await.unwrap() else {
        panic!("should have been shown")
    };
    assert_eq!(codes.octets().expose_secret(), made.codes.octets().expose_secret());
}
