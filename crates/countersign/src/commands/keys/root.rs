//! `countersign keys root`.

use std::path::{Path, PathBuf};

use kernel::{Error, Result};

use crate::cli::RootAction;
use crate::key_files::new_root;
use crate::{files, output};

pub(super) fn run(action: &RootAction) -> Result<()> {
    let RootAction::New { out } = action;
    let public = beside(out);
    if public.exists() {
        return Err(Error::invalid(public.display().to_string(), "exists; name another file"));
    }
    let root = new_root(out)?;
    files::replace_public(&public, format!("{}\n", root.public_jwk().to_json()).as_bytes())?;
    output::line(&format!(
        "{}: the root's private key. It signs statements of receipt keys and nothing else: keep it offline\n{}: its \
         public key, for `receipts.operator_root_file` of every verifier",
        out.display(),
        public.display()
    ));
    Ok(())
}

/// `root.json` → `root.pub.json`.
fn beside(path: &Path) -> PathBuf {
    path.with_extension("pub.json")
}
