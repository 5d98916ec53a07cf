//! Each thing that can be wrong is said by its key, with a hint.

use std::path::PathBuf;

use super::*;

/// A file that is right for every role, in production.
const RIGHT: &str = r#"
mode = "production"
deployment = "main"

[log]
format = "json"

[witness]
folder = "/var/lib/countersign/witness"

[[admins]]
issuer = "https://admin.example"
audience = "countersign"
jwks_file = "/etc/countersign/admin.jwks.json"

[policy]
tls = { certificate_file = "/etc/countersign/policy.crt", key_file = "/etc/countersign/policy.key", authorities_file = "/etc/countersign/ca.crt" }
public = { listen = "0.0.0.0:7110", tls_ends_before_us = true }
database = { url = "postgres://policy@127.0.0.1/countersign", schema = "policy", tls = { mode = "disable" } }
[policy.peer]
listen = "0.0.0.0:7111"
callers = { "mfa-devices.example" = "mfa-devices", "token-issuer.example" = "token-issuer", "gateway.example" = "waas-gateway" }

[mfa-devices]
keys_file = "/etc/countersign/mfa-devices.keys"
redis = { url = "redis://127.0.0.1:6380" }
tls = { certificate_file = "/etc/countersign/mfa.crt", key_file = "/etc/countersign/mfa.key", authorities_file = "/etc/countersign/ca.crt" }
public = { listen = "0.0.0.0:7120", tls = { certificate_file = "/etc/countersign/www.crt", key_file = "/etc/countersign/www.key" } }
peer = { callers = { "token-issuer.example" = "token-issuer" } }
policy = { url = "https://policy.example:7111" }
database = { url = "postgres://mfa@127.0.0.1/countersign", schema = "mfa_devices", tls = { mode = "disable" } }
[mfa-devices.receipts]
issuer = "https://issuer.example"
operator_root_file = "/etc/countersign/root.jwk.json"
statement_file = "/etc/countersign/statement.jwt"

[token-issuer]
keys_file = "/etc/countersign/token-issuer.keys"
issuer = "https://issuer.example"
node_group = "main"
tls = { certificate_file = "/etc/countersign/issuer.crt", key_file = "/etc/countersign/issuer.key", authorities_file = "/etc/countersign/ca.crt" }
public = { listen = "0.0.0.0:7130", tls_ends_before_us = true }
peer = { callers = { "gateway.example" = "waas-gateway" } }
redis = { url = "redis://127.0.0.1:6379" }
policy = { url = "https://policy.example:7111" }
mfa_devices = { url = "https://10.0.0.7:7121", server_name = "mfa-devices.example" }
database = { url = "postgres://issuer@127.0.0.1/countersign", schema = "token_issuer", tls = { mode = "disable" } }

[waas-gateway]
directory_file = "/etc/countersign/nodes.json"
tls = { certificate_file = "/etc/countersign/gateway.crt", key_file = "/etc/countersign/gateway.key", authorities_file = "/etc/countersign/ca.crt" }
public = { listen = "0.0.0.0:7140", tls_ends_before_us = true }
policy = { url = "https://policy.example:7111" }
token_issuer = { url = "https://token-issuer.example:7131" }
database = { url = "postgres://gateway@127.0.0.1/countersign", schema = "waas_gateway", tls = { mode = "disable" } }
[[waas-gateway.nodes]]
id = "node-1"
at = { url = "https://node-1.example:7151" }

[mpc-signer]
node = "node-1"
keys_file = "/etc/countersign/node-1.keys"
identity_file = "/etc/countersign/node-1.identity"
directory_file = "/etc/countersign/nodes.json"
tls = { certificate_file = "/etc/countersign/node-1.crt", key_file = "/etc/countersign/node-1.key", authorities_file = "/etc/countersign/ca.crt" }
public = { listen = "0.0.0.0:7150", tls_ends_before_us = true }
peer = { callers = { "gateway.example" = "waas-gateway" } }
database = { url = "postgres://node1@127.0.0.1/countersign", schema = "node_1", tls = { mode = "disable" } }
[mpc-signer.receipts]
issuer = "https://issuer.example"
operator_root_file = "/etc/countersign/root.jwk.json"
statement_file = "/etc/countersign/statement.jwt"
"#;

fn load<R: RoleSettings>(text: &str) -> Result<Settings<R>> {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("countersign.toml");
    std::fs::write(&file, text).unwrap();
    Settings::load(Some(&file))
}

