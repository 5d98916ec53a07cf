//! What must be so for a process to get calls: its own stores, its standing, its lease, its certificates. Not the other
//! services: were they asked, one that is away would take down all that call it, and those that call them.

use std::sync::Arc;
use std::time::Duration;

use kernel::Error;
use runtime::health::{Check, Readiness};
use runtime::tls::Credentials;

use super::stores::Stores;

/// How long a check may take.
pub(super) const LIMIT: Duration = Duration::from_secs(3);

/// The checks of every role, and those of this one.
pub(super) fn readiness(
    stores: &Stores,
    peers: &Arc<Credentials>,
    public: Option<&Arc<Credentials>>,
    own: Vec<Check>,
) -> Readiness {
    let database = stores.store.database.clone();
    let mut checks = vec![Check::new("database", LIMIT, move || {
        let database = database.clone();
        async move { database.ping().await.map_err(Error::store_unavailable) }
    })];
    let standing = stores.standing.clone();
    checks.push(Check::now("standing", move || standing.check()));
    if let Some(lease) = stores.lease.clone() {
        checks.push(Check::now("lease", move || lease.check()));
    }
    let peers = peers.clone();
    checks.push(Check::now("certificate", move || peers.check()));
    if let Some(public) = public.cloned() {
        checks.push(Check::now("public certificate", move || public.check()));
    }
    checks.extend(own);
    Readiness::new(checks)
}
