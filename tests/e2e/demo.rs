//! `countersign demo` shows what is promised, on a suite of its own and on one that runs.

use std::process::Command;

use crate::support::dev::suite;
use crate::support::tools::{countersign, run, run_well};

/// Plays it and gives what it printed.
fn play(mut command: Command) -> String {
    // A screenful, not a log.
    command.env_remove("RUST_LOG");
    let text = run_well(command);
    assert!(!text.contains("BROKEN"), "{text}");
    text
}

#[test]
fn the_demo_keeps_every_promise_on_a_suite_of_its_own() {
    let mut command = countersign();
    command.arg("demo");
    let text = play(command);
    // Each part of design §1, both presets, and every kind of factor.
    for part in [
        "strict",
        "seed-compatible",
        "STEP_UP_REQUIRED",
        "ENROLMENT_REQUIRED",
        "CODE_REJECTED",
        "TOKEN_ALREADY_REDEEMED",
        "OPERATION_MISMATCH",
        "RECEIPT_MISMATCH",
        "the export runs",
        "3 operations under the root",
        "a fourth message, in the place of the first, is refused: OPERATION_MISMATCH",
        "address",
        "acr phr, bound to operation digest",
        "CEREMONY_UNKNOWN",
        "acr=phr, methods=passkey",
        "10 codes",
        "9 codes left",
        "FRESH_PROOF_REQUIRED",
        "1 device, 9 unused codes",
        "TOKEN_REVOKED",
        "LEGACY_MFA_TOKENS_DISABLED",
        "createMfaTokenOptions: { singleUse: true }",
    ] {
        assert!(text.contains(part), "{part} is not shown in\n{text}");
    }
    let steps = text.lines().filter(|line| line.starts_with("  ok")).count();
    assert!(steps >= 112, "{steps} steps in\n{text}");
    assert!(text.trim_end().ends_with("as promised, 0 not"), "{text}");
}

#[test]
fn the_demo_plays_on_a_running_suite_as_often_as_one_likes() {
    for _ in 0..2 {
        let mut command = countersign();
        command.args(["demo", "--endpoint", &suite().file.endpoint, "--dev-file"]).arg(suite().dev_file());
        play(command);
    }
}

#[test]
fn the_demo_fails_where_nothing_answers() {
    let mut command = countersign();
    command.args(["demo", "--endpoint", "http://127.0.0.1:1", "--dev-file"]).arg(suite().dev_file());
    let output = run(command);
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("http://127.0.0.1:1") && told.contains("countersign dev"), "{told}");
}
