//! The files of the clone that the tests were built from.

use std::path::{Path, PathBuf};

/// A text file.
pub(super) struct File {
    /// Path from the root of the clone, with `/`.
    pub(super) path: String,
    /// The whole content.
    pub(super) text: String,
}

impl File {
    /// The crate this file belongs to, for a file under `crates/`.
    pub(super) fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    /// Whether the file was generated from the protos.
    pub(super) fn is_generated(&self) -> bool {
        self.path.starts_with("crates/proto/src/generated/")
    }
}

/// The root of the clone.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package lies in a folder of the clone")
        .to_owned()
}

/// Whether the path, taken from the root of the clone, names a file or folder.
pub(super) fn exists(path: &str) -> bool {
    root().join(path).exists()
}

/// Every file below the folder whose name ends in `ending`, in the order of their paths.
pub(super) fn files(folder: &str, ending: &str) -> Vec<File> {
    let mut found = Vec::new();
    collect(&root().join(folder), ending, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Every Rust file of the crates (below `crates/*/src`) and of the tests.
pub(super) fn rust_files() -> Vec<File> {
    let mut found = files("crates", ".rs");
    found.extend(files("tests", ".rs"));
    found
}

fn collect(folder: &Path, ending: &str, found: &mut Vec<File>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.expect("a folder that can be listed").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && name != "node_modules" {
                collect(&path, ending, found);
            }
        } else if name.ends_with(ending) {
            let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let path = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
            found.push(File { path, text });
        }
    }
}

#[test]
fn the_tree_is_found() {
    let paths: Vec<_> = rust_files().into_iter().map(|file| file.path).collect();
    for expected in ["crates/kernel/src/reason.rs", "tests/laws/tree.rs"] {
        assert!(paths.iter().any(|path| path == expected), "{expected} is not among {} files", paths.len());
    }
}
