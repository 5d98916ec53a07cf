//! Secrets by file: passwords of databases and token stores are never in the configuration itself.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use kernel::{Error, Result, SecretText};
use zeroize::Zeroizing;

/// A longer file is not a password.
const MAX_LEN: u64 = 4096;

/// Write access for the group, any access for others.
const TOO_OPEN: u32 = 0o027;

/// Reads the secret in `file`, without the line end that an editor leaves.
///
/// Refused, naming `setting`, when the file is missing, not a plain file, empty, no text, longer than 4 KiB, or open to
/// others: only its owner may write it, and only owner and group may read it.
pub fn read(setting: &'static str, file: &Path) -> Result<SecretText> {
    let refused = |why: &str| Error::invalid(setting, format!("{}: {why}", file.display()));
    // Opened first and asked afterwards, so that what was checked is what is read.
    let mut opened = std::fs::File::open(file)
        .map_err(|error| refused(&format!("cannot be read: {error}")).cause(error))?;
    let metadata = opened.metadata().map_err(|error| refused("cannot be read").cause(error))?;
    if !metadata.is_file() {
        return Err(refused("is not a file"));
    }
    if metadata.mode() & TOO_OPEN != 0 {
        return Err(refused("is open to others; chmod 600 it (640 where a group has to read it)"));
    }
    if metadata.len() > MAX_LEN {
        return Err(refused("is longer than 4096 octets, so it is not a password"));
    }
    let mut text = Zeroizing::new(String::with_capacity(MAX_LEN as usize + 1));
    (&mut opened)
        .take(MAX_LEN + 1)
        .read_to_string(&mut text)
        .map_err(|error| refused("is not UTF-8 text").cause(error))?;
    let secret = text.strip_suffix('\n').unwrap_or(&text);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    if secret.is_empty() {
        return Err(refused("is empty"));
    }
    if secret.contains(['\0', '\n', '\r']) {
        return Err(refused("has more than one line"));
    }
    Ok(SecretText::from(secret.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::secret::ExposeSecret;
    use std::os::unix::fs::PermissionsExt;

    fn file(content: &[u8], mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, content).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, file)
    }

    #[test]
    fn one_line_end_is_not_part_of_the_secret() {
        for content in ["pass word", "pass word\n", "pass word\r\n"] {
            let (_folder, file) = file(content.as_bytes(), 0o600);
            assert_eq!(read("password_file", &file).unwrap().expose_secret(), "pass word");
        }
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_by_name() {
        for mode in [0o604, 0o620, 0o602, 0o601, 0o666] {
            let (_folder, file) = file(b"password", mode);
            let error = read("database.password_file", &file).unwrap_err();
            assert!(error.message().contains("database.password_file"), "{error}");
            assert!(error.message().contains("chmod 600"), "{error}");
        }
        for mode in [0o600, 0o400, 0o640, 0o440] {
            let (_folder, file) = file(b"password", mode);
            assert!(read("database.password_file", &file).is_ok(), "{mode:o}");
        }
    }

    #[test]
    fn what_is_no_password_is_refused() {
        let two_lines = b"one\ntwo\n".as_slice();
        for content in [b"".as_slice(), b"\n", two_lines, b"\xff\xfe", &[b'x'; 4097], b"a\0b"] {
            let (_folder, file) = file(content, 0o600);
            assert!(read("password_file", &file).is_err());
        }
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        assert!(read("password_file", &missing).unwrap_err().message().contains("missing"));
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        assert!(read("password_file", folder.path()).is_err());
    }
}
