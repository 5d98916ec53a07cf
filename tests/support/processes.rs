//! A process per role that looks like one suite from outside: one address for users, one for each node's trail, and a file
//! for clients as `countersign dev` writes it. Everything that works on that works on these.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use data_encoding::BASE64;
use jose::{Algorithm, SigningKey};
use kernel::EnvironmentId;
use kernel::secret::ExposeSecret as _;
use serde_json::{Value, json};

use super::admin::{Admin, environment};
use super::deployment::{ADMIN_ISSUER, AUDIENCE, Deployment, NODES, Stores};
use super::dev::{DevFile, DevSuite, open};
use super::fresh;
use super::front::Front;
use super::servers::Servers;

/// The `iss` of sessions.
const PROVIDER_ISSUER: &str = "https://provider.countersign-tests.invalid";

/// Which packages a service answers for.
const PACKAGES: [(&str, &str); 5] = [
    ("/countersign.token_issuer.", "token-issuer"),
    ("/.well-known/", "token-issuer"),
    ("/countersign.mfa_devices.", "mfa-devices"),
    ("/countersign.policy.", "policy"),
    ("/countersign.waas_gateway.", "waas-gateway"),
];

/// Starts one whose processes log to `logs`-ROLE.
pub(crate) fn start(logs: &str, servers: Option<&Servers>) -> DevSuite {
    let stores = match servers {
        None => Stores::Embedded,
        Some(Servers { postgres, redis }) => {
            Stores::Servers { postgres: postgres.clone(), redis: redis.clone() }
        }
    };
    behind_fronts(Deployment::start(logs, stores))
}

/// One address in front of a deployment that runs, and an environment in it.
pub(crate) fn behind_fronts(deployment: Deployment) -> DevSuite {
    let services = PACKAGES.map(|(package, name)| (package, deployment.public_endpoint(name)));
    let mut fronts = vec![front(services.to_vec(), deployment.authority())];
    for node in NODES {
        fronts.push(front(vec![("/", deployment.public_endpoint(node))], deployment.authority()));
    }
    let provider = SigningKey::generate(Algorithm::Es256).unwrap();
    let id = EnvironmentId::random(fresh::entropy());
    let nodes: Value =
        serde_json::from_slice(&std::fs::read(deployment.path("directory.json")).unwrap()).unwrap();
    let endpoints: Vec<_> = fronts.iter().map(|front| format!("http://{}", front.address)).collect();
    let content = json!({
        "mark": "dev",
        "pid": std::process::id(),
        "endpoint": endpoints[0],
        "node_endpoints": endpoints[1..],
        "environment": id.to_string(),
        "provider": {
            "issuer": PROVIDER_ISSUER,
            "audience": AUDIENCE,
            "key": BASE64.encode(provider.to_pkcs8().unwrap().expose_secret()),
        },
        "admin": { "issuer": ADMIN_ISSUER, "audience": AUDIENCE, "key": deployment.admin_key() },
        "nodes": nodes,
    });
    let folder = tempfile::tempdir().unwrap();
    let text = serde_json::to_vec_pretty(&content).unwrap();
    let mut options = std::fs::OpenOptions::new();
    let path = folder.path().join("dev.json");
    let file = options.write(true).create_new(true).mode(0o600).open(path).unwrap();
    std::io::Write::write_all(&mut { file }, &text).unwrap();
    let file: DevFile = serde_json::from_slice(&text).unwrap();
    let suite = DevSuite::apart(file, deployment, fronts, folder);
    std::thread::scope(|scope| scope.spawn(|| make_environment(&suite, id)).join()).unwrap();
    suite
}

/// Makes the suite's environment as an administrator does. On a thread of its own, because the caller may be in a runtime.
fn make_environment(suite: &DevSuite, id: EnvironmentId) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let admin = Admin::owner(suite).await;
        // As `countersign dev` makes it, but for a relying party that production takes.
        let environment = proto::policy::Environment {
            relying_party: Some(proto::policy::RelyingParty {
                rp_id: "wallet.example".to_owned(),
                origins: vec!["https://wallet.example".to_owned()],
            }),
            factor_hold_seconds: Some(0),
            ..environment(suite, id)
        };
        let request = proto::policy::CreateEnvironmentRequest {
            environment: Some(environment),
            preset: proto::policy::Preset::Strict.into(),
            validate_only: false,
        };
        admin.policy().create_environment(admin.request(request)).await.unwrap();
    });
}

/// A front that checks the services' certificates, where they have any.
fn front(routes: Vec<(&'static str, String)>, authority: Option<PathBuf>) -> Front {
    Front::start(move || {
        routes.into_iter().map(|(start, url)| (start, open(&url, authority.as_deref()))).collect()
    })
}
