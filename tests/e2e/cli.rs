//! The command line: tokens, wallets, and an exported key that others can check.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use proto::token_issuer::GetSessionRequest;
use serde_json::Value;

use crate::support::answer::Done as _;
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
    let mut command = countersign();
    command.args(["wallet", "--dev-file"]).arg(suite().dev_file()).args(["--name", name]).args(arguments);
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