/// What is said of the file in which `from` is replaced by `to`.
#[track_caller]
fn refused(role: Role, from: &str, to: &str) -> String {
    assert!(RIGHT.contains(from), "{from}");
    let text = RIGHT.replacen(from, to, 1);
    let error = for_role!(role, R => load::<R>(&text).map(drop));
    error.expect_err(to).message().to_owned()
}

#[test]
fn one_file_serves_every_role() {
    for role in Role::ALL {
        for_role!(role, R => load::<R>(RIGHT).map(drop)).unwrap();
    }
    let issuer = load::<TokenIssuerSettings>(RIGHT).unwrap();
    assert_eq!(issuer.shared.deployment, "main");
    assert_eq!(issuer.own.issuer, "https://issuer.example");
    // What is not said holds by default, beside what is.
    assert_eq!(issuer.own.peer.listen.port(), 7131);
    assert_eq!(issuer.own.database.lock_timeout_ms, 3000);
    assert!(!issuer.own.is_alone());
    let node = load::<MpcSignerSettings>(RIGHT).unwrap();
    assert_eq!(node.owner().unwrap().witness_name(), "production.main.mpc-signer.node-1");
    assert!(node.own.is_alone());
}

#[test]
fn a_role_does_not_look_at_the_tables_of_others() {
    let text = RIGHT
        .replace("[token-issuer]", "[token-issuer]\nnonsense = true")
        .replace("node = \"node-1\"", "node = 7");
    assert!(load::<PolicySettings>(&text).is_ok());
    assert!(load::<TokenIssuerSettings>(&text).is_err());
    assert!(load::<MpcSignerSettings>(&text).is_err());
}

#[test]
fn what_is_wrong_for_all_is_said_by_name() {
    for (from, to, said) in [
        ("deployment = \"main\"", "", "`deployment` is not set"),
        ("deployment = \"main\"", "deployment = \"Main\"", "`deployment` must be"),
        ("deployment = \"main\"", "deployment = \"1st\"", "`deployment` must be"),
        ("mode = \"production\"", "mode = \"test\"", "`mode`"),
        ("mode = \"production\"", "moed = \"production\"", "did you mean `mode`"),
        ("format = \"json\"", "level = \"info,policy=trace\"", "`log.level` has a `trace`"),
        ("format = \"json\"", "level = \"loud=very\"", "`log.level`"),
        ("folder = \"/var/lib/countersign/witness\"", "", "`witness` is not set"),
        ("audience = \"countersign\"", "", "`admins.0.audience` is not set"),
        ("[[admins]]", "[admin]", "`admin` is not a setting"),
        ("[policy]", "[polcy]", "did you mean `policy`"),
    ] {
        let told = refused(Role::Policy, from, to);
        assert!(told.contains(said), "{to:?}: {told}");
    }
}

