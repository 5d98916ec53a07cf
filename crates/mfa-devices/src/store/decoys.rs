//! The secret that passkeys which nobody has are made from: one for all processes and for ever, because a decoy that
//! changed would tell that it is one.

use kernel::secret::ExposeSecret as _;
use kernel::{Entropy, Result, SecretBytes, entropy};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue, DatabaseConnection, EntityTrait};
use storage::Sealer;
use storage::sealing::Context;
use storage::sql::{corrupt, unavailable};
use uuid::Uuid;
use zeroize::Zeroizing;

/// Where the sealed secret belongs.
pub(super) const DECOY_COLUMN: &str = "decoy_secret.secret";

/// The only row.
const ROW: Uuid = Uuid::nil();

mod entity {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "decoy_secret")]
    pub(super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) id: Uuid,
        /// The secret, sealed.
        pub(super) secret: Vec<u8>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use entity::{ActiveModel, Column, Entity};

/// The secret.
#[derive(Clone)]
pub struct DecoySecret(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for DecoySecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DecoySecret(..)")
    }
}

impl DecoySecret {
    /// That of this database; whoever asks first makes it.
    ///
    /// # Errors
    ///
    /// `STORE_UNAVAILABLE`, or `INTERNAL` when it does not open.
    pub async fn open(
        database: &DatabaseConnection,
        sealer: &Sealer,
        randomness: &dyn Entropy,
    ) -> Result<Self> {
        let context = || Context { column: DECOY_COLUMN, row: ROW.as_bytes() };
        let fresh: [u8; 32] = entropy::bytes(randomness);
        let sealed = sealer.seal(context(), &SecretBytes::from(fresh.to_vec()))?;
        Entity::insert(ActiveModel { id: ActiveValue::Set(ROW), secret: ActiveValue::Set(sealed) })
            .on_conflict(OnConflict::column(Column::Id).do_nothing().to_owned())
            .exec_without_returning(database)
            .await
            .map_err(unavailable)?;
        let row = Entity::find_by_id(ROW).one(database).await.map_err(unavailable)?;
        let row = row.ok_or_else(|| corrupt("decoy secret"))?;
        let opened = sealer.open(context(), &row.secret)?;
        let octets = opened.expose_secret().try_into().map_err(|_| corrupt("decoy secret"))?;
        Ok(Self(Zeroizing::new(octets)))
    }

    /// Of these octets.
    #[cfg(test)]
    pub(crate) fn of(octets: [u8; 32]) -> Self {
        Self(Zeroizing::new(octets))
    }

    /// The octets.
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::Migrator;
    use std::sync::Arc;
    use testkit::{SeededEntropy, race};

    #[tokio::test(flavor = "multi_thread")]
    async fn processes_that_start_at_once_and_again_have_the_same_secret() {
        testkit::on_each::<Migrator>(async |pools| {
            let key = (1, SecretBytes::from(vec![1; 32]));
            let sealer = Arc::new(Sealer::new([key], Arc::new(SeededEntropy::new(1))).unwrap());
            let ask = {
                let sealer = sealer.clone();
                move |pool: DatabaseConnection, seed: u64| {
                    let sealer = sealer.clone();
                    async move {
                        let secret = DecoySecret::open(&pool, &sealer, &SeededEntropy::new(seed)).await;
                        *secret.unwrap().as_bytes()
                    }
                }
            };
            let started = {
                let ask = ask.clone();
                race(&pools.clone(), 16, move |pool, index| ask(pool, index as u64)).await
            };
            let again = ask(pools[1].clone(), 99).await;
            assert!(started.iter().all(|secret| *secret == again));
            // It is no secret of whoever reads the database.
            let row = Entity::find_by_id(ROW).one(&pools[0]).await.unwrap().unwrap();
            assert!(!row.secret.windows(8).any(|octets| again.windows(8).any(|part| part == octets)));
        })
        .await;
    }
}
