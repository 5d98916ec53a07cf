//! Reading the files of certificates and keys.

use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use kernel::Result;
use storage::guarded_file::{self, Kind};
use zeroize::Zeroizing;

use super::wrong;

/// The largest file that is read, in bytes. A bundle of some hundred authorities is far below.
const MAX_BYTES: u64 = 1024 * 1024;

/// Where the files are.
#[derive(Clone, Debug, Default)]
pub(super) struct Paths {
    /// The certificate and its key.
    pub(super) pair: Option<(PathBuf, PathBuf)>,
    /// The authorities.
    pub(super) authorities: Option<PathBuf>,
}

/// What is in them.
#[derive(PartialEq, Eq)]
pub(super) struct Contents {
    /// The certificate and its key.
    pub(super) pair: Option<(Vec<u8>, Zeroizing<Vec<u8>>)>,
    /// The authorities.
    pub(super) authorities: Option<Vec<u8>>,
}

impl Paths {
    /// Reads all of them. `setting` is the table of the configuration they are named in.
    pub(super) fn read(&self, setting: &str) -> Result<Contents> {
        let pair = match &self.pair {
            Some((certificate, key)) => {
                let certificate = read(setting, "certificate_file", certificate, Kind::Public)?;
                Some((certificate.to_vec(), read(setting, "key_file", key, Kind::Secret)?))
            }
            None => None,
        };
        let authorities = match &self.authorities {
            Some(path) => Some(read(setting, "authorities_file", path, Kind::Anchor)?.to_vec()),
            None => None,
        };
        Ok(Contents { pair, authorities })
    }
}

impl Contents {
    /// Tells contents apart.
    pub(super) fn digest(&self) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        let (certificate, key) = match &self.pair {
            Some((certificate, key)) => (certificate.as_slice(), key.as_slice()),
            None => Default::default(),
        };
        for part in [certificate, key, self.authorities.as_deref().unwrap_or_default()] {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.finish().as_ref());
        out
    }
}

fn read(setting: &str, key: &str, path: &Path, kind: Kind) -> Result<Zeroizing<Vec<u8>>> {
    if path.as_os_str().is_empty() {
        return Err(wrong(setting, key, "is not set; it names a PEM file"));
    }
    guarded_file::plain(path, MAX_BYTES, kind)
        .map_err(|why| wrong(setting, key, format!("{} {why}", path.display())))
}
