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

use kernel::Error;

pub(crate) use encryption::{EncryptionKeys, SealingOwner};
pub(crate) use node::NodeFile;
pub(crate) use root::{new_root, operator_root};

/// The refusal of a file.
fn refused(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::invalid(path.display().to_string(), what.to_string())
}
