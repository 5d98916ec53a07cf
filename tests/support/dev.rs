//! The suite that tests call: `countersign dev` as a child process, or a process per role behind one address.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use data_encoding::BASE64;
use jose::{Algorithm, KeySet, Kind, SigningKey};
use kernel::secret::ExposeSecret as _;
use kernel::{EnvironmentId, SecretBytes};
use mpc_signer::domain::NodeDirectory;
use mpc_signer::settings::GroupSettings;
use runtime::SystemClock;
use runtime::channel::{self, ChannelSettings};
use runtime::tls::Credentials;
use serde::Deserialize;
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

use super::child::Running;
use super::deployment::Deployment;
use super::front::Front;
use super::processes;
use super::secrets::secret;
use super::servers::{self, Servers};
use super::tools::{PATIENCE, SUITE, countersign, said};

/// The last line of what a suite says when it is up.
const READY: &str = "Stop with Ctrl-C.";

/// What a suite writes down for clients.
#[derive(Deserialize)]
pub(crate) struct DevFile {
    pub(crate) pid: u32,
    pub(crate) endpoint: String,
    pub(crate) node_endpoints: Vec<String>,
    environment: String,
    pub(crate) provider: KeyHolder,
    pub(crate) admin: KeyHolder,
    nodes: GroupSettings,
}

/// Somebody who signs tokens.
#[derive(Deserialize)]
pub(crate) struct KeyHolder {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    key: String,
}

impl KeyHolder {
    /// Signs any claims as a token of any kind.
    pub(crate) fn sign(&self, kind: Kind, claims: &serde_json::Value) -> String {
        secret(jose::sign(kind, claims, &self.key()).unwrap().expose_secret())
    }

    /// The private key.
    pub(crate) fn key(&self) -> SigningKey {
        let octets = BASE64.decode(self.key.as_bytes()).unwrap();
        SigningKey::from_pkcs8(Algorithm::Es256, &SecretBytes::from(octets)).unwrap()
    }

    /// The public key, as a JSON Web Key Set.
    pub(crate) fn jwks(&self) -> String {
        KeySet::from_keys(vec![self.key().public_jwk()]).unwrap().to_jwks_json()
    }
}

/// How a suite is started.
#[derive(Default)]
pub(crate) struct Options<'a> {
    /// Where it keeps its state; nowhere by default.
    pub(crate) data: Option<&'a Path>,
    /// Settings beside those for its logs.
    pub(crate) variables: &'a [(&'a str, &'a str)],
    /// Servers to keep state in, in place of files and memory.
    pub(crate) servers: Option<&'a Servers>,
}

/// A running suite.
pub(crate) struct DevSuite {
    /// What it wrote down for clients.
    pub(crate) file: DevFile,
    /// What it printed when it was up.
    pub(crate) banner: String,
    host: Host,
    folder: TempDir,
}

/// What runs. Ended before the folder goes.
enum Host {
    /// One process has it all.
    Together(Running),
    /// A process per role, behind addresses of their own.
    Apart { deployment: Box<Deployment>, _fronts: Vec<Front> },
}

impl DevSuite {
    /// Starts one, which logs to `name`. When this returns, it answers.
    pub(crate) fn start(name: &str, options: &Options<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dev.json");
        let mut command = countersign();
        command.args(["dev", "--listen", "127.0.0.1:0", "--dev-file"]).arg(&path);
        command.env("COUNTERSIGN__LOG__LEVEL", "debug").env("COUNTERSIGN__LOG__FORMAT", "json");
        command.envs(options.variables.iter().copied());
        if let Some(data) = options.data {
            command.arg("--data").arg(data);
        }
        if let Some(servers) = options.servers {
            command.env("COUNTERSIGN__STORES__DATABASE", &servers.postgres);
            command.env("COUNTERSIGN__STORES__REDIS__URL", &servers.redis);
            if options.data.is_none() {
                command.arg("--data").arg(folder.path().join("data"));
            }
        }
        let process = Running::start(name, &command);
        let banner = process.output_until(|line| line == READY);
        let file: DevFile = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        Self::new(file, banner, Host::Together(process), folder)
    }

    /// Of processes that run.
    pub(crate) fn apart(file: DevFile, deployment: Deployment, fronts: Vec<Front>, folder: TempDir) -> Self {
        Self::new(
            file,
            String::new(),
            Host::Apart { deployment: Box::new(deployment), _fronts: fronts },
            folder,
        )
    }

