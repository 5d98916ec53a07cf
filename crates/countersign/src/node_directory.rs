//! The file that pins the nodes: the same at every node, at the gateway, and at a client that checks exports.

use std::path::Path;

use kernel::{Error, Result};
use mpc_signer::domain::NodeDirectory;
use mpc_signer::settings::GroupSettings;

use crate::files;

/// A larger file is no directory of nodes.
const MAX_BYTES: u64 = 256 * 1024;

/// Reads the directory in `file`, which `setting` names.
///
/// # Errors
/// `INVALID_REQUEST` naming the setting and the file.
pub(crate) fn read(setting: &str, file: &Path) -> Result<NodeDirectory> {
    let text = files::read_anchor(setting, file, MAX_BYTES)?;
    let group: GroupSettings = serde_json::from_str(&text).map_err(|error| {
        Error::invalid(setting, format!("{} is no directory of nodes: {error}", file.display()))
    })?;
    group.directory().map_err(|error| {
        Error::invalid(setting, format!("{} is not right: {}", file.display(), error.message()))
    })
}
