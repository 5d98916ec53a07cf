//! The command line: tokens, wallets, and an exported key that others can check.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use kernel::Reason;
use proto::token_issuer::GetSessionRequest;
use serde_json::Value;

use crate::support::answer::{Done as _, Outcome as _};
use crate::support::codes::App;
use crate::support::dev::suite;
use crate::support::fresh;
use crate::support::secrets::secret;
use crate::support::tools::{PYTHON, countersign, prepared, program, run, run_well};
use crate::support::user::{User, bearing, verifies};

fn token(arguments: &[&str]) -> String {
    let mut command = countersign();
    command.args(["token", "--dev-file"]).arg(suite().dev_file()).args(arguments);
    secret(run_well(command).trim())
}

/// `countersign wallet` as a user.
fn wallet(name: &str, arguments: &[&str]) -> Command {
    of("wallet", name, arguments)
}

/// A command as a user, or about them.
fn of(subject: &str, name: &str, arguments: &[&str]) -> Command {
    let mut command = countersign();
    command.args([subject, "--dev-file"]).arg(suite().dev_file()).args(["--name", name]).args(arguments);
    command
}

/// What it says when it refuses.
fn refused(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn tokens_are_those_of_whom_they_say() {
    let name = fresh::name("user");
    let made = token(&["user", "--name", &name, "--session", "session-9"]);
    let user = User { token: made, ..User::new(suite()).await };
    let request = GetSessionRequest { parent: proto::names::environment(user.environment) };
    let session = user.step_up().get_session(bearing(request, &user.token)).await.done();
    assert_eq!(session.session_id, "session-9");
    let id = kernel::UserId::derive(user.environment, "dev", &name);
    assert_eq!(session.user, proto::names::user(user.environment, id));

    let made = token(&["admin", "--role", &format!("auditor@{}", user.environment)]);
    let admin = crate::support::admin::Admin { channel: user.channel.clone(), token: made };
    crate::support::audit::Trail::Gateway.newest(&admin, user.environment).await;
}

#[test]
fn without_a_suite_the_command_line_says_how_to_start_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = countersign();
    command.current_dir(folder.path()).args(["token", "user"]);
    let told = refused(&run(command));
    assert!(told.contains("countersign dev") && told.contains("--dev-file"), "{told}");
    // Nor are keys read that others could have read.
    let copy = folder.path().join("dev.json");
    std::fs::copy(suite().dev_file(), &copy).unwrap();
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o644)).unwrap();
    let mut command = countersign();
    command.args(["token", "--dev-file"]).arg(&copy).arg("user");
    let told = refused(&run(command));
    assert!(told.contains("chmod 600"), "{told}");
}

