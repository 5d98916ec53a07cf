//! The operator root, which says which keys sign receipts. It stays offline; no process of the suite reads it.

use std::path::Path;

use jose::{Algorithm, SigningKey};
use kernel::{Error, Result};
use serde::{Deserialize, Serialize};

use super::document::{self, Document, Secret};
use super::refused;

/// The file. One root may serve several deployments, so it names none.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    kind: String,
    /// Ed25519, as an unencrypted PKCS #8 document.
    private_key: Secret,
}

impl Document for Stored {
    const KIND: &'static str = "operator-root";
    const MEMBERS: &'static [&'static str] = &["kind", "private_key"];
}

/// Makes a root.
pub(crate) fn new_root(path: &Path) -> Result<SigningKey> {
    let key = SigningKey::generate(Algorithm::EdDsa).map_err(Error::internal)?;
    let private_key = Secret::new(&key.to_pkcs8().map_err(Error::internal)?);
    document::create(path, &Stored { kind: Stored::KIND.to_owned(), private_key })?;
    Ok(key)
}

/// Reads a root.
///
/// # Errors
///
/// `INVALID_REQUEST` naming the file: others can read it, it is of another kind, or it is not whole.
pub(crate) fn operator_root(path: &Path) -> Result<SigningKey> {
    let stored: Stored = document::read(path)?;
    let key =
        stored.private_key.octets().and_then(|octets| SigningKey::from_pkcs8(Algorithm::EdDsa, &octets).ok());
    key.ok_or_else(|| refused(path, "has a private key that is not an Ed25519 key (PKCS #8 in base64)"))
}
