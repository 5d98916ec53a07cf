//! What tests/run prepared, and how other programs are run.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The binary under test.
pub(crate) const BIN: &str = "COUNTERSIGN_BIN";
/// A real grpcurl.
pub(crate) const GRPCURL: &str = "COUNTERSIGN_GRPCURL";
/// Python with `pyotp`, `cryptography` and `PyJWT`.
pub(crate) const PYTHON: &str = "COUNTERSIGN_PYTHON";
/// Node.
pub(crate) const NODE: &str = "COUNTERSIGN_NODE";
/// The folder `node_modules` with the package `jose`.
pub(crate) const NODE_MODULES: &str = "COUNTERSIGN_NODE_MODULES";
/// The OATH Toolkit's `oathtool`.
pub(crate) const OATHTOOL: &str = "COUNTERSIGN_OATHTOOL";
/// Where logs and secrets go that are compared when all tests are through.
pub(crate) const LOG_DIR: &str = "COUNTERSIGN_TEST_LOG_DIR";

/// Which suite the tests of a running suite share; see `dev::suite`.
pub(crate) const SUITE: &str = "COUNTERSIGN_TEST_SUITE";

/// What a variable says, if it is set.
#[expect(clippy::disallowed_methods, reason = "the one place that reads what tests/run says")]
pub(crate) fn said(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// A path that tests/run prepared.
#[expect(clippy::disallowed_methods, reason = "the one place that reads what tests/run prepared")]
pub(crate) fn prepared(name: &str) -> PathBuf {
    match std::env::var_os(name) {
        Some(path) if !path.is_empty() => PathBuf::from(path),
        _ => panic!("{name} is not set: run `tests/run`, which prepares what the tests need"),
    }
}

/// A program that sees none of the variables of this suite: they are settings to it, or meant for the tests.
#[expect(clippy::disallowed_methods, reason = "takes the variables away, reads none")]
pub(crate) fn program(path: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("COUNTERSIGN_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// The binary under test.
pub(crate) fn countersign() -> Command {
    program(prepared(BIN))
}

/// Runs a program to its end, which must come in time.
pub(crate) fn run(mut command: Command) -> Output {
    let name = format!("{command:?}");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.unwrap_or_else(|error| panic!("{name} does not start: {error}"));
    let pid = child.id();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(PATIENCE) {
        Ok(output) => output.expect("the output of a program"),
        Err(_) => {
            signal(pid, "KILL");
            panic!("{name} did not end within {PATIENCE:?}");
        }
    }
}

/// Runs a program to its end, which must be a good one; what it printed.
pub(crate) fn run_well(command: Command) -> String {
    let name = format!("{command:?}");
    let output = run(command);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{name} ended with {}:\n{told}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

/// Sends a signal to a process that a test started.
pub(crate) fn signal(pid: u32, name: &str) {
    // A process that is gone already is as good.
    let _ = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
}
