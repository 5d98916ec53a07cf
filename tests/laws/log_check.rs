//! `tests/tools/no-secrets-in-logs` finds what it is there to find, and does not pass on nothing.

use std::path::Path;
use std::process::{Command, Output};

use super::tree;

const QUIET: &str =
    "{\"level\":\"DEBUG\",\"timestamp\":\"2026-01-02T03:04:05.271828Z\",\"trace\":\"ab271828cd\"}\n";

/// Runs the check over a folder with these secrets and this log; what is `None` is not written.
fn check(secrets: Option<&str>, log: Option<&str>) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let write = |below: &str, name: &str, text: Option<&str>| {
        let path = folder.path().join(below);
        std::fs::create_dir(&path).unwrap();
        if let Some(text) = text {
            std::fs::write(path.join(name), text).unwrap();
        }
    };
    write("secrets", "made.txt", secrets);
    write("logs", "service.log", log);
    run(folder.path())
}

fn run(folder: &Path) -> Output {
    Command::new(tree::root().join("tests/tools/no-secrets-in-logs")).arg(folder).output().unwrap()
}

#[test]
fn a_clean_log_passes() {
    // The code occurs inside a fraction of a second and inside an id, which is no leak; "short" is no secret.
    let output = check(Some("271828\nJBSWY3DPEHPK3PXP\nshort\n"), Some(&format!("{QUIET}short\n")));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_secret_in_a_log_fails_and_is_not_shown() {
    for secret in ["271828", "JBSWY3DPEHPK3PXP", "eyJ0eXAiOiJlbGV2YXRlZCtqd3QifQ.e30.c2ln+/=", "$[^.*x\\1"] {
        for log in [format!("code={secret}\n"), format!("{{\"code\":\"{secret}\"}}\n")] {
            let output = check(Some(&format!("{secret}\n")), Some(&format!("{QUIET}{log}")));
            assert!(!output.status.success(), "{secret} was not found");
            let told = [output.stdout, output.stderr].concat();
            let told = String::from_utf8_lossy(&told);
            assert!(!told.contains(secret), "the check repeats the secret");
            assert!(told.contains("made.txt") && told.contains("line 2"), "{told}");
        }
    }
}

#[test]
fn a_check_of_nothing_fails() {
    let secret = Some("JBSWY3DPEHPK3PXP\n");
    for (secrets, log) in [
        (None, Some(QUIET)),
        (Some("short\n\n"), Some(QUIET)),
        (secret, None),
        (secret, Some("{\"level\":\"INFO\"}\n")),
    ] {
        assert!(!check(secrets, log).status.success(), "{secrets:?} {log:?}");
    }
    assert!(!run(Path::new("/nonexistent")).status.success());
}
