//! What a contract suite of a store runs on.

use sea_orm::DatabaseConnection;
use sea_orm_migration::MigratorTrait;

use crate::database::databases;

/// Runs a clause of a contract on each backend: on a fresh database with the migrations of `M`, by two pools on it, as
/// two processes have.
#[expect(clippy::print_stdout, reason = "a test that fails on one of several backends says on which")]
pub async fn on_each<M: MigratorTrait>(clause: impl AsyncFn([DatabaseConnection; 2])) {
    for (backend, first, scratch) in databases::<M>().await {
        println!("on {backend}");
        let pools = [first, scratch.open().await];
        clause(pools.clone()).await;
        for pool in pools {
            // Whatever transaction is still to be undone is undone by this, and holds nothing that goes now.
            pool.close().await.unwrap();
        }
    }
}
