//! A process per role, set up by the binary's own commands as docs/deployment.md has it: keys, statement, certificates,
//! schemas, and then `serve`, eight times.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use data_encoding::BASE64;
use jose::{Algorithm, SigningKey};
use kernel::secret::ExposeSecret as _;
use tempfile::TempDir;
use tonic::transport::Channel;

use super::child::Running;
use super::dev::open;
use super::ports::{Ports, free_ports};
use super::tools::{countersign, run, run_well};

/// The deployment's name.
pub(crate) const NAME: &str = "tests";

/// The `iss` of tokens and receipts.
const ISSUER: &str = "https://issuer.countersign-tests.invalid";

/// The `iss` of administrators' tokens.
pub(crate) const ADMIN_ISSUER: &str = "https://admins.countersign-tests.invalid";

/// The `aud` of sessions (before the environment) and of administrators' tokens.
pub(crate) const AUDIENCE: &str = "countersign-tests";

/// The services, in the order in which they depend on each other.
pub(crate) const SERVICES: [&str; 4] = ["policy", "mfa-devices", "token-issuer", "waas-gateway"];

/// The nodes.
pub(crate) const NODES: [&str; 3] = ["node-1", "node-2", "node-3"];

/// Where a deployment keeps its state.
#[derive(Clone, Debug)]
pub(crate) enum Stores {
    /// SQLite and memory, in dev mode, without TLS for users.
    Embedded,
    /// Postgres and Redis, in production mode, over mutual TLS.
    Servers {
        /// A user who may make schemas, in a database of this deployment alone.
        postgres: String,
        /// A server, or what stands before it.
        redis: String,
    },
}

impl Stores {
    fn production(&self) -> bool {
        matches!(self, Self::Servers { .. })
    }
}

/// The processes of one deployment.
pub(crate) struct Deployment {
    /// Processes end before the folder goes.
    processes: Mutex<BTreeMap<String, Running>>,
    stores: Stores,
    algorithm: Algorithm,
    logs: String,
    ports: BTreeMap<String, Ports>,
    pub(crate) admin: SigningKey,
    pub(crate) folder: TempDir,
}

impl Deployment {
    /// Prepares one whose processes log to `logs`, and starts nothing.
    pub(crate) fn prepare(logs: &str, stores: Stores) -> Self {
        Self::prepare_with(logs, stores, Algorithm::Es256)
    }

