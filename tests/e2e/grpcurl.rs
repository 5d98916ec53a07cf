//! The lines that `countersign dev` prints work as printed, with a real grpcurl; and a wrong call says what to do.

use std::process::Command;

use serde_json::Value;

use crate::support::dev::{DevSuite, suite};
use crate::support::secrets::secret;
use crate::support::tokens;
use crate::support::tools::{GRPCURL, prepared, program, run, run_well};

/// Between the answers of two lines.
const MARK: &str = "@@answer";

/// Before a token, which is then known as a secret.
const SECRET: &str = "@@secret ";

/// Bash with the real grpcurl in front of any other.
#[expect(clippy::disallowed_methods, reason = "puts a folder before the search path")]
fn bash(script: &str) -> Command {
    let mut command = program("bash");
    let folder = prepared(GRPCURL).parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = [folder].into_iter().chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(all).unwrap()).args(["-euo", "pipefail", "-c", script]);
    command
}

/// The lines of the banner that are commands, in their order.
fn commands(banner: &str) -> Vec<&str> {
    let is_command = |line: &&str| {
        let first = line.split_whitespace().next().unwrap_or_default();
        line.starts_with("  ") && (first == "grpcurl" || first == "export" || first.contains("=$("))
    };
    banner.lines().filter(is_command).map(str::trim).collect()
}

/// The whole banner as one script that says where each answer begins.
fn script(commands: &[&str]) -> String {
    let mut script = String::new();
    for command in commands {
        script.push_str(command);
        script.push('\n');
        if command.starts_with("grpcurl") {
            script.push_str(&format!("echo; echo '{MARK}'\n"));
        } else if let Some((name, _)) = command.split_once("=$(") {
            script.push_str(&format!("echo \"{SECRET}${name}\"\n"));
        }
    }
    script
}

/// What an answer must say, by the method that was called.
fn check(suite: &DevSuite, method: &str, answer: &str) {
    if method == "list" {
        for service in ["countersign.token_issuer.v1.StepUpService", "grpc.health.v1.Health"] {
            assert!(answer.lines().any(|line| line == service), "{answer}");
        }
        return;
    }
    let json: Value = serde_json::from_str(answer).unwrap_or_else(|e| panic!("{method}: {e}:\n{answer}"));
    let environment = format!("environments/{}", suite.environment());
    let text = |pointer: &str| {
        let found = json.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("{method} has no {pointer}: {json:#}"))
    };
    match method.rsplit('.').next().unwrap() {
        "StepUpService/GetSession" => {
            assert!(text("/user").starts_with(&format!("{environment}/users/")));
            assert_eq!((text("/sessionId"), text("/providerId")), ("session-1", "dev"));
        }
        "StepUpService/CheckStepUp" => {
            assert_eq!(text("/status"), "STEP_UP_STATUS_ENROLMENT_REQUIRED");
            assert_eq!(text("/requirement/scopes/0"), "wallet:export");
        }
        "DeviceService/RegisterTotpDevice" => {
            secret(text("/secret"));
            secret(text("/otpauthUri"));
            assert!(text("/otpauthUri").starts_with("otpauth://totp/"));
            assert!(text("/qrSvg").contains("<svg") && text("/qrText").lines().count() > 10);
            assert_eq!(text("/device/state"), "DEVICE_STATE_PENDING");
            assert_eq!(text("/device/displayName"), "my phone");
        }
        "WalletService/CreateWallet" => {
            assert_eq!(text("/wallet/state"), "WALLET_STATE_ACTIVE");
            assert_eq!(bs58::decode(text("/wallet/address")).into_vec().unwrap().len(), 32);
        }
        "PolicyAdminService/GetEnvironment" => {
            assert_eq!(text("/environment/name"), environment);
            assert_eq!(text("/environment/preset"), "PRESET_STRICT");
        }
        "TokenIssuerAdminService/ListAuditEvents" => {
            assert_eq!(text("/events/0/environment"), environment);
        }
        other => panic!("nobody has said yet what {other} should answer; say it here"),
    }
}

