//! Files with private keys.
//!
//! Each is JSON of mode 0600 that says what it is (`kind`) and whose (`deployment`, and `role` or `node`), so that the
//! file of somebody else is refused by name and not by what goes wrong later. What is in it is erased from memory when
//! it is no longer needed, and is in no message and no debug output.

mod document;
mod encryption;
mod node;
mod root;
#[cfg(test)]
mod tests;

use std::path::Path;

use kernel::{Error, Result};

pub(crate) use encryption::{EncryptionKeys, SealingOwner};
pub(crate) use node::NodeFile;
pub(crate) use root::{new_root, operator_root};

/// Whether the text may name a deployment.
pub(crate) fn check_deployment(text: &str) -> Result<()> {
    let right = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-';
    let named = (1..=32).contains(&text.len())
        && text.bytes().all(right)
        && text.starts_with(|first: char| first.is_ascii_lowercase());
    if named {
        return Ok(());
    }
    Err(Error::invalid(
        "deployment",
        "must be 1 to 32 lower-case letters, digits and hyphens, a letter first",
    ))
}

/// The refusal of a file.
fn refused(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::invalid(path.display().to_string(), what.to_string())
}
