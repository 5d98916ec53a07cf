//! Wiring of policy.

use runtime::RoleMounts;

use super::{Common, Store};

/// Policy asks nobody anything and keeps no secret.
pub(crate) fn policy(common: &Common, store: Store) -> RoleMounts {
    policy::compose(policy::Parts {
        database: store.database,
        audit: store.audit,
        clock: common.clock.clone(),
        entropy: common.entropy.clone(),
        admins: common.admins.clone(),
        dev_mode: common.dev,
    })
}
