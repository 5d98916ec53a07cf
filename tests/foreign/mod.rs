//! What software that is not ours makes of what we sign and specify: PyJWT, npm's jose, plain Python, plain Node.

mod batches;
mod digests;
mod kinds;
mod receipts;
mod tampering;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::tools::{NODE, NODE_MODULES, PYTHON, prepared, program, run_well};

/// Who else verifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    /// With PyJWT.
    Python,
    /// With jose.
    JavaScript,
}

impl Language {
    const ALL: [Self; 2] = [Self::Python, Self::JavaScript];

    /// A copy of a program of the clone, given without its ending, where what it needs is found; to be kept.
    fn program(self, path: &str) -> (TempDir, PathBuf) {
        let ending = match self {
            Self::Python => "py",
            Self::JavaScript => "mjs",
        };
        let source = clone().join(format!("{path}.{ending}"));
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join(source.file_name().unwrap());
        std::fs::copy(&source, &copy).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
        if self == Self::JavaScript {
            std::os::unix::fs::symlink(prepared(NODE_MODULES), folder.path().join("node_modules")).unwrap();
        }
        (folder, copy)
    }

    /// The checker of vectors of this name, where it lies: it needs nothing.
    fn checker(self, name: &str) -> Command {
        let file = match self {
            Self::Python => format!("{name}.py"),
            Self::JavaScript => format!("{name}.mjs"),
        };
        let mut command = program(self.interpreter());
        command.arg(clone().join("docs/vectors").join(file));
        command
    }

    fn interpreter(self) -> PathBuf {
        prepared(match self {
            Self::Python => PYTHON,
            Self::JavaScript => NODE,
        })
    }

    /// Runs a program of `tests/foreign`, given without its ending, on a JSON value; what it answers.
    fn ask(self, name: &str, question: &Value) -> Value {
        let (folder, program_) = self.program(&format!("tests/foreign/{name}"));
        let file = folder.path().join("question.json");
        std::fs::write(&file, question.to_string()).unwrap();
        let mut command = program(self.interpreter());
        command.arg(program_).arg(file);
        serde_json::from_str(&run_well(command)).expect("an answer")
    }
}

/// The root of the clone.
fn clone() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in a folder of the clone")
}
