//! Secrets by file: passwords and private keys of databases and token stores are never in the configuration itself.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use kernel::{Error, Result, SecretText};
use zeroize::Zeroizing;

/// A longer file is not a password.
const MAX_PASSWORD: u64 = 4096;

/// Write access for the group, any access for others.
const TOO_OPEN: u32 = 0o027;

/// Reads the password in `file`, without the line end that an editor leaves.
///
/// Refused, naming `setting`, for what [`octets`] refuses, and when it is empty, no text, or longer than 4 KiB.
pub fn read(setting: &'static str, file: &Path) -> Result<SecretText> {
    let refused = |why: &str| refusal(setting, file, why);
    let octets = octets(setting, file, MAX_PASSWORD)?;
    let text = std::str::from_utf8(&octets).map_err(|_| refused("is not UTF-8 text"))?;
    let secret = text.strip_suffix('\n').unwrap_or(text);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    if secret.is_empty() {
        return Err(refused("is empty"));
    }
    if secret.contains(['\0', '\n', '\r']) {
        return Err(refused("has more than one line"));
    }
    Ok(SecretText::from(secret.to_owned()))
}

/// Reads all that is in `file`, at most `most` octets.
///
/// Refused, naming `setting`, when the file is missing, not a plain file, longer, or open to others: only its owner may
/// write it, and only owner and group may read it.
pub(crate) fn octets(setting: &'static str, file: &Path, most: u64) -> Result<Zeroizing<Vec<u8>>> {
    let refused = |why: &str| refusal(setting, file, why);
    // Opened first and asked afterwards, so that what was checked is what is read.
    let opened = std::fs::File::open(file)
        .map_err(|error| refused(&format!("cannot be read: {error}")).cause(error))?;
    let metadata = opened.metadata().map_err(|error| refused("cannot be read").cause(error))?;
    if !metadata.is_file() {
        return Err(refused("is not a file"));
    }
    if metadata.mode() & TOO_OPEN != 0 {
        return Err(refused("is open to others; chmod 600 it (640 where a group has to read it)"));
    }
    let too_long = || refused(&format!("is longer than the {most} octets that it may have"));
    if metadata.len() > most {
        return Err(too_long());
    }
    let mut octets = Zeroizing::new(Vec::with_capacity(usize::try_from(most).unwrap_or_default() + 1));
    opened.take(most + 1).read_to_end(&mut octets).map_err(|error| refused("cannot be read").cause(error))?;
    if octets.len() as u64 > most {
        return Err(too_long());
    }
    Ok(octets)
}

fn refusal(setting: &'static str, file: &Path, why: &str) -> Error {
    Error::invalid(setting, format!("{}: {why}", file.display()))
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