/// The name and address that were printed.
fn printed(output: &str) -> (String, String) {
    let mut lines = output.lines();
    let name = lines.next().unwrap().to_owned();
    let address = lines.next().unwrap().strip_prefix("address ").unwrap().to_owned();
    (name, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_is_created_listed_signed_with_and_exported_from_the_command_line() {
    let user = User::new(suite()).await;
    let id = fresh::uuid();
    let (name, address) = printed(&run_well(wallet(&user.subject, &["create", "--operation-id", &id])));
    assert!(name.starts_with(&user.name()), "{name}");
    let again = printed(&run_well(wallet(&user.subject, &["create", "--operation-id", &id])));
    assert_eq!(again, (name.clone(), address.clone()));
    let listed = run_well(wallet(&user.subject, &["list"]));
    assert_eq!(printed(&listed), (name.clone(), address.clone()));

    let public_key = bs58::decode(&address).into_vec().unwrap();
    let message = "grüezi from the command line";
    let signature = run_well(wallet(&user.subject, &["sign", &name, "--message", message]));
    let octets = HEXLOWER.decode(signature.trim().as_bytes()).unwrap();
    assert!(verifies(&public_key, message.as_bytes(), &octets));

    let mut factor = user.enrol().await;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("key.json");
    let path = out.to_str().unwrap();
    let told = refused(&run(wallet(&user.subject, &["export", &name, "--out", path])));
    assert!(told.contains("STEP_UP_REQUIRED") && told.contains("--code"), "{told}");
    assert!(!out.exists());
    let told = refused(&run(wallet(&user.subject, &["sign", &name, "--message", "x"])));
    assert!(told.contains("STEP_UP_REQUIRED"), "{told}");

    let code = factor.app.next();
    let said = run_well(wallet(&user.subject, &["export", &name, "--code", &code, "--out", path]));
    assert!(said.contains(&address), "{said}");
    check_key(&out, &address, message, signature.trim());
    // Neither is a file overwritten, nor is a code taken twice, nor is it used up by what fails before it.
    let code = factor.app.next();
    let told = refused(&run(wallet(&user.subject, &["export", &name, "--code", &code, "--out", path])));
    assert!(told.contains("exists"), "{told}");
    let signature = run_well(wallet(&user.subject, &["sign", &name, "--message", message, "--code", &code]));
    let octets = HEXLOWER.decode(signature.trim().as_bytes()).unwrap();
    assert!(verifies(&public_key, message.as_bytes(), &octets));
    let told = refused(&run(wallet(&user.subject, &["sign", &name, "--message", "more", "--code", &code])));
    assert!(told.contains("CODE_REJECTED"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_messages_are_signed_with_one_code_from_the_command_line() {
    let user = User::new(suite()).await;
    let (name, address) = printed(&run_well(wallet(&user.subject, &["create"])));
    let public_key = bs58::decode(&address).into_vec().unwrap();
    let mut factor = user.enrol().await;
    let (code, messages) = (factor.app.next(), ["one", "two", "three"]);
    let mut arguments = vec!["sign", &name, "--code", &code];
    arguments.extend(messages.iter().flat_map(|message| ["--message", message]));
    let told = run_well(wallet(&user.subject, &arguments));
    let signatures: Vec<_> =
        told.lines().map(|line| HEXLOWER.decode(line.trim().as_bytes()).unwrap()).collect();
    assert_eq!(signatures.len(), messages.len(), "{told}");
    for (message, signature) in messages.iter().zip(&signatures) {
        assert!(verifies(&public_key, message.as_bytes(), signature), "{message}");
    }
    let id = fresh::uuid();
    arguments.extend(["--operation-id", &id]);
    let told = refused(&run(wallet(&user.subject, &arguments)));
    assert!(told.contains("operation-id"), "{told}");
}

#[tokio::test]
async fn tokens_are_revoked_from_the_command_line() {
    let user = User::new(suite()).await;
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let revoke = |arguments: &[&str]| {
        let mut command = countersign();
        command.args(["token", "--dev-file"]).arg(suite().dev_file());
        command.args(["revoke", "--name", &user.subject]).args(arguments);
        command
    };
    let told = refused(&run(revoke(&[])));
    assert!(told.contains("--token-id") && told.contains("--all"), "{told}");
    for by in [&["--all"][..], &["--admin", "--session", "session-1"]] {
        let token = user.token(&mut factor.app, &["wallet:sign"], None).await;
        let operation = user.signing(&wallet, b"from the command line");
        run_well(revoke(&["--token-id", &fresh::uuid()]));
        user.authorize(&operation, &token).await.done();
        run_well(revoke(by));
        user.authorize(&operation, &token).await.refused(Reason::TokenRevoked);
    }
}

/// The first line, which is a name.
fn first_line(output: &str) -> String {
    output.lines().next().unwrap().to_owned()
}

#[tokio::test]
async fn factors_of_every_kind_are_managed_and_used_from_the_command_line() {
    let user = User::new(suite()).await;
    let as_user = |subject: &str, arguments: &[&str]| of(subject, &user.subject, arguments);
    let (name, address) = printed(&run_well(as_user("wallet", &["create"])));
    let told = refused(&run(as_user("wallet", &["export", &name])));
    assert!(told.contains("ENROLMENT_REQUIRED") && told.contains("totp register"), "{told}");

    // A passkey, the first factor, and a use of it.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("passkey.json");
    let file = file.to_str().unwrap();
    let told = refused(&run(as_user("wallet", &["export", &name, "--passkey", file])));
    assert!(told.contains("ENROLMENT_REQUIRED") && told.contains("passkey register"), "{told}");
    let said = run_well(as_user("passkey", &["register", "--save", file, "--display-name", "my key"]));
    assert!(said.contains("passkey \"my key\", offered first"), "{said}");
    let passkey = first_line(&said);
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    for _ in 0..2 {
        let said = run_well(as_user("wallet", &["export", &name, "--passkey", file]));
        assert!(said.contains(&address), "{said}");
    }

    // Recovery codes, for the proof that registering it was; then for one of their own only.
    let made = run_well(as_user("recovery-codes", &["make"]));
    let codes: Vec<String> = made.lines().map(secret).collect();
    assert_eq!(codes.len(), 10, "{} lines", codes.len());
    let told = refused(&run(as_user("recovery-codes", &["show"])));
    assert!(told.contains("FRESH_PROOF_REQUIRED") && told.contains("--passkey"), "{told}");
    let shown = run_well(as_user("recovery-codes", &["show", "--passkey", file]));
    assert!(shown == made, "other codes are shown");
    let said = run_well(as_user("recovery-codes", &["acknowledge"]));
    assert!(said.contains("10 of 10") && said.contains(", acknowledged"), "{said}");
    let told = refused(&run(as_user("recovery-codes", &["show", "--passkey", file])));
    assert!(told.contains("RECOVERY_CODES_HIDDEN"), "{told}");
    // The preset `strict` does not take them for an export, and then they are not used up.
    let told = refused(&run(as_user("wallet", &["export", &name, "--recovery-code", &codes[0]])));
    assert!(told.contains("STEP_UP_REQUIRED") && told.contains("--passkey"), "{told}");
    let said = run_well(as_user("recovery-codes", &["status"]));
    assert!(said.contains("10 of 10"), "{said}");

    // An authenticator app beside it: that takes a proof.
    let told = refused(&run(as_user("totp", &["register"])));
    assert!(told.contains("RECEIPT_MISSING") && told.contains("--passkey"), "{told}");
    let said = run_well(as_user("totp", &["register", "--passkey", file, "--display-name", "my phone"]));
    let app = first_line(&said);
    let shared = secret(said.lines().find_map(|line| line.strip_prefix("secret ")).unwrap());
    secret(said.lines().find(|line| line.starts_with("otpauth://")).unwrap());
    let mut device = App::new(&shared);
    run_well(as_user("totp", &["activate", &app, "--code", &device.next()]));
    run_well(as_user("device", &["default", &app]));
    let id = app.rsplit('/').next().unwrap();
    run_well(as_user("device", &["rename", id, "old phone"]));
    let said = run_well(as_user("device", &["list"]));
    assert!(said.contains(&passkey) && said.contains("\"old phone\", offered first"), "{said}");
    let both = ["remove", id, "--code", "123456", "--passkey", file];
    assert!(refused(&run(as_user("device", &both))).contains("cannot be used with"));
    let told = refused(&run(as_user("device", &["remove", id])));
    assert!(told.contains("RECEIPT_MISSING"), "{told}");
    run_well(as_user("device", &["remove", id, "--passkey", file]));
    assert!(!run_well(as_user("device", &["list"])).contains(&app));

    // What an administrator sees and does.
    let said = run_well(as_user("factors", &["show"]));
    assert!(said.contains(&passkey) && said.contains("10 of 10"), "{said}");
    let said = run_well(as_user("factors", &["clear-throttle", "--kind", "recovery-code"]));
    assert!(said.contains("0 wrong codes in a row"), "{said}");
    let said = run_well(as_user("factors", &["reset"]));
    assert!(said.contains("1 devices and 10 unused"), "{said}");
    let said = run_well(as_user("factors", &["show"]));
    assert!(said.contains("had one"), "{said}");
    let events = run_well(as_user("factors", &["events"]));
    for event in ["FACTOR_ADDED", "RECOVERY_CODES_SHOWN", "FACTOR_REMOVED", "USER_RESET"] {
        let is_it = |line: &str| line.contains(event) && line.contains(&user.name());
        assert!(events.lines().any(is_it), "{event} is not in\n{events}");
    }
    let told = refused(&run(as_user("wallet", &["export", &name, "--passkey", file])));
    assert!(told.contains("ENROLMENT_REQUIRED"), "{told}");
}

/// The file is its owner's alone, says what it is, and holds the key, by arithmetic and a library that are not ours.
fn check_key(path: &Path, address: &str, message: &str, signature: &str) {
    let mode = std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let key = secret(document["expanded_private_key"].as_str().unwrap());
    let octets = BASE64URL_NOPAD.decode(key.as_bytes()).unwrap();
    secret(HEXLOWER.encode(&octets));
    secret(HEXLOWER.encode(&octets[..32]));
    assert_eq!(octets.len(), 64);
    let note = document["note"].as_str().unwrap();
    assert!(note.contains("not a seed"), "{note}");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/exported_key.py");
    let mut python = program(prepared(PYTHON));
    python.arg(script).arg(path).args([address, message, signature]);
    assert_eq!(run_well(python).trim(), "ok");
}
