//! What an operator signed, and the key it is checked by, as files.

use std::path::Path;

use jose::{MAX_STATEMENT_BYTES, PublicJwk};
use kernel::{Error, Result};

use crate::files;

/// A larger file is no public key.
const MAX_KEY_BYTES: u64 = 16 * 1024;

/// Reads the public key of an operator root in `file`, which `setting` names.
///
/// # Errors
/// `INVALID_REQUEST` naming the setting and the file.
pub(crate) fn root(setting: &str, file: &Path) -> Result<PublicJwk> {
    let text = files::read_anchor(setting, file, MAX_KEY_BYTES)?;
    PublicJwk::from_json(text.trim()).map_err(|error| {
        let what = format!("{} is no public key of an operator root: {error}", file.display());
        Error::invalid(setting, what)
    })
}

/// Reads the statement in `file`, without the line end behind it. Nothing is checked.
pub(crate) fn statement(file: &Path) -> Result<String> {
    let mut text = files::read_public(file, MAX_STATEMENT_BYTES as u64 + 2)?;
    text.truncate(text.trim_end().len());
    Ok(text)
}