#[test]
fn what_is_wrong_for_a_role_is_said_by_name() {
    use Role::{MfaDevices, MpcSigner, Policy, TokenIssuer, WaasGateway};
    for (role, from, to, said) in [
        (Policy, ", tls_ends_before_us = true", "", "`policy.public.tls` is not set"),
        (Policy, "schema = \"policy\"", "schema = \"Policy\"", "`policy.database.schema`"),
        (
            Policy,
            "\"mfa-devices.example\" = \"mfa-devices\", ",
            "\"a\" = \"mpc-signer\", ",
            "`policy.peer.callers.\"a\"`",
        ),
        (
            Policy,
            "postgres://policy@127.0.0.1/countersign",
            "sqlite:///x.sqlite",
            "`policy.database.url` SQLite",
        ),
        (
            Policy,
            "certificate_file = \"/etc/countersign/policy.crt\", ",
            "",
            "`policy.tls.certificate_file` is not set",
        ),
        (
            MfaDevices,
            "keys_file = \"/etc/countersign/mfa-devices.keys\"",
            "",
            "`mfa-devices.keys_file` is not set",
        ),
        (
            MfaDevices,
            "peer = { callers = { \"token-issuer.example\" = \"token-issuer\" } }\n",
            "",
            "`mfa-devices.peer.callers` is empty",
        ),
        (
            MfaDevices,
            "statement_file = \"/etc/countersign/statement.jwt\"",
            "",
            "`mfa-devices.receipts.statement_file`",
        ),
        (
            MfaDevices,
            "keys_file = \"/etc/countersign/mfa-devices.keys\"",
            "label = \"a:b\"",
            "`mfa-devices.label` must be",
        ),
        (MfaDevices, "redis = { url = \"redis://127.0.0.1:6380\" }", "", "`mfa-devices.redis` is not set"),
        (MfaDevices, "redis = { url = \"redis://127.0.0.1:6380\" }", "redis = {}", "`mfa-devices.redis"),
        (TokenIssuer, "redis = { url = \"redis://127.0.0.1:6379\" }", "", "`token-issuer.redis` is not set"),
        (TokenIssuer, "redis = { url = \"redis://127.0.0.1:6379\" }", "redis = {}", "`token-issuer.redis"),
        (
            TokenIssuer,
            "issuer = \"https://issuer.example\"\nnode",
            "issuer = \"http://issuer.example\"\nnode",
            "`token-issuer.issuer` must be",
        ),
        (TokenIssuer, "node_group = \"main\"", "node_group = \"Main\"", "`token-issuer.node_group` must"),
        (
            TokenIssuer,
            "node_group = \"main\"",
            "algorithm = \"HS256\"\nnode_group = \"main\"",
            "token-issuer.algorithm",
        ),
        (
            TokenIssuer,
            "https://10.0.0.7:7121",
            "http://10.0.0.7:7121",
            "`token-issuer.mfa_devices.url` is plaintext",
        ),
        (WaasGateway, "https://token-issuer.example:7131", "token-issuer", "`waas-gateway.token_issuer.url`"),
        (WaasGateway, "id = \"node-1\"", "id = \"Node 1\"", "`waas-gateway.nodes.0.id` must name"),
        (WaasGateway, "https://node-1.example:7151", "", "`waas-gateway.nodes.0.at.url`"),
        (
            WaasGateway,
            "directory_file = \"/etc/countersign/nodes.json\"",
            "",
            "`waas-gateway.directory_file` is not set",
        ),
        (MpcSigner, "node = \"node-1\"", "", "`mpc-signer.node` must name"),
        (MpcSigner, "node = \"node-1\"", "noed = \"node-1\"", "did you mean `node`"),
        (
            MpcSigner,
            "identity_file = \"/etc/countersign/node-1.identity\"",
            "",
            "`mpc-signer.identity_file` is not set",
        ),
        (MpcSigner, "listen = \"0.0.0.0:7150\"", "listen = \"everywhere\"", "`mpc-signer.public.listen`"),
    ] {
        let told = refused(role, from, to);
        assert!(told.contains(said), "{role} {to:?}: {told}");
    }
}

#[test]
fn dev_mode_takes_what_production_does_not() {
    let dev = RIGHT.replace("mode = \"production\"", "mode = \"dev\"");
    let text = dev
        .replace(", tls_ends_before_us = true", "")
        .replace("redis = { url = \"redis://127.0.0.1:6379\" }\n", "")
        .replace(
            "{ url = \"postgres://issuer@127.0.0.1/countersign\", schema = \"token_issuer\", tls = { mode = \"disable\" } }",
            "{ url = \"sqlite:///tmp/issuer.sqlite\" }",
        );
    let issuer = load::<TokenIssuerSettings>(&text).unwrap();
    assert!(issuer.own.redis.is_none() && issuer.own.is_alone());
    let factors = text.replace("redis = { url = \"redis://127.0.0.1:6380\" }\n", "");
    let factors = load::<MfaDevicesSettings>(&factors).unwrap();
    assert!(factors.own.redis.is_none() && factors.own.is_alone());
    // But not plaintext between services.
    assert!(
        load::<TokenIssuerSettings>(&text.replace("https://policy.example", "http://127.0.0.1")).is_err()
    );
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let text = RIGHT.replace("deployment = \"main\"", "").replace("node_group = \"main\"", "");
    let error = load::<TokenIssuerSettings>(&text).unwrap_err();
    for key in ["`deployment`", "`token-issuer.node_group`"] {
        assert!(error.message().contains(key), "{error}");
    }
}

#[test]
fn a_password_in_a_url_is_refused_and_not_repeated() {
    let told = refused(Role::Policy, "postgres://policy@", "postgres://policy:hunter2@");
    assert!(told.contains("`policy.database.url`") && !told.contains("hunter2"), "{told}");
}

#[test]
fn the_examples_are_right() {
    for role in Role::ALL {
        let file = format!("{}/../../deploy/examples/{role}.toml", env!("CARGO_MANIFEST_DIR"));
        let settings = for_role!(role, R => Settings::<R>::load(Some(std::path::Path::new(&file))).map(drop));
        settings.unwrap_or_else(|error| panic!("{file}: {error}"));
    }
}
