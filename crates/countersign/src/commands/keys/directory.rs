//! `countersign keys directory`.

use kernel::{Error, Result};
use mpc_signer::settings::{GroupSettings, NodeSettings};

use crate::cli::DirectoryOptions;
use crate::{files, output};

/// A larger file is no entry of a node.
const MAX_BYTES: u64 = 16 * 1024;

pub(super) fn run(options: &DirectoryOptions) -> Result<()> {
    let mut nodes: Vec<NodeSettings> = Vec::with_capacity(options.entries.len());
    for path in &options.entries {
        let text = files::read_public(path, MAX_BYTES)?;
        let entry = serde_json::from_str(&text).map_err(|error| {
            let what = format!("is no entry of a node, as `countersign keys node` prints it: {error}");
            Error::invalid(path.display().to_string(), what)
        })?;
        nodes.push(entry);
    }
    nodes.sort_by_key(|node| node.identifier);
    let group = GroupSettings { group: options.group.clone(), threshold: options.threshold, nodes };
    // Refused here rather than at every node.
    group.directory()?;
    let text = serde_json::to_string_pretty(&group).map_err(Error::internal)?;
    files::replace_public(&options.out, format!("{text}\n").as_bytes())?;
    output::line(&format!(
        "{}: {} of {} nodes of group {} must act together. The same file goes to every node and to the gateway",
        options.out.display(),
        group.threshold,
        group.nodes.len(),
        group.group
    ));
    Ok(())
}
