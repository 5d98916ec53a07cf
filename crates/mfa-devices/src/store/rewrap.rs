//! What is sealed in this database, for re-wrapping.

use storage::sealing::rewrap::{KeyColumn, SealedColumn, octets};

use super::SEED_COLUMN;
use super::decoys::DECOY_COLUMN;
use super::recovery::COPY_COLUMN;

/// The sealed values of the database of this role.
pub const SEALED: &[SealedColumn] = &[
    SealedColumn { name: SEED_COLUMN, key: &[KeyColumn::Uuid("device")], beside: &[], row: octets },
    SealedColumn { name: COPY_COLUMN, key: &[KeyColumn::Uuid("set_id")], beside: &[], row: octets },
    SealedColumn { name: DECOY_COLUMN, key: &[KeyColumn::Uuid("id")], beside: &[], row: octets },
];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kernel::secret::ExposeSecret;
    use kernel::{DeviceId, SecretBytes};
    use storage::Sealer;
    use storage::sealing::rewrap::{census, rewrap};

    use super::*;
    use crate::domain::{DisplayName, Owner, Seed, TotpParameters};
    use crate::fixtures::{ENTROPY, NOW, owner, session};
    use crate::migrations::Migrator;
    use crate::ports::{DeviceStore, Enrolled, Enrolment};
    use crate::store::SqlDeviceStore;

    fn sealer(versions: &[u8]) -> Arc<Sealer> {
        let keys = versions.iter().map(|v| (u32::from(*v), SecretBytes::from(vec![*v; 32])));
        let seed = versions.iter().map(|v| u64::from(*v)).sum();
        Arc::new(Sealer::new(keys, Arc::new(testkit::SeededEntropy::new(seed))).unwrap())
    }

    async fn enrol(store: &SqlDeviceStore) -> (Owner, DeviceId, Vec<u8>) {
        let owner = owner();
        let enrolment = Enrolment {
            id: DeviceId::random(&*ENTROPY),
            display_name: DisplayName::default(),
            session: session("s"),
            payment: None,
            at: NOW,
            seed: Seed::random(&*ENTROPY, TotpParameters::DEFAULT),
            max_factors: 1,
            generation: 0,
        };
        assert!(matches!(store.enrol(owner, &enrolment).await.unwrap(), Enrolled::Pending));
        (owner, enrolment.id, enrolment.seed.octets().expose_secret().to_vec())
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn every_seed_is_the_same_after_it_was_rewrapped_beside_devices_that_are_registered() {
        for (name, database, scratch) in testkit::databases::<Migrator>().await {
            let old = SqlDeviceStore::new(database.clone(), sealer(&[1]));
            let mut enrolled = Vec::new();
            for _ in 0..40 {
                enrolled.push(enrol(&old).await);
            }
            // Another process, which has both keys, goes on meanwhile.
            let live = SqlDeviceStore::new(scratch.open().await, sealer(&[1, 2]));
            let writer = tokio::spawn(async move {
                let mut enrolled = Vec::new();
                for _ in 0..40 {
                    enrolled.push(enrol(&live).await);
                }
                enrolled
            });
            let done = rewrap(&database, &sealer(&[1, 2]), SEALED, &mut |_| {}).await.unwrap().remove(0);
            enrolled.extend(writer.await.unwrap());
            assert_eq!((done.rewrapped, done.unopened.len()), (40, 0), "{name}");
            let census = census(&database, SEALED).await.unwrap();
            assert_eq!((census.total(), census.of(2)), (80, 80), "{name}");
            let new = SqlDeviceStore::new(database, sealer(&[2]));
            for (owner, device, seed) in enrolled {
                let found = new.seed(owner, device).await.unwrap().unwrap();
                assert_eq!(found.octets().expose_secret(), seed, "{name}");
            }
        }
    }
}
