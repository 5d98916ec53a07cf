//! Files that the operator names in the configuration: secrets, and what is believed because it stands there. Each is read in
//! one way: a plain file, no longer than it may be, that only those may read or write who are to.

use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use kernel::{Error, Result, SecretText};
use zeroize::Zeroizing;

/// A longer file is not a password.
const MAX_PASSWORD: u64 = 4096;

/// What is set aside for a file at least: room for a password that grows while it is read.
const ROOM: u64 = 4096;

/// What is in a file, and so who may do what with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing that anybody could misuse: it is signed, or shown to everybody.
    Public,
    /// What is believed because it stands there: the keys and certificates of others. Only its owner may write it.
    Anchor,
    /// A password or private key. Only its owner may write it, and only owner and group may read it.
    Secret,
    /// Keys that only their owner may read.
    OwnSecret,
}

/// Reads the password in `file`, without the line end that an editor leaves.
///
/// Refused, naming `setting`, for what [`octets`] refuses, and when it is empty, no text, or longer than 4 KiB.
pub fn read(setting: &'static str, file: &Path) -> Result<SecretText> {
    let refused = |why: &str| refusal(setting, file, why);
    let octets = octets(setting, file, MAX_PASSWORD, Kind::Secret)?;
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
/// # Errors
///
/// `INVALID_REQUEST` naming `setting` and the file, for what [`plain`] says.
pub fn octets(setting: &str, file: &Path, most: u64, kind: Kind) -> Result<Zeroizing<Vec<u8>>> {
    plain(file, most, kind).map_err(|why| refusal(setting, file, &why))
}

/// Reads all that is in `file`, at most `most` octets.
///
/// # Errors
///
/// Why not, without the name of the file: it is missing, not a plain file, longer, or open to whom it must not be.
pub fn plain(file: &Path, most: u64, kind: Kind) -> std::result::Result<Zeroizing<Vec<u8>>, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    // Opened first and asked afterwards, so that what was checked is what is read. A pipe would wait for somebody to write.
    let opened = std::fs::OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(file);
    let opened = opened.map_err(unreadable)?;
    let metadata = opened.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err("is not a file".to_owned());
    }
    kind.check(metadata.mode() & 0o777)?;
    let too_long = || format!("is longer than the {most} octets that it may have");
    if metadata.len() > most {
        return Err(too_long());
    }
    // Sized beforehand, so that no copy of a secret is left behind when the buffer grows; by the file and not by its limit,
    // as all of it is wiped, and certificates are looked at every few seconds.
    let room = metadata.len().max(ROOM).min(most) + 1;
    let mut octets = Zeroizing::new(Vec::with_capacity(usize::try_from(room).unwrap_or_default()));
    opened.take(most + 1).read_to_end(&mut octets).map_err(unreadable)?;
    if octets.len() as u64 > most {
        return Err(too_long());
    }
    Ok(octets)
}

impl Kind {
    fn check(self, mode: u32) -> std::result::Result<(), String> {
        let (too_open, why) = match self {
            Self::Public => return Ok(()),
            Self::Anchor => (
                0o022,
                "can be written by others than its owner, who could put there what is believed; chmod go-w it",
            ),
            Self::Secret => (0o027, "is open to others; chmod 600 it (640 where a group has to read it)"),
            Self::OwnSecret => (0o077, "holds keys and can be read by others; `chmod 600` it"),
        };
        if mode & too_open == 0 { Ok(()) } else { Err(format!("{why} (mode {mode:04o})")) }
    }
}

fn refusal(setting: &str, file: &Path, why: &str) -> Error {
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
    fn each_kind_of_file_is_open_to_whom_it_may_be() {
        for (kind, good, bad) in [
            (Kind::Public, &[0o600, 0o644, 0o666][..], &[][..]),
            (Kind::Anchor, &[0o600, 0o640, 0o644, 0o755, 0o444], &[0o664, 0o646, 0o602, 0o620, 0o666, 0o777]),
            (Kind::Secret, &[0o600, 0o400, 0o640], &[0o604, 0o620, 0o602, 0o644]),
            (Kind::OwnSecret, &[0o600, 0o400, 0o700], &[0o640, 0o604, 0o620, 0o644]),
        ] {
            let (_folder, file) = file(b"content", 0o600);
            let set = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            for mode in good {
                set(*mode);
                assert!(octets("setting", &file, 100, kind).is_ok(), "{kind:?} {mode:o}");
            }
            for mode in bad {
                set(*mode);
                let refused = octets("a.setting", &file, 100, kind).unwrap_err();
                assert_eq!(refused.violations()[0].field, "a.setting", "{kind:?} {mode:o}");
                assert!(refused.message().contains(&format!("{mode:04o}")), "{refused}");
            }
        }
    }

    #[test]
    fn what_is_no_plain_file_or_too_long_is_refused_and_nothing_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [pipe.as_path(), folder.path(), Path::new("/dev/zero")] {
            assert_eq!(plain(path, 100, Kind::Public).unwrap_err(), "is not a file", "{}", path.display());
        }
        let (_folder, file) = file(&[b'x'; 101], 0o600);
        assert!(plain(&file, 100, Kind::Anchor).unwrap_err().contains("longer than the 100 octets"));
        assert_eq!(plain(&file, 101, Kind::Anchor).unwrap().len(), 101);
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
