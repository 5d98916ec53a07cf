//! Lists environments.

use kernel::{EnvironmentId, Result};
use runtime::{AdminCall, AdminRole};

use super::Environments;
use crate::domain::environment::Environment;

/// Ids read at once while looking for those that the caller may see.
const STRIDE: u64 = 500;

impl Environments {
    /// The environments that the caller may view, in the order of their ids, after `after`, at most `limit`; and
    /// whether there are more.
    pub(crate) async fn list(
        &self,
        call: &AdminCall,
        after: Option<EnvironmentId>,
        limit: usize,
    ) -> Result<(Vec<Environment>, bool)> {
        let mut visible = Vec::new();
        let mut cursor = after;
        // One more than wanted, to know whether there are more.
        while visible.len() <= limit {
            let ids = self.store.ids(cursor, STRIDE).await?;
            let Some(last) = ids.last() else { break };
            cursor = Some(*last);
            visible.extend(ids.into_iter().filter(|id| call.covers(AdminRole::Viewer, Some(*id))));
        }
        let more = visible.len() > limit;
        visible.truncate(limit);
        let mut environments = Vec::with_capacity(visible.len());
        for id in visible {
            environments.extend(self.store.read(id, None).await?);
        }
        Ok((environments, more))
    }
}