#[test]
fn every_printed_line_gives_what_it_says() {
    let suite = DevSuite::start("grpcurl", &crate::support::dev::Options::default());
    let commands = commands(&suite.banner);
    let calls: Vec<_> = commands.iter().filter(|line| line.starts_with("grpcurl")).collect();
    assert!(calls.len() >= 7, "{}", suite.banner);
    let output = run_well(bash(&script(&commands)));
    for line in output.lines().filter_map(|line| line.strip_prefix(SECRET)) {
        secret(line);
    }
    let text: String =
        output.lines().filter(|line| !line.starts_with(SECRET)).map(|line| format!("{line}\n")).collect();
    let answers: Vec<_> = text.split(MARK).map(str::trim).filter(|answer| !answer.is_empty()).collect();
    assert_eq!(answers.len(), calls.len(), "{output}");
    for (call, answer) in calls.iter().zip(answers) {
        check(&suite, call.split_whitespace().last().unwrap(), answer);
    }
}

/// Calls the shared suite wrongly and gives what a newcomer reads.
fn wrong(arguments: &[&str]) -> String {
    let mut command = program(prepared(GRPCURL));
    command.args(arguments);
    let output = run(command);
    assert!(!output.status.success(), "{arguments:?} went well");
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_wrong_call_says_what_to_do() {
    let suite = suite();
    let (address, environment) = (suite.address(), suite.environment());
    let good = format!("authorization: Bearer {}", tokens::session(suite, environment, "alice", "session-1"));
    let parent = format!(r#"{{"parent":"environments/{environment}"}}"#);
    let session = "countersign.token_issuer.v1.StepUpService/GetSession";
    let admin = "countersign.policy.v1.PolicyAdminService/GetEnvironment";
    let name = format!(r#"{{"name":"environments/{environment}"}}"#);
    let strange = r#"{"parent":"environments/dev"}"#;
    let table: Vec<(&str, Vec<&str>, &[&str])> = vec![
        (
            "no token",
            vec!["-d", &parent, address, session],
            &["Unauthenticated", "authorization: Bearer TOKEN"],
        ),
        (
            "no administrator's token",
            vec!["-d", &name, address, admin],
            &["Unauthenticated", "administrator's token", "authorization: Bearer TOKEN"],
        ),
        (
            "a user's token for an administrator's",
            vec!["-H", &good, "-d", &name, address, admin],
            &["Unauthenticated", "administrator's token"],
        ),
        (
            "no token but the word",
            vec!["-H", "authorization: alice", "-d", &parent, address, session],
            &["Unauthenticated", "session"],
        ),
        (
            "a method that there is not",
            vec![
                "-H",
                &good,
                "-d",
                &parent,
                address,
                "countersign.token_issuer.v1.StepUpService/GetSessions",
            ],
            &["GetSessions"],
        ),
        (
            "a service that there is not",
            vec!["-H", &good, "-d", &parent, address, "countersign.v1.StepUp/GetSession"],
            &["countersign.v1.StepUp"],
        ),
        ("JSON that is none", vec!["-H", &good, "-d", "{parent:", address, session], &["invalid character"]),
        (
            "a field that there is not",
            vec!["-H", &good, "-d", r#"{"parents":"x"}"#, address, session],
            &["parents"],
        ),
        (
            "a name that is none",
            vec!["-H", &good, "-d", strange, address, session],
            &["InvalidArgument", "environments/{environment}", "UUID"],
        ),
        (
            "nothing at all",
            vec!["-H", &good, address, session],
            &["InvalidArgument", "environments/{environment}"],
        ),
    ];
    for (what, arguments, said) in table {
        let told = wrong(&[vec!["-plaintext", "-max-time", "20"], arguments].concat());
        for words in said {
            assert!(told.contains(words), "{what}: `{words}` is not in\n{told}");
        }
    }
}
