//! `countersign keys node`.

use kernel::{Error, Result};
use runtime::OsEntropy;

use crate::cli::NodeAction;
use crate::key_files::NodeFile;
use crate::output;

pub(super) fn run(action: NodeAction) -> Result<()> {
    let entropy = OsEntropy::new();
    let file = match action {
        NodeAction::New { node, identifier, deployment, out } => {
            let file = NodeFile::create(&out, &deployment, node, identifier, &entropy)?;
            output::note(&format!("{}: the node's private identity", out.display()));
            file
        }
        NodeAction::Rotate { file, out } => {
            let file = NodeFile::read(&file)?.succeed(&out, &entropy)?;
            output::note(&format!("{}: the node's new private identity", out.display()));
            file
        }
        NodeAction::Entry { file } => NodeFile::read(&file)?,
    };
    // Nothing else goes to the standard output, so that it can be written to a file for `keys directory`.
    output::line(&serde_json::to_string_pretty(&file.entry()).map_err(Error::internal)?);
    Ok(())
}
