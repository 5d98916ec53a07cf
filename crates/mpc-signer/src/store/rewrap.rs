//! What is sealed in a node's database, for re-wrapping.

use storage::sealing::rewrap::{KeyColumn, SealedColumn, octets};

use super::sql::SECRET_COLUMN;

/// The sealed values of a node's database.
pub const SEALED: &[SealedColumn] = &[SealedColumn {
    name: SECRET_COLUMN,
    key: &[KeyColumn::Uuid("wallet_id"), KeyColumn::Uuid("attempt")],
    beside: &[],
    row: octets,
}];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kernel::secret::ExposeSecret;
    use kernel::{AttemptId, OperationId, SecretBytes, Timestamp, WalletId};
    use storage::Sealer;
    use storage::sealing::rewrap::{census, rewrap};

    use super::*;
    use crate::domain::{KeyStatement, LocalNode, fixtures};
    use crate::migrations::Migrator;
    use crate::ports::{NewShare, Shares};
    use crate::store::SqlShares;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn sealer(versions: &[u8]) -> Arc<Sealer> {
        let keys = versions.iter().map(|v| (u32::from(*v), SecretBytes::from(vec![*v; 32])));
        let seed = versions.iter().map(|v| u64::from(*v)).sum();
        Arc::new(Sealer::new(keys, Arc::new(fixtures::entropy(seed))).unwrap())
    }

    /// Each its own wallet, every other one in use.
    async fn store(shares: &SqlShares, group: &[LocalNode], number: u8) -> (WalletId, AttemptId) {
        let statement = KeyStatement {
            attempt: AttemptId::random(&fixtures::entropy(number.into())),
            wallet: WalletId::derive(&[number; 32]),
            ..fixtures::statement(group)
        };
        let share = NewShare {
            operation: OperationId::random(&fixtures::entropy(77)),
            attestation: group[0].attest(&statement),
            statement: statement.clone(),
            secret: SecretBytes::from(vec![number; 32]),
        };
        shares.store_pending(&share, NOW).await.unwrap();
        if number.is_multiple_of(2) {
            shares.activate(statement.wallet, statement.attempt).await.unwrap();
        }
        (statement.wallet, statement.attempt)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn every_share_is_the_same_after_it_was_rewrapped_beside_wallets_that_are_made() {
        let group = fixtures::group(2, 3);
        for (name, database, scratch) in testkit::databases::<Migrator>().await {
            let old = SqlShares::new(database.clone(), sealer(&[1]));
            let mut stored = Vec::new();
            for number in 0..40 {
                stored.push(store(&old, &group, number).await);
            }
            let live = SqlShares::new(scratch.open().await, sealer(&[1, 2]));
            let others = group.clone();
            let writer = tokio::spawn(async move {
                let mut stored = Vec::new();
                for number in 40..80 {
                    stored.push(store(&live, &others, number).await);
                }
                stored
            });
            let done = rewrap(&database, &sealer(&[1, 2]), SEALED, &mut |_| {}).await.unwrap().remove(0);
            stored.extend(writer.await.unwrap());
            assert_eq!((done.rewrapped, done.unopened.len()), (40, 0), "{name}");
            let census = census(&database, SEALED).await.unwrap();
            assert_eq!((census.total(), census.of(2)), (80, 80), "{name}");
            let new = SqlShares::new(database, sealer(&[2]));
            for (number, (wallet, attempt)) in (0_u8..).zip(stored) {
                let secret = new.secret(wallet, attempt).await.unwrap();
                assert_eq!(secret.expose_secret(), [number; 32], "{name}");
            }
        }
    }
}
