use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use runtime::tls::{Credentials, PublicTlsSettings, TlsSettings};

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("certs").join(name)
    }

    fn options(&self, deployment: &str) -> CertsOptions {
        CertsOptions { deployment: deployment.to_owned(), out: self.path(""), days: 30, nodes: Vec::new() }
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn tls(&self, name: &str) -> TlsSettings {
        TlsSettings {
            certificate_file: self.path(&format!("{name}.pem")),
            key_file: self.path(&format!("{name}.key.pem")),
            authorities_file: self.path("ca.pem"),
        }
    }

    /// As a process of the role takes them.
    fn credentials(&self, name: &str) -> Result<Arc<Credentials>> {
        Credentials::peer("tls", &self.tls(name), Arc::new(SystemClock))
    }
}

const NAMES: [&str; 7] =
    ["policy", "mfa-devices", "token-issuer", "waas-gateway", "node-1", "node-2", "node-3"];

#[test]
fn every_role_and_node_gets_a_certificate_that_the_others_accept() {
    let folder = Folder::new();
    run(&folder.options("main")).unwrap();
    for name in NAMES {
        let credentials = folder.credentials(name).unwrap();
        let dns = format!("{name}.main.countersign.internal");
        assert_eq!(credentials.names(), [dns.as_str(), "localhost"]);
        let days = credentials.expires().unwrap().since(SystemClock.now()).as_secs() / 86_400;
        assert!((29..=30).contains(&days), "{days}");
        let public = PublicTlsSettings {
            certificate_file: folder.tls(name).certificate_file,
            key_file: folder.tls(name).key_file,
        };
        Credentials::public("public.tls", &public, Arc::new(SystemClock)).unwrap();
    }
    for key in NAMES.iter().chain(&["ca"]) {
        let mode = std::fs::metadata(folder.path(&format!("{key}.key.pem"))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
    // One's key does not go with another's certificate.
    let swapped = TlsSettings { key_file: folder.path("node-2.key.pem"), ..folder.tls("node-1") };
    assert!(Credentials::peer("tls", &swapped, Arc::new(SystemClock)).is_err());
}

#[test]
fn run_again_it_renews_under_the_same_authority() {
    let folder = Folder::new();
    run(&folder.options("main")).unwrap();
    let (authority, old, key) =
        (folder.text("ca.pem"), folder.text("policy.pem"), folder.text("policy.key.pem"));
    let extra = CertsOptions { nodes: vec!["node-9".parse().unwrap()], days: 7, ..folder.options("main") };
    run(&extra).unwrap();
    assert_eq!(folder.text("ca.pem"), authority);
    assert_ne!(folder.text("policy.pem"), old);
    assert_ne!(folder.text("policy.key.pem"), key);
    for name in ["policy", "node-9", "node-1"] {
        folder.credentials(name).unwrap();
    }
    let end = folder.credentials("policy").unwrap().expires().unwrap();
    assert!(end < SystemClock.now().plus(Duration::from_secs(8 * 86_400)));
}

#[test]
fn certificates_of_another_run_are_strangers() {
    let (one, two) = (Folder::new(), Folder::new());
    run(&one.options("main")).unwrap();
    run(&two.options("main")).unwrap();
    let mixed = TlsSettings { authorities_file: two.path("ca.pem"), ..one.tls("policy") };
    assert!(Credentials::peer("tls", &mixed, Arc::new(SystemClock)).is_err());
}

#[test]
fn an_authority_that_is_not_this_deployments_or_not_whole_is_refused() {
    let folder = Folder::new();
    run(&folder.options("main")).unwrap();
    let message = |folder: &Folder, deployment: &str| {
        run(&folder.options(deployment)).unwrap_err().message().to_owned()
    };
    assert!(message(&folder, "other").contains("another deployment"));
    assert!(message(&folder, "Main").contains("deployment"));
    let stranger = Folder::new();
    run(&stranger.options("main")).unwrap();
    std::fs::copy(stranger.path("ca.pem"), folder.path("ca.pem")).unwrap();
    assert!(message(&folder, "main").contains("is not the certificate of the key"));
    std::fs::write(folder.path("ca.pem"), "nothing").unwrap();
    assert!(message(&folder, "main").contains("is no certificate"));
    std::fs::remove_file(folder.path("ca.pem")).unwrap();
    assert!(message(&folder, "main").contains("only one of"));
}
