//! Configuration that is not right is refused by name, before anything starts.

use std::process::Output;

use crate::support::tools::{countersign, run};

/// `countersign config check` of a file with this text, and with these variables.
fn check(text: &str, variables: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("countersign.toml");
    std::fs::write(&file, text).unwrap();
    let mut command = countersign();
    command.args(["config", "check", "--config"]).arg(&file).envs(variables.iter().copied());
    run(command)
}

#[test]
fn a_right_configuration_passes() {
    let text = "listen = \"127.0.0.1:50099\"\n[log]\nlevel = \"debug\"\nformat = \"json\"\n";
    for (text, variables, listen) in [
        ("", &[][..], "127.0.0.1:50051"),
        (text, &[], "127.0.0.1:50099"),
        (text, &[("COUNTERSIGN__LISTEN", "[::1]:50098")], "[::1]:50098"),
    ] {
        let output = check(text, variables);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && told.contains(listen), "{output:?}");
    }
}

/// The text of a file, variables, and what must be said of them.
type Wrong = (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str]);

#[test]
fn what_is_wrong_is_named() {
    let table: [Wrong; 12] = [
        ("lisen = \"127.0.0.1:50051\"\n", &[], &["lisen", "did you mean `listen`"]),
        ("[log]\nlevle = \"debug\"\n", &[], &["log.levle", "did you mean `level`"]),
        ("[lgo]\nlevel = \"debug\"\n", &[], &["lgo", "did you mean `log`"]),
        ("listen = 7\n", &[], &["`listen`"]),
        ("listen = \"localhost\"\n", &[], &["`listen`"]),
        ("log = \"debug\"\n", &[], &["`log`"]),
        ("[log]\nformat = \"xml\"\n", &[], &["log.format", "xml"]),
        ("[log]\nlevel = \"loud=very\"\n", &[], &["log.level"]),
        ("listen = \"0.0.0.0:50051\"\n", &[], &["listen", "loopback"]),
        ("listen = \"[::]:50051\"\n", &[], &["listen", "loopback"]),
        ("", &[("COUNTERSIGN__LOG__LEVLE", "debug")], &["levle", "did you mean `level`"]),
        ("", &[("COUNTERSIGN__LISTEN", "192.0.2.1:1")], &["listen", "loopback"]),
    ];
    for (text, variables, said) in table {
        let output = check(text, variables);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{text:?} {variables:?} passed");
        for words in said {
            assert!(told.contains(words), "{text:?} {variables:?}: `{words}` is not in {told}");
        }
    }
}

#[test]
fn a_file_that_is_not_there_or_is_no_toml_is_refused() {
    let mut command = countersign();
    command.args(["config", "check", "--config", "/nonexistent/countersign.toml"]);
    let output = run(command);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nonexistent/countersign.toml"));
    assert!(!check("listen = \n[", &[]).status.success());
}

#[test]
fn dev_does_not_start_on_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let started = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = countersign();
        command.arg("dev").args(arguments).arg("--dev-file").arg(folder.path().join("dev.json"));
        command.envs(variables.iter().copied());
        let output = run(command);
        assert!(!output.status.success(), "{arguments:?} {variables:?} started");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let told = started(&["--listen", "0.0.0.0:0"], &[]);
    assert!(told.contains("listen") && told.contains("loopback"), "{told}");
    let told = started(&["--listen", "127.0.0.1:0"], &[("COUNTERSIGN__LOG__LEVLE", "debug")]);
    assert!(told.contains("levle"), "{told}");
    assert!(!folder.path().join("dev.json").exists());
}
