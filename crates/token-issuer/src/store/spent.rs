//! Which assertions were exchanged, in the issuer's database.

use async_trait::async_trait;
use kernel::{Error, Reason, Result, Timestamp};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue, DatabaseConnection, EntityTrait};
use storage::sql::unavailable;

use super::entity::spent::{ActiveModel, Column, Entity};
use crate::ports::{SpentAssertion, SpentAssertions};

/// Exchanged assertions in SQL. Rows are never removed: forgetting one would let its assertion be exchanged anew.
#[derive(Clone, Debug)]
pub(crate) struct SqlSpentAssertions {
    database: DatabaseConnection,
}

impl SqlSpentAssertions {
    /// On a database whose migrations are those of this service.
    pub(crate) fn new(database: DatabaseConnection) -> Self {
        Self { database }
    }
}

#[async_trait]
impl SpentAssertions for SqlSpentAssertions {
    async fn spend(&self, assertion: &SpentAssertion, now: Timestamp) -> Result<()> {
        let environment = assertion.environment.uuid();
        let inserted = Entity::insert(ActiveModel {
            environment: ActiveValue::Set(environment),
            issuer: ActiveValue::Set(assertion.issuer.clone()),
            jti: ActiveValue::Set(assertion.id.clone()),
            purpose: ActiveValue::Set(assertion.purpose.to_vec()),
            spent_ms: ActiveValue::Set(now.millis()),
        })
        .on_conflict(
            OnConflict::columns([Column::Environment, Column::Issuer, Column::Jti]).do_nothing().to_owned(),
        )
        .exec_without_returning(&self.database)
        .await
        .map_err(unavailable)?;
        if inserted == 1 {
            return Ok(());
        }
        let key = (environment, assertion.issuer.clone(), assertion.id.clone());
        let row = Entity::find_by_id(key).one(&self.database).await.map_err(unavailable)?;
        // Somebody put the database back under this process.
        let row =
            row.ok_or_else(|| Error::store_unavailable("an exchanged assertion is not remembered any more"))?;
        if row.purpose == assertion.purpose { Ok(()) } else { Err(replayed()) }
    }
}

/// The refusal of an assertion that was exchanged for something else.
pub(crate) fn replayed() -> Error {
    Error::new(
        Reason::AssertionReplayed,
        "the assertion was exchanged already, for something else; ask its issuer for a new one",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{NOW, environment};
    use crate::migrations::Migrator;
    use std::time::Duration;
    use testkit::race;

    /// Two handles on the same data, as two processes have.
    type Handles = [SqlSpentAssertions; 2];

    /// Runs a clause of the contract on every backend.
    async fn on_each(clause: impl AsyncFn(Handles)) {
        testkit::on_each::<Migrator>(async |pools| clause(pools.map(SqlSpentAssertions::new)).await).await;
    }

    fn assertion(id: &str, purpose: u8) -> SpentAssertion {
        SpentAssertion {
            environment: environment(),
            issuer: "risk".to_owned(),
            id: id.to_owned(),
            purpose: [purpose; 32],
        }
    }

    fn outcome(result: Result<()>) -> Option<Reason> {
        result.err().map(|error| error.reason())
    }

    #[tokio::test]
    async fn an_assertion_is_used_up_for_one_purpose() {
        on_each(async |[one, other]| {
            let later = NOW.plus(Duration::from_secs(1));
            assert_eq!(outcome(one.spend(&assertion("a", 1), NOW).await), None);
            for store in [&one, &other] {
                assert_eq!(outcome(store.spend(&assertion("a", 1), later).await), None);
                let replayed = outcome(store.spend(&assertion("a", 2), later).await);
                assert_eq!(replayed, Some(Reason::AssertionReplayed));
            }
            // Others are not concerned: another id, another issuer, another environment.
            let elsewhere = "0b5f4a3e-5b7c-4d56-9a43-3c2e5f0a9d12".parse().unwrap();
            for free in [
                assertion("b", 2),
                assertion(&"é".repeat(255), 2),
                SpentAssertion { issuer: "other".to_owned(), ..assertion("a", 2) },
                SpentAssertion { environment: elsewhere, ..assertion("a", 2) },
            ] {
                assert_eq!(outcome(one.spend(&free, later).await), None);
            }
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_64_purposes_that_race_for_an_assertion_one_gets_it() {
        on_each(async |handles| {
            for round in 0..10 {
                let outcomes = race(&handles, 64, move |store, index| async move {
                    let wanted = assertion(&format!("a-{round}"), index as u8);
                    outcome(store.spend(&wanted, NOW).await)
                })
                .await;
                let got = outcomes.iter().filter(|refused| refused.is_none()).count();
                assert_eq!(got, 1);
                let rest = outcomes.iter().flatten();
                assert!(rest.into_iter().all(|reason| *reason == Reason::AssertionReplayed));
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_store_that_is_away_refuses() {
        on_each(async |[store, _]| {
            store.database.clone().close().await.unwrap();
            let refused = outcome(store.spend(&assertion("a", 1), NOW).await);
            assert_eq!(refused, Some(Reason::StoreUnavailable));
        })
        .await;
    }
}
