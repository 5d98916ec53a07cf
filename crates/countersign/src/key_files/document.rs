//! Reading and writing the documents.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use data_encoding::BASE64;
use kernel::secret::ExposeSecret as _;
use kernel::{Error, Result, SecretBytes};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use super::refused;
use crate::files;

/// The largest document. Room is made for it at once, so that no part of a secret is left behind when it grows.
const MAX_BYTES: usize = 64 * 1024;

/// A kind of key file.
pub(super) trait Document: DeserializeOwned + Serialize {
    /// What stands under `kind`.
    const KIND: &'static str;

    /// All members.
    const MEMBERS: &'static [&'static str];
}

/// Secret octets, in base64.
pub(super) struct Secret(Zeroizing<String>);

impl Secret {
    pub(super) fn new(octets: &SecretBytes) -> Self {
        Self(Zeroizing::new(BASE64.encode(octets.expose_secret())))
    }

    /// The octets; none when they are no base64.
    pub(super) fn octets(&self) -> Option<SecretBytes> {
        BASE64.decode(self.0.as_bytes()).ok().map(SecretBytes::from)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// What a file says it is. The rest is passed over.
#[derive(Deserialize)]
struct Header {
    kind: Option<String>,
}

/// Reads a document of one kind.
///
/// # Errors
///
/// `INVALID_REQUEST` naming the file: others can read it, it is of another kind, or it is not whole. Never repeats what
/// is in it.
pub(super) fn read<D: Document>(path: &Path) -> Result<D> {
    let text = files::read_private(path)?;
    if text.len() > MAX_BYTES {
        return Err(refused(path, format!("is longer than {MAX_BYTES} octets, so it is no key file")));
    }
    let wanted = D::KIND;
    let header: Header = serde_json::from_slice(&text)
        .map_err(|error| refused(path, format!("is no key file of kind `{wanted}`: {}", place(&error))))?;
    match header.kind.as_deref() {
        Some(kind) if kind == wanted => {}
        Some(kind) if kind.len() <= 32 && kind.bytes().all(|octet| octet.is_ascii_graphic()) => {
            return Err(refused(
                path,
                format!("is a key file of kind `{kind}`; one of kind `{wanted}` is needed here"),
            ));
        }
        Some(_) | None => {
            return Err(refused(path, format!("does not say that it is a key file of kind `{wanted}`")));
        }
    }
    let members: BTreeMap<String, IgnoredAny> =
        serde_json::from_slice(&text).map_err(|error| refused(path, place(&error)))?;
    if let Some(unknown) = members.keys().find(|name| !D::MEMBERS.contains(&name.as_str())) {
        return Err(refused(path, format!("has a member `{unknown:.32}`, which is not known here")));
    }
    serde_json::from_slice(&text).map_err(|error| refused(path, place(&error)))
}

/// Where a document is not right. The parser's own message could repeat a secret.
fn place(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "ends too early",
        serde_json::error::Category::Syntax => "is not JSON",
        serde_json::error::Category::Data | serde_json::error::Category::Io => {
            "has a member that is missing, repeated, unknown or of the wrong type"
        }
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

/// Writes a new file. Refused when there is one.
pub(super) fn create<D: Document>(path: &Path, document: &D) -> Result<()> {
    files::create_private(path, &text(document)?)?;
    folder(path)?.sync_all().map_err(|error| refused(path, error))
}

/// Changes a file in place: the whole change or none, and one change at a time.
pub(super) fn change<D: Document, T>(path: &Path, change: impl FnOnce(&mut D) -> Result<T>) -> Result<T> {
    // Of the folder, because the file itself is replaced.
    let folder = folder(path)?;
    folder.lock().map_err(|error| refused(path, error))?;
    let mut document = read::<D>(path)?;
    let done = change(&mut document)?;
    files::replace_private(path, &text(&document)?)?;
    // What is sealed with a new key must not outlive the key.
    folder.sync_all().map_err(|error| refused(path, error))?;
    Ok(done)
}

fn folder(path: &Path) -> Result<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).map_err(|error| refused(folder, error))
}

fn text<D: Document>(document: &D) -> Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_BYTES));
    serde_json::to_writer_pretty(&mut *text, document).map_err(Error::internal)?;
    text.push(b'\n');
    if text.len() > MAX_BYTES {
        return Err(Error::invalid(
            "keys",
            "are more than fit into a key file; drop those that nothing uses",
        ));
    }
    Ok(text)
}
