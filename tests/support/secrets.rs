//! Every secret that a test makes or is shown is written down here, so that tests/run can look for it in the logs.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::tools::{LOG_DIR, prepared};

static FILE: OnceLock<Mutex<File>> = OnceLock::new();

/// Writes a secret down, and gives it back.
pub(crate) fn secret(text: impl Into<String>) -> String {
    let text = text.into();
    let file = FILE.get_or_init(|| {
        let folder = prepared(LOG_DIR).join("secrets");
        std::fs::create_dir_all(&folder).expect("a folder for secrets");
        let path = folder.join("suite.txt");
        Mutex::new(OpenOptions::new().create(true).append(true).open(path).expect("a file for secrets"))
    });
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    // One write, so that lines of two processes do not mix.
    file.write_all(format!("{text}\n").as_bytes()).expect("a secret is written down");
    text
}
