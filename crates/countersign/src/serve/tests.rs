//! Every role alone, as `serve` starts it: on SQLite, over mutual TLS, in one test process.

mod restoring;

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser as _;
use kernel::Reason;
use tempfile::TempDir;
use testkit::SeededEntropy;
use token_issuer::rotation::IssuerKeys;

use super::*;
use crate::cli::Cli;
use crate::key_files::EncryptionKeys;
use crate::roles::Role;
use crate::settings::{
    MfaDevicesSettings, MpcSignerSettings, PolicySettings, TokenIssuerSettings, WaasGatewaySettings,
};

const ISSUER: &str = "https://issuer.example";

/// The files of a deployment.
struct Files {
    folder: TempDir,
    /// The first of three ports of each process.
    ports: Vec<[u16; 3]>,
}

/// The processes, in the order of [`Files::ports`].
const PROCESSES: [&str; 6] = ["policy", "mfa-devices", "token-issuer", "waas-gateway", "node-1", "node-2"];

impl Files {
    async fn new() -> Self {
        // All are held until all are chosen, so that none is given twice.
        let held: Vec<TcpListener> = (0..18).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<u16> = held.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        let ports = ports.chunks(3).map(|three| [three[0], three[1], three[2]]).collect();
        let files = Self { folder: tempfile::tempdir().unwrap(), ports };
        files.make().await;
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command of the binary; `@NAME` is a file of the deployment.
    async fn run(&self, command: &str) -> Result<std::process::ExitCode> {
        let words = command.split(' ').map(|word| match word.strip_prefix('@') {
            Some(name) => self.path(name).display().to_string(),
            None => word.to_owned(),
        });
        let cli = Cli::try_parse_from(std::iter::once("countersign".to_owned()).chain(words)).unwrap();
        Box::pin(crate::run(cli.command)).await
    }

    async fn make(&self) {
        std::fs::create_dir(self.path("witness")).unwrap();
        self.run("dev certs --deployment main --out @tls --node node-1 --node node-2").await.unwrap();
        self.run("keys root new --out @root.json").await.unwrap();
        for owner in ["mfa-devices", "token-issuer", "mpc-signer.node-1", "mpc-signer.node-2"] {
            let command =
                format!("keys encryption new --role {owner} --deployment main --out @{owner}.keys.json");
            self.run(&command).await.unwrap();
        }
        let mut nodes = Vec::new();
        for number in 1..=2_u16 {
            let file = self.path(&format!("node-{number}.json"));
            let node = format!("node-{number}").parse().unwrap();
            let entropy = SeededEntropy::new(number.into());
            let made = crate::key_files::NodeFile::create(&file, "main", node, number, &entropy).unwrap();
            nodes.push(made.entry());
        }
        let group = mpc_signer::settings::GroupSettings { group: "main".to_owned(), threshold: 2, nodes };
        std::fs::write(self.path("nodes.json"), serde_json::to_vec(&group).unwrap()).unwrap();
        let admin = jose::SigningKey::generate(jose::Algorithm::Es256).unwrap();
        let jwks = jose::KeySet::from_keys(vec![admin.public_jwk()]).unwrap().to_jwks_json();
        std::fs::write(self.path("admins.jwks.json"), jwks).unwrap();
        for process in PROCESSES {
            std::fs::write(self.path(&format!("{process}.toml")), self.configuration(process)).unwrap();
            let role = role_of(process);
            self.run(&format!("migrate --role {role} --config @{process}.toml")).await.unwrap();
        }
    }

    fn ports(&self, process: &str) -> [u16; 3] {
        self.ports[PROCESSES.iter().position(|known| *known == process).unwrap()]
    }

    fn configuration(&self, process: &str) -> String {
        let folder = self.folder.path().display();
        let role = role_of(process);
        let [public, peer, health] = self.ports(process);
        let at = |key: &str, other: &str| {
            let port = self.ports(other)[1];
            format!(
                "{key} = {{ url = \"https://127.0.0.1:{port}\", server_name = \"{other}.main.countersign.internal\" }}\n"
            )
        };
        let receipts = format!(
            "receipts.issuer = \"{ISSUER}\"\nreceipts.operator_root_file = \"{folder}/root.pub.json\"\n\
             receipts.statement_file = \"{folder}/statement.jwt\"\n"
        );
        let callers = |callers: &[&str]| {
            let each = callers.iter().map(|one| format!("\"{one}.main.countersign.internal\" = \"{one}\""));
            let callers = each.collect::<Vec<_>>().join(", ");
            format!("peer = {{ listen = \"127.0.0.1:{peer}\", callers = {{ {callers} }} }}\n")
        };
        let own = match process {
            "policy" => callers(&["mfa-devices", "token-issuer", "waas-gateway"]),
            "mfa-devices" => callers(&["token-issuer"]) + &receipts + &at("policy", "policy"),
            "token-issuer" => {
                callers(&["waas-gateway"])
                    + &format!("issuer = \"{ISSUER}\"\nnode_group = \"main\"\n")
                    + &at("policy", "policy")
                    + &at("mfa_devices", "mfa-devices")
            }
            "waas-gateway" => {
                let nodes = ["node-1", "node-2"]
                    .map(|node| format!("{{ id = \"{node}\", {} }}", at("at", node).trim()));
                at("policy", "policy")
                    + &at("token_issuer", "token-issuer")
                    + &format!("nodes = [{}]\n", nodes.join(", "))
            }
            node => {
                callers(&["waas-gateway"])
                    + &receipts
                    + &format!("node = \"{node}\"\nidentity_file = \"{folder}/{node}.json\"\n")
            }
        };
        let keys = match process {
            "policy" => String::new(),
            "waas-gateway" => format!("directory_file = \"{folder}/nodes.json\"\n"),
            "mfa-devices" | "token-issuer" => format!("keys_file = \"{folder}/{process}.keys.json\"\n"),
            node => format!(
                "directory_file = \"{folder}/nodes.json\"\nkeys_file = \"{folder}/mpc-signer.{node}.keys.json\"\n"
            ),
        };
        format!(
            r#"mode = "dev"
deployment = "main"
witness.folder = "{folder}/witness"

[[admins]]
issuer = "https://admins.example"
audience = "main"
jwks_file = "{folder}/admins.jwks.json"

[{role}]
public.listen = "127.0.0.1:{public}"
health.listen = "127.0.0.1:{health}"
tls.certificate_file = "{folder}/tls/{process}.pem"
tls.key_file = "{folder}/tls/{process}.key.pem"
tls.authorities_file = "{folder}/tls/ca.pem"
database.url = "sqlite://{folder}/{process}.sqlite"
{keys}{own}"#
        )
    }

    fn settings<R: Served>(&self, process: &str) -> Settings<R> {
        Settings::load(Some(&self.path(&format!("{process}.toml")))).unwrap()
    }

    async fn start<R: Served>(&self, process: &str) -> Result<Running> {
        start(&self.settings::<R>(process)).await
    }

    /// The operator's part: states the keys that the issuer has.
    async fn state_receipt_keys(&self) {
        let settings = self.settings::<TokenIssuerSettings>("token-issuer");
        let database = storage::sql::open(&settings.own.database).await.unwrap();
        let keys = EncryptionKeys::read(&settings.own.keys_file).unwrap();
        let sealer = Arc::new(keys.sealer(Arc::new(SeededEntropy::new(7))).unwrap());
        let keys = IssuerKeys::new(database, sealer).receipt_keys().await.unwrap();
        std::fs::write(self.path("receipts.jwks.json"), keys.to_jwks_json()).unwrap();
        let command = "keys statement new --root @root.json --issuer https://issuer.example \
                       --keys @receipts.jwks.json --sequence 1 --valid-days 30 --out @statement.jwt";
        self.run(command).await.unwrap();
    }
}

fn role_of(process: &str) -> Role {
    let service = Role::ALL.into_iter().find(|role| role.name() == process);
    service.unwrap_or(Role::MpcSigner)
}

async fn stop(running: Running) {
    running.until(std::future::ready(())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_is_served_and_doctor_finds_nothing_wrong() {
    let files = Files::new().await;
    let mut running = vec![files.start::<TokenIssuerSettings>("token-issuer").await.unwrap()];
    files.state_receipt_keys().await;
    running.push(files.start::<PolicySettings>("policy").await.unwrap());
    running.push(files.start::<MfaDevicesSettings>("mfa-devices").await.unwrap());
    running.push(files.start::<WaasGatewaySettings>("waas-gateway").await.unwrap());
    for node in ["node-1", "node-2"] {
        running.push(files.start::<MpcSignerSettings>(node).await.unwrap());
    }
    assert!(running.iter().all(|process| process.readiness.is_ready()));
    for process in PROCESSES {
        let code =
            files.run(&format!("doctor --role {} --config @{process}.toml", role_of(process))).await.unwrap();
        assert_eq!(code, std::process::ExitCode::SUCCESS, "{process}");
    }
    // What a service finds that does not listen any more, or that does not know it.
    for process in running {
        stop(process).await;
    }
    let code = files.run("doctor --role token-issuer --config @token-issuer.toml").await.unwrap();
    assert_eq!(code, std::process::ExitCode::FAILURE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_one_file_is_refused_until_the_first_has_ended() {
    let files = Files::new().await;
    let first = files.start::<PolicySettings>("policy").await.unwrap();
    let refused = files.start::<PolicySettings>("policy").await.err().unwrap();
    assert_eq!(refused.reason(), Reason::ServiceHalted);
    assert!(refused.message().contains("another process"), "{refused}");
    stop(first).await;
    stop(files.start::<PolicySettings>("policy").await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_its_own_stops_the_start() {
    let files = Files::new().await;
    let text = files.configuration("token-issuer");
    let start = async |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        let file = files.path("changed.toml");
        std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
        match Settings::<TokenIssuerSettings>::load(Some(&file)) {
            Ok(settings) => start(&settings).await.err().unwrap().message().to_owned(),
            Err(error) => panic!("{error}"),
        }
    };
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken_address = taken.local_addr().unwrap().to_string();
    for (from, to, said) in [
        ("token-issuer.keys.json", "mfa-devices.keys.json", "token-issuer.keys_file"),
        ("token-issuer.keys.json", "node-1.json", "token-issuer.keys_file"),
        ("token-issuer.keys.json", "nothing.json", "token-issuer.keys_file"),
        ("token-issuer.sqlite", "policy.sqlite", "migrat"),
        ("token-issuer.sqlite", "new.sqlite", "countersign migrate"),
        ("tls/token-issuer.key.pem", "tls/policy.key.pem", "token-issuer.tls.key_file"),
        ("tls/ca.pem", "tls/nothing.pem", "token-issuer.tls.authorities_file"),
        ("admins.jwks.json", "root.pub.json", "admins.jwks_file"),
        ("/witness", "/nowhere", "witness"),
        (
            &format!("127.0.0.1:{}", files.ports("token-issuer")[0]),
            &taken_address,
            "token-issuer.public.listen",
        ),
    ] {
        let told = start(from, to).await;
        assert!(told.contains(said), "{to}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_does_not_start_without_a_statement_of_its_root() {
    let files = Files::new().await;
    let refused = files.start::<MpcSignerSettings>("node-1").await.err().unwrap();
    assert!(refused.message().contains("receipts.statement_file"), "{refused}");
    stop(files.start::<TokenIssuerSettings>("token-issuer").await.unwrap()).await;
    files.state_receipt_keys().await;
    stop(files.start::<MpcSignerSettings>("node-1").await.unwrap()).await;
    // Another root.
    files.run("keys root new --out @other.json").await.unwrap();
    std::fs::copy(files.path("other.pub.json"), files.path("root.pub.json")).unwrap();
    assert!(files.start::<MpcSignerSettings>("node-1").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_dev_mode_is_refused_in_production() {
    let files = Files::new().await;
    stop(files.start::<PolicySettings>("policy").await.unwrap()).await;
    let mut settings = files.settings::<PolicySettings>("policy");
    // Not what `load` would let through; the mark says so by itself.
    settings.shared.mode = Mode::Production;
    let refused = start(&settings).await.err().unwrap();
    assert_eq!(refused.reason(), Reason::ServiceHalted);
    assert!(refused.message().contains("dev"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_end_does_not_keep_the_process() {
    let mut background = JoinSet::new();
    background.spawn(std::future::pending());
    background.spawn(async { Ok(()) });
    tokio::time::timeout(END_LIMIT * 2, end(background)).await.unwrap().unwrap();

    let mut background = JoinSet::new();
    background.spawn(async { Err(Error::internal("a defect")) });
    assert!(end(background).await.is_err());
}