    /// The same, with another algorithm of the issuer's keys.
    fn prepare_with(logs: &str, stores: Stores, algorithm: Algorithm) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports = processes().map(|name| (name.to_owned(), free_ports())).collect();
        let admin = SigningKey::generate(Algorithm::Es256).unwrap();
        let logs = logs.to_owned();
        let deployment = Self { processes: Mutex::default(), stores, algorithm, logs, ports, admin, folder };
        deployment.keys();
        for name in processes() {
            deployment.configure(name);
            deployment.command(&["migrate", "--role", role_of(name), "--config"], &[deployment.config(name)]);
        }
        // Its first keys are made at its first start, and the statement is about them.
        deployment.serve("token-issuer");
        deployment.statement(1);
        deployment.stop("token-issuer");
        deployment
    }

    /// Prepares one and starts all of it. When this returns, everything answers.
    pub(crate) fn start(logs: &str, stores: Stores) -> Self {
        let deployment = Self::prepare(logs, stores);
        for name in processes() {
            deployment.serve(name);
        }
        deployment
    }

    /// Prepares one whose issuer signs by this algorithm, and starts what tokens and receipts take, without the nodes and
    /// what is before them.
    pub(crate) fn issuing(logs: &str, algorithm: Algorithm) -> Self {
        let deployment = Self::prepare_with(logs, Stores::Embedded, algorithm);
        for name in ["policy", "mfa-devices", "token-issuer"] {
            deployment.serve(name);
        }
        deployment
    }

    /// A file of the deployment.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The configuration of a process.
    pub(crate) fn config(&self, name: &str) -> PathBuf {
        self.path(format!("{name}.toml"))
    }

    /// Where a process listens.
    pub(crate) fn ports(&self, name: &str) -> Ports {
        self.ports[name]
    }

    /// The authority of the deployment's certificates.
    pub(crate) fn authority(&self) -> Option<PathBuf> {
        self.stores.production().then(|| self.path("certs/ca.pem"))
    }

    /// `https://localhost:PORT`, or without TLS.
    pub(crate) fn public_endpoint(&self, name: &str) -> String {
        self.endpoint_at(self.ports(name))
    }

    /// A connection for users to a process that listens there.
    pub(crate) fn connect(&self, ports: Ports) -> Channel {
        open(&self.endpoint_at(ports), self.authority().as_deref())
    }

    fn endpoint_at(&self, ports: Ports) -> String {
        let scheme = if self.stores.production() { "https" } else { "http" };
        format!("{scheme}://localhost:{}", ports.public)
    }

    /// Starts a process. When this returns, it answers.
    pub(crate) fn serve(&self, name: &str) {
        let running = self.run(name, countersign(), &[]);
        self.lock().insert(name.to_owned(), running);
    }

    /// Starts a process whose clock can be moved: see [`Self::jump`]. When this returns, it answers.
    pub(crate) fn serve_with_clock(&self, name: &str) {
        self.jump(name, "+0");
        let mut command = countersign();
        // Only what is asked for the time of day: how long something takes stays what it is.
        command.env("LD_PRELOAD", libfaketime()).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        command.env("FAKETIME_TIMESTAMP_FILE", self.clock(name)).env("FAKETIME_NO_CACHE", "1");
        let running = self.run(name, command, &[]);
        self.lock().insert(name.to_owned(), running);
    }

    /// Moves the clock of a process away from the right time, such as by `+1h`.
    pub(crate) fn jump(&self, name: &str, shift: &str) {
        std::fs::write(self.clock(name), format!("{shift}\n")).unwrap();
    }

    fn clock(&self, name: &str) -> PathBuf {
        self.path(format!("{name}.clock"))
    }

    /// Starts a second process of a role, or a third. When this returns, it answers.
    pub(crate) fn serve_another(&self, name: &str, number: usize) -> Ports {
        let ports = free_ports();
        let table = role_of(name).replace('-', "_").to_uppercase();
        let mut settings = Vec::new();
        for (listener, port) in [("PUBLIC", ports.public), ("PEER", ports.peer), ("HEALTH", ports.health)] {
            if (listener, name) != ("PEER", "waas-gateway") {
                settings
                    .push((format!("COUNTERSIGN__{table}__{listener}__LISTEN"), format!("127.0.0.1:{port}")));
            }
        }
        let running = self.run(name, countersign(), &settings);
        self.lock().insert(format!("{name}-{number}"), running);
        ports
    }

    fn run(&self, name: &str, mut command: Command, settings: &[(String, String)]) -> Running {
        command.args(["serve", "--role", role_of(name), "--config"]).arg(self.config(name));
        command
            .env("COUNTERSIGN__LOG__LEVEL", "debug")
            .envs(settings.iter().map(|(key, value)| (key, value)));
        let running = Running::start(&format!("{}-{name}", self.logs), &command);
        running.output_until(|line| line.contains("public listener ready"));
        running
    }

    /// Starts a process with other settings than those of its file, which must not serve; what it said.
    pub(crate) fn refused(&self, name: &str, settings: &[(&str, &str)]) -> String {
        let mut command = countersign();
        command.args(["serve", "--role", role_of(name), "--config"]).arg(self.config(name));
        command.envs(settings.iter().copied());
        let output = run(command);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{name} with {settings:?}:\n{told}");
        assert!(output.stdout.is_empty(), "{name} with {settings:?} has served");
        told
    }

    /// Ends a process as an operator does.
    pub(crate) fn stop(&self, name: &str) {
        let mut running = self.lock().remove(name).expect("a running process");
        assert!(running.stop().success(), "{name} does not end well");
    }

    /// Ends a process as a crash does.
    pub(crate) fn kill(&self, name: &str) {
        let mut running = self.lock().remove(name).expect("a running process");
        running.kill();
    }

    /// The process id of a running process.
    pub(crate) fn pid(&self, name: &str) -> u32 {
        self.lock()[name].pid()
    }

    /// Runs one of the binary's commands, which must end well, with paths at its end; what it printed.
    pub(crate) fn command(&self, arguments: &[&str], paths: &[PathBuf]) -> String {
        self.command_with(arguments, paths, &[])
    }

    /// The same, with other settings than those of a file.
    pub(crate) fn command_with(
        &self,
        arguments: &[&str],
        paths: &[PathBuf],
        settings: &[(&str, &str)],
    ) -> String {
        let mut command = countersign();
        command.args(arguments).args(paths).current_dir(self.folder.path()).envs(settings.iter().copied());
        run_well(command)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Running>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys(&self) {
        self.command(&["dev", "certs", "--deployment", NAME, "--out", "certs"], &[]);
        self.command(&["keys", "root", "new", "--out", "root.json"], &[]);
        for owner in
            ["mfa-devices", "token-issuer", "mpc-signer.node-1", "mpc-signer.node-2", "mpc-signer.node-3"]
        {
            let out = format!("{owner}.keys.json");
            self.command(
                &["keys", "encryption", "new", "--role", owner, "--deployment", NAME, "--out", &out],
                &[],
            );
        }
        let mut entries = Vec::new();
        for (index, node) in NODES.iter().enumerate() {
            let (identifier, out) = ((index + 1).to_string(), format!("{node}.identity.json"));
            let entry = self.command(
                &[
                    "keys",
                    "node",
                    "new",
                    "--node",
                    node,
                    "--identifier",
                    &identifier,
                    "--deployment",
                    NAME,
                    "--out",
                    &out,
                ],
                &[],
            );
            let path = self.path(format!("{node}.entry.json"));
            std::fs::write(&path, entry).unwrap();
            entries.push(path);
        }
        self.command(
            &["keys", "directory", "--group", NAME, "--threshold", "2", "--out", "directory.json"],
            &entries,
        );
        let jwks = jose::KeySet::from_keys(vec![self.admin.public_jwk()]).unwrap().to_jwks_json();
        std::fs::write(self.path("admins.jwks.json"), jwks).unwrap();
    }

    /// Signs a statement of the receipt keys that the issuer has.
    pub(crate) fn statement(&self, sequence: u64) {
        let keys =
            self.command(&["keys", "issuer", "list", "--jwks", "--config"], &[self.config("token-issuer")]);
        std::fs::write(self.path("receipt-keys.jwks.json"), keys).unwrap();
        let sequence = sequence.to_string();
        self.command(
            &[
                "keys",
                "statement",
                "new",
                "--root",
                "root.json",
                "--issuer",
                ISSUER,
                "--keys",
                "receipt-keys.jwks.json",
                "--sequence",
                &sequence,
                "--valid-days",
                "30",
                "--out",
                "statement.jwt",
            ],
            &[],
        );
    }

    /// Writes the configuration of a process.
    fn configure(&self, name: &str) {
        let mut text = String::new();
        let production = self.stores.production();
        let folder = self.folder.path().display();
        let mode = if production { "production" } else { "dev" };
        let _ = write!(
            text,
            r#"mode = "{mode}"
deployment = "{NAME}"
log.format = "json"

[[admins]]
issuer = "{ADMIN_ISSUER}"
audience = "{AUDIENCE}"
jwks_file = "{folder}/admins.jwks.json"

[witness]
folder = "{folder}/witness-{name}"

"#
        );
        std::fs::create_dir(self.path(format!("witness-{name}"))).unwrap();
        let role = role_of(name);
        let Ports { public, peer, health } = self.ports(name);
        let _ = write!(
            text,
            "[{role}]\npublic.listen = \"127.0.0.1:{public}\"\nhealth.listen = \"127.0.0.1:{health}\"\n"
        );
        let certificate = format!("{folder}/certs/{name}");
        if production {
            let _ = write!(
                text,
                r#"public.tls.certificate_file = "{certificate}.pem"
public.tls.key_file = "{certificate}.key.pem"
"#
            );
        }
        let _ = write!(
            text,
            r#"tls.certificate_file = "{certificate}.pem"
tls.key_file = "{certificate}.key.pem"
tls.authorities_file = "{folder}/certs/ca.pem"
"#
        );
        if role != "waas-gateway" {
            let _ = writeln!(text, "peer.listen = \"127.0.0.1:{peer}\"");
        }
        self.stores_of(name, &mut text);
        self.own(name, &mut text);
        if role != "waas-gateway" {
            let _ = writeln!(text, "\n[{role}.peer.callers]");
            for service in callers(name) {
                let _ = writeln!(text, "\"{service}.{NAME}.countersign.internal\" = \"{service}\"");
            }
        }
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(self.config(name)).unwrap();
        std::io::Write::write_all(&mut { file }, text.as_bytes()).unwrap();
    }

    /// The stores of a process.
    fn stores_of(&self, name: &str, text: &mut String) {
        match &self.stores {
            Stores::Embedded => {
                let file = self.path(format!("{name}.sqlite"));
                let _ = writeln!(text, "database.url = \"sqlite://{}\"", file.display());
            }
            Stores::Servers { postgres, redis } => {
                let schema = name.replace('-', "_");
                let _ = writeln!(text, "database.url = \"{postgres}\"\ndatabase.schema = \"{schema}\"");
                let _ = writeln!(text, "database.tls.mode = \"disable\"\ndatabase.max_connections = 8");
                if matches!(name, "mfa-devices" | "token-issuer") {
                    let _ = writeln!(text, "redis.url = \"{redis}\"");
                }
            }
        }
    }

    /// What only this process has.
    fn own(&self, name: &str, text: &mut String) {
        let folder = self.folder.path().display();
        let receipts = format!(
            "receipts.issuer = \"{ISSUER}\"\nreceipts.operator_root_file = \"{folder}/root.pub.json\"\n\
             receipts.statement_file = \"{folder}/statement.jwt\"\n"
        );
        let _ = match name {
            "policy" => Ok(()),
            "mfa-devices" => write!(
                text,
                "keys_file = \"{folder}/mfa-devices.keys.json\"\nlabel = \"Countersign dev\"\n{receipts}{}",
                self.endpoint("policy", "policy")
            ),
            "token-issuer" => write!(
                text,
                "keys_file = \"{folder}/token-issuer.keys.json\"\nissuer = \"{ISSUER}\"\nnode_group = \"{NAME}\"\n\
                 algorithm = \"{}\"\n{}{}",
                self.algorithm,
                self.endpoint("policy", "policy"),
                self.endpoint("mfa_devices", "mfa-devices")
            ),
            "waas-gateway" => {
                let _ = write!(
                    text,
                    "directory_file = \"{folder}/directory.json\"\n{}{}",
                    self.endpoint("policy", "policy"),
                    self.endpoint("token_issuer", "token-issuer")
                );
                for node in NODES {
                    let _ = write!(
                        text,
                        "\n[[waas-gateway.nodes]]\nid = \"{node}\"\n{}",
                        self.endpoint("at", node)
                    );
                }
                Ok(())
            }
            node => write!(
                text,
                "keys_file = \"{folder}/mpc-signer.{node}.keys.json\"\nnode = \"{node}\"\n\
                 identity_file = \"{folder}/{node}.identity.json\"\ndirectory_file = \"{folder}/directory.json\"\n{receipts}"
            ),
        };
    }

    /// Where another process is.
    fn endpoint(&self, key: &str, name: &str) -> String {
        let (port, dns) = (self.ports(name).peer, format!("{name}.{NAME}.countersign.internal"));
        format!("{key}.url = \"https://127.0.0.1:{port}\"\n{key}.server_name = \"{dns}\"\n")
    }

    /// The administrators' private key, as a client file has it.
    pub(crate) fn admin_key(&self) -> String {
        BASE64.encode(self.admin.to_pkcs8().unwrap().expose_secret())
    }
}

/// All processes, in the order in which they are started.
pub(crate) fn processes() -> impl Iterator<Item = &'static str> {
    SERVICES.into_iter().chain(NODES)
}

/// The role of a process.
pub(crate) fn role_of(name: &str) -> &str {
    if NODES.contains(&name) { "mpc-signer" } else { name }
}

/// The library of the package `faketime`. Its program of that name would stand between us and the process.
fn libfaketime() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten();
    let mut files = folders.map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    files.find(|file| file.exists()).expect("libfaketime; run tests/tools/install")
}

/// Who calls a process.
fn callers(name: &str) -> &'static [&'static str] {
    match name {
        "policy" => &["mfa-devices", "token-issuer", "waas-gateway"],
        "mfa-devices" => &["token-issuer"],
        _ => &["waas-gateway"],
    }
}
