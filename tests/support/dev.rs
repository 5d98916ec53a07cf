//! `countersign dev` as a child process.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use data_encoding::BASE64;
use jose::{Algorithm, KeySet, Kind, SigningKey};
use kernel::secret::ExposeSecret as _;
use kernel::{EnvironmentId, SecretBytes};
use mpc_signer::domain::NodeDirectory;
use mpc_signer::settings::GroupSettings;
use serde::Deserialize;
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

use super::child::Running;
use super::secrets::secret;
use super::tools::{PATIENCE, countersign};

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
}

/// A running suite.
pub(crate) struct DevSuite {
    /// What it wrote down for clients.
    pub(crate) file: DevFile,
    /// What it printed when it was up.
    pub(crate) banner: String,
    /// The process. Ended before the folder goes.
    pub(crate) process: Running,
    folder: TempDir,
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
        let process = Running::start(name, &command);
        let banner = process.output_until(|line| line == READY);
        let file: DevFile = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        secret(&file.provider.key);
        secret(&file.admin.key);
        Self { file, banner, process, folder }
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

/// A connection to any address of a suite.
pub(crate) async fn connect(endpoint: &str) -> Channel {
    let endpoint = Endpoint::from_shared(endpoint.to_owned()).unwrap();
    endpoint.connect_timeout(PATIENCE).timeout(PATIENCE).connect().await.unwrap()
}

static SUITE: OnceLock<DevSuite> = OnceLock::new();

/// The suite that most tests share. Each makes users, and where it changes settings an environment, of its own.
pub(crate) fn suite() -> &'static DevSuite {
    SUITE.get_or_init(|| DevSuite::start("suite", &Options::default()))
}
