//! Files that hold secrets: only their owner can read them, and they are never half written.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use kernel::{Error, Result};
use storage::guarded_file::{self, Kind};
use zeroize::Zeroizing;

/// Makes a folder that only its owner can enter, and those above it.
pub(crate) fn private_folder(path: &Path) -> Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| failed(path, &error))
}

/// Makes sure that only its owner can enter a folder, for what is in it that has no mode of its own: databases.
pub(crate) fn check_private_folder(path: &Path) -> Result<()> {
    let mode = std::fs::metadata(path).map_err(|error| failed(path, &error))?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Error::invalid(
        path.display().to_string(),
        format!(
            "holds keys and databases and can be entered by others (mode {:o}); `chmod 700` it",
            mode & 0o777
        ),
    ))
}

/// Writes a new file of mode 0600. Refused when it exists.
pub(crate) fn create_private(path: &Path, content: &[u8]) -> Result<()> {
    create(path, content, 0o600)
}

/// Writes a file of mode 0600 in place of an older one: whole, or not at all.
pub(crate) fn replace_private(path: &Path, content: &[u8]) -> Result<()> {
    replace(path, content, 0o600)
}

/// Writes a file that everybody may read in place of an older one: whole, or not at all.
pub(crate) fn replace_public(path: &Path, content: &[u8]) -> Result<()> {
    replace(path, content, 0o644)
}

/// A longer file holds no keys of ours.
const MAX_PRIVATE: u64 = 1024 * 1024;

/// Reads a file that holds secrets. Refused when others than its owner can read it.
pub(crate) fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    guarded_file::plain(path, MAX_PRIVATE, Kind::OwnSecret)
        .map_err(|why| Error::invalid(path.display().to_string(), why))
}

/// Reads a text that is no secret and that is checked by itself, of at most `most` octets.
pub(crate) fn read_public(path: &Path, most: u64) -> Result<String> {
    let octets = guarded_file::plain(path, most, Kind::Public);
    octets.and_then(text).map_err(|why| Error::invalid(path.display().to_string(), why))
}

/// Reads a text that is believed because it stands in the file that `setting` names, of at most `most` octets. Refused
/// when others than its owner can write it.
pub(crate) fn read_anchor(setting: &str, path: &Path, most: u64) -> Result<String> {
    let octets = guarded_file::plain(path, most, Kind::Anchor);
    octets.and_then(text).map_err(|why| Error::invalid(setting, format!("{}: {why}", path.display())))
}

fn text(octets: Zeroizing<Vec<u8>>) -> std::result::Result<String, String> {
    std::str::from_utf8(&octets).map(str::to_owned).map_err(|_| "is not UTF-8 text".to_owned())
}

fn create(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| keep_name(path))
        .map_err(|error| failed(path, &error))
}

fn replace(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    let aside = path.with_extension(format!("{}.new", std::process::id()));
    let _ = std::fs::remove_file(&aside);
    create(&aside, content, mode)?;
    std::fs::rename(&aside, path).and_then(|()| keep_name(path)).map_err(|error| failed(path, &error))
}

/// Makes sure that a file is found under its name also after a power cut: names are the folder's.
fn keep_name(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn failed(path: &Path, error: &std::io::Error) -> Error {
    Error::invalid(path.display().to_string(), error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Shared;

    #[test]
    fn a_folder_that_others_can_enter_is_refused() {
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("data");
        private_folder(&folder).unwrap();
        check_private_folder(&folder).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(check_private_folder(&folder).unwrap_err().message().contains("chmod 700"));
    }

    #[test]
    fn what_is_believed_is_written_by_its_owner_only_whichever_setting_names_it() {
        use jose::{Algorithm, KeySet, SigningKey};

        use crate::settings::AdminSettings;
        use crate::{node_directory, statement_file};

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchor");
        let key = SigningKey::generate(Algorithm::EdDsa).unwrap().public_jwk();
        let admin = AdminSettings { jwks_file: path.clone(), ..AdminSettings::default() };
        let shared = Shared { admins: vec![admin], ..Shared::default() };
        std::fs::write(&path, KeySet::from_keys(vec![key]).unwrap().to_jwks_json()).unwrap();
        let read = || {
            [
                (
                    "receipts.operator_root_file",
                    statement_file::root("receipts.operator_root_file", &path).err(),
                ),
                ("directory_file", node_directory::read("directory_file", &path).err()),
                ("admins.jwks_file", shared.admins().err()),
            ]
        };
        for mode in [0o664, 0o646, 0o666] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            for (setting, refused) in read() {
                let refused = refused.unwrap();
                assert_eq!(refused.violations()[0].field, setting, "{mode:o}");
                assert!(
                    refused.message().contains("go-w") && refused.message().contains("anchor"),
                    "{refused}"
                );
            }
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        for (setting, refused) in read() {
            assert!(refused.is_none_or(|refused| !refused.message().contains("go-w")), "{setting}");
        }
        assert!(shared.admins().is_ok());
    }

    #[test]
    fn secrets_are_for_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        replace_private(&path, b"one").unwrap();
        replace_private(&path, b"two").unwrap();
        assert_eq!(read_private(&path).unwrap().as_slice(), b"two");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(create_private(&path, b"three").is_err());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read_private(&path).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