    fn new(file: DevFile, banner: String, host: Host, folder: TempDir) -> Self {
        secret(&file.provider.key);
        secret(&file.admin.key);
        Self { file, banner, host, folder }
    }

    /// The one process that it is.
    pub(crate) fn process(&mut self) -> &mut Running {
        match &mut self.host {
            Host::Together(process) => process,
            Host::Apart { .. } => panic!("this suite is many processes"),
        }
    }

    /// The processes, if it is more than one.
    pub(crate) fn deployment(&self) -> Option<&Deployment> {
        match &self.host {
            Host::Together(_) => None,
            Host::Apart { deployment, .. } => Some(deployment),
        }
    }

    /// The listeners for users, each with the packages whose services are there: one for all, or one for each role.
    pub(crate) fn listeners(&self) -> Vec<Listener> {
        match &self.host {
            Host::Together(_) => {
                vec![Listener {
                    url: self.file.endpoint.clone(),
                    authority: None,
                    packages: PACKAGES.to_vec(),
                }]
            }
            Host::Apart { deployment, .. } => PACKAGES
                .iter()
                .map(|package| Listener {
                    url: deployment.public_endpoint(&package.replace('_', "-")),
                    authority: deployment.authority(),
                    packages: vec![package],
                })
                .collect(),
        }
    }

    /// The file that the suite wrote for clients.
    pub(crate) fn dev_file(&self) -> PathBuf {
        self.folder.path().join("dev.json")
    }

    /// The environment that it made at its first start.
    pub(crate) fn environment(&self) -> EnvironmentId {
        self.file.environment.parse().unwrap()
    }

    /// The nodes, by which exports are checked.
    pub(crate) fn directory(&self) -> NodeDirectory {
        self.file.nodes.directory().unwrap()
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        self.file.endpoint.strip_prefix("http://").unwrap()
    }

    /// A connection for users and administrators. Belongs to the test that opens it.
    pub(crate) async fn connect(&self) -> Channel {
        connect(&self.file.endpoint).await
    }
}

/// The packages that users and administrators call.
const PACKAGES: [&str; 4] = ["policy", "mfa_devices", "token_issuer", "waas_gateway"];

/// A listener for users.
pub(crate) struct Listener {
    url: String,
    authority: Option<PathBuf>,
    packages: Vec<&'static str>,
}

impl Listener {
    /// Whether it has a service.
    pub(crate) fn has(&self, service: &str) -> bool {
        self.packages.iter().any(|package| service.starts_with(&format!("countersign.{package}.")))
    }

    /// A connection straight to it.
    pub(crate) fn connect(&self) -> Channel {
        open(&self.url, self.authority.as_deref())
    }
}

/// A connection that is made when it is needed and checks the certificate, where an authority is named.
pub(crate) fn open(url: &str, authority: Option<&Path>) -> Channel {
    let Some(file) = authority else {
        return Endpoint::from_shared(url.to_owned()).unwrap().connect_timeout(PATIENCE).connect_lazy();
    };
    let credentials = Credentials::client("authority", file, Arc::new(SystemClock)).unwrap();
    let settings = ChannelSettings { url: url.to_owned(), ..ChannelSettings::default() };
    channel::connect("service", &settings, credentials).unwrap()
}

/// A connection to any address of a suite.
pub(crate) async fn connect(endpoint: &str) -> Channel {
    let endpoint = Endpoint::from_shared(endpoint.to_owned()).unwrap();
    endpoint.connect_timeout(PATIENCE).timeout(PATIENCE).connect().await.unwrap()
}

static SHARED: OnceLock<DevSuite> = OnceLock::new();

/// The suite that most tests share: which one says the variable `COUNTERSIGN_TEST_SUITE`. Each test makes users, and
/// where it changes settings an environment, of its own.
pub(crate) fn suite() -> &'static DevSuite {
    SHARED.get_or_init(|| match said(SUITE).as_deref() {
        None | Some("all-in-one") => DevSuite::start("suite", &Options::default()),
        Some("all-in-one-on-servers") => {
            let servers = servers::fresh();
            DevSuite::start("suite-on-servers", &Options { servers: Some(&servers), ..Options::default() })
        }
        Some("processes") => processes::start("apart", None),
        Some("processes-on-servers") => processes::start("apart-on-servers", Some(&servers::fresh())),
        Some(other) => panic!("{SUITE} is `{other}`, which is no suite"),
    })
}
