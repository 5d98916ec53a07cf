use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use kernel::{Reason, Result};
use storage::sealing::{Context, version_of};
use testkit::SeededEntropy;

use super::*;
use kernel::SecretBytes;
use std::sync::Arc;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn encryption(&self, name: &str, role: &str) -> PathBuf {
        let path = self.path(name);
        EncryptionKeys::create(&path, "main", &role.parse().unwrap(), &SeededEntropy::new(1)).unwrap();
        path
    }

    fn node(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        NodeFile::create(&path, "main", "node-1".parse().unwrap(), 1, &SeededEntropy::new(2)).unwrap();
        path
    }

    fn root(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        new_root(&path).unwrap();
        path
    }
}

/// The file with a change to its text.
fn changed(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

fn message<T>(result: Result<T>) -> String {
    let error = result.err().unwrap();
    assert_eq!(error.reason(), Reason::InvalidRequest);
    error.message().to_owned()
}

#[test]
fn a_file_is_for_its_owner_only_and_says_what_it_is() {
    let folder = Folder::new();
    for path in [folder.encryption("e", "mfa-devices"), folder.node("n"), folder.root("r")] {
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(std::fs::read_to_string(&path).unwrap().contains("\"kind\""));
    }
    assert!(EncryptionKeys::read(&folder.path("e")).is_ok());
    assert!(NodeFile::read(&folder.path("n")).is_ok());
    assert!(operator_root(&folder.path("r")).is_ok());
    // None is made in the place of another one.
    assert!(new_root(&folder.path("e")).is_err());
}

#[test]
fn a_file_of_another_kind_is_refused_by_name() {
    let folder = Folder::new();
    let (encryption, node, root) =
        (folder.encryption("e", "mfa-devices"), folder.node("n"), folder.root("r"));
    for (found, wanted, message) in [
        ("node-identity", "key-encryption", message(EncryptionKeys::read(&node))),
        ("operator-root", "key-encryption", message(EncryptionKeys::read(&root))),
        ("key-encryption", "node-identity", message(NodeFile::read(&encryption))),
        ("operator-root", "node-identity", message(NodeFile::read(&root))),
        ("key-encryption", "operator-root", message(operator_root(&encryption))),
        ("node-identity", "operator-root", message(operator_root(&node))),
    ] {
        assert!(message.contains(found) && message.contains(wanted), "{message}");
    }
}

#[test]
fn a_file_of_somebody_else_is_refused_by_name() {
    let folder = Folder::new();
    let path = folder.encryption("e", "mpc-signer.node-1");
    assert!(EncryptionKeys::of(&path, "main", "mpc-signer.node-1").is_ok());
    for (deployment, owner) in [
        ("main", "mpc-signer.node-2"),
        ("main", "mfa-devices"),
        ("other", "mpc-signer.node-1"),
        ("main", "mpc-signer"),
    ] {
        let message = message(EncryptionKeys::of(&path, deployment, owner));
        assert!(message.contains(deployment) && message.contains(owner), "{message}");
        assert!(message.contains("mpc-signer.node-1") && message.contains("`main`"), "{message}");
    }
    let path = folder.node("n");
    assert!(NodeFile::of(&path, "main", "node-1").is_ok());
    for (deployment, node) in [("main", "node-2"), ("other", "node-1")] {
        let message = message(NodeFile::of(&path, deployment, node));
        assert!(message.contains(deployment) && message.contains(node), "{message}");
    }
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    let folder = Folder::new();
    let (encryption, node, root) =
        (folder.encryption("e", "token-issuer"), folder.node("n"), folder.root("r"));
    for mode in [0o640, 0o604, 0o620, 0o602, 0o610] {
        for path in [&encryption, &node, &root] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        assert!(message(EncryptionKeys::read(&encryption)).contains("chmod 600"));
        assert!(message(NodeFile::read(&node)).contains("chmod 600"));
        assert!(message(operator_root(&root)).contains("chmod 600"));
        assert!(EncryptionKeys::add(&encryption, true, &SeededEntropy::new(3)).is_err());
    }
}

#[test]
fn what_is_not_whole_is_refused_and_nothing_of_it_is_repeated() {
    let long = "A".repeat(44);
    let key = "\"key\": \"";
    for (from, to, said) in [
        ("\"deployment\"", "\"deploymemt\"", "deploymemt"),
        ("\"kind\": \"key-encryption\"", "\"kind\": 1", "type"),
        ("\"kind\": \"key-encryption\",", "", "key-encryption"),
        ("\"version\": 1,", "\"version\": 1, \"extra\": 1,", "unknown"),
        ("\"version\": 1,", "\"version\": 0,", "ascend"),
        ("\"seals\": 1", "\"seals\": 2", "version 2"),
        ("\"seals\": 1", "\"seals\": 1, \"seals\": 1", "repeated"),
        ("\"role\": \"mfa-devices\"", "\"role\": \"policy\"", "policy"),
        ("\"deployment\": \"main\"", "\"deployment\": \"Main\"", "deployment"),
        (key, &format!("{key}{long}"), "32 octets"),
        (key, "\"key\": \"!", "32 octets"),
        (key, "\"key\": \"\", \"was\": \"", "unknown"),
        ("}", "", "not JSON"),
        ("]\n}", "", "early"),
        ("{", "[", "JSON"),
    ] {
        let folder = Folder::new();
        let path = folder.encryption("e", "mfa-devices");
        let secret = std::fs::read_to_string(&path).unwrap().split(key).nth(1).unwrap()[..20].to_owned();
        changed(&path, from, to);
        let message = message(EncryptionKeys::read(&path));
        assert!(message.contains(said) || from == "{", "{from}: {message}");
        assert!(!message.contains(&secret), "{message}");
    }
    // Short keys.
    let folder = Folder::new();
    let path = folder.encryption("e", "mfa-devices");
    let text = std::fs::read_to_string(&path).unwrap();
    let encoded = text.split(key).nth(1).unwrap().split('"').next().unwrap().to_owned();
    changed(&path, &encoded, "AAAAAAAAAAAAAAAAAAAAAA==");
    assert!(message(EncryptionKeys::read(&path)).contains("32 octets"));
    let path = folder.node("n");
    changed(&path, "\"identity\": \"", "\"identity\": \"AAAA");
    assert!(message(NodeFile::read(&path)).contains("64 octets"));
    let path = folder.root("r");
    changed(&path, "\"private_key\": \"", "\"private_key\": \"AAAA");
    assert!(message(operator_root(&path)).contains("Ed25519"));
}

#[test]
fn nothing_secret_is_printed() {
    let folder = Folder::new();
    let keys = EncryptionKeys::read(&folder.encryption("e", "mpc-signer.node-1")).unwrap();
    let node = NodeFile::read(&folder.node("n")).unwrap();
    assert_eq!(
        format!("{keys:?}"),
        "EncryptionKeys { deployment: \"main\", owner: SealingOwner { role: MpcSigner, node: Some(NodeId(\"node-1\")) }, \
         seals: 1, versions: [1], .. }"
    );
    assert_eq!(format!("{node:?}"), "NodeFile { deployment: \"main\", node: NodeId(\"node-1\"), .. }");
}

#[test]
fn versions_are_added_activated_and_removed_in_place() {
    let folder = Folder::new();
    let path = folder.encryption("e", "mfa-devices");
    let entropy = SeededEntropy::new(5);
    let sealer = || EncryptionKeys::read(&path).unwrap().sealer(Arc::new(SeededEntropy::new(6))).unwrap();
    let place = Context { column: "a.b", row: b"1" };
    let seal = || sealer().seal(place, &SecretBytes::from(b"secret".to_vec())).unwrap();
    let first = seal();
    assert_eq!(version_of(&first), Some(1));
    // Prepared: opens, does not seal.
    assert_eq!(EncryptionKeys::add(&path, false, &entropy).unwrap(), 2);
    assert_eq!(version_of(&seal()), Some(1));
    assert_eq!(EncryptionKeys::activate(&path).unwrap(), 2);
    let second = seal();
    assert_eq!(version_of(&second), Some(2));
    assert_eq!(EncryptionKeys::add(&path, true, &entropy).unwrap(), 3);
    assert_eq!(version_of(&seal()), Some(3));
    assert!(sealer().open(place, &first).is_ok() && sealer().open(place, &second).is_ok());
    // What seals stays, and what will seal; what is not there cannot go.
    for version in [3, 9] {
        assert!(EncryptionKeys::remove(&path, version).is_err());
    }
    assert_eq!(EncryptionKeys::add(&path, false, &entropy).unwrap(), 4);
    assert!(EncryptionKeys::remove(&path, 4).is_err());
    EncryptionKeys::remove(&path, 1).unwrap();
    assert!(sealer().open(place, &first).is_err() && sealer().open(place, &second).is_ok());
    // A number is never used again.
    assert_eq!(EncryptionKeys::add(&path, true, &entropy).unwrap(), 5);
    assert_eq!(EncryptionKeys::read(&path).unwrap().versions().collect::<Vec<_>>(), [2, 3, 4, 5]);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(folder.0.path()).unwrap().count(), 1);
}

#[test]
fn of_many_rotations_at_once_none_is_lost() {
    let folder = Folder::new();
    let path = folder.encryption("e", "mfa-devices");
    let workers: Vec<_> = (0..16)
        .map(|number| {
            let path = path.clone();
            std::thread::spawn(move || {
                EncryptionKeys::add(&path, true, &SeededEntropy::new(100 + number)).unwrap()
            })
        })
        .collect();
    let mut made: Vec<_> = workers.into_iter().map(|worker| worker.join().unwrap()).collect();
    made.sort_unstable();
    assert_eq!(made, (2..=17).collect::<Vec<_>>());
    assert_eq!(EncryptionKeys::read(&path).unwrap().versions().count(), 17);
}

#[test]
fn a_node_that_gets_a_new_identity_remembers_the_earlier_ones() {
    let folder = Folder::new();
    let first = NodeFile::read(&folder.node("1")).unwrap();
    let second = first.succeed(&folder.path("2"), &SeededEntropy::new(3)).unwrap();
    second.succeed(&folder.path("3"), &SeededEntropy::new(4)).unwrap();
    let third = NodeFile::read(&folder.path("3")).unwrap().entry();
    let (one, two) = (first.entry(), second.entry());
    assert_eq!(third.previous_signing_keys, [one.signing_key, two.signing_key]);
    assert_eq!((third.id.as_str(), third.identifier), ("node-1", 1));
    assert!(third.kem_key != one.kem_key && third.kem_key != two.kem_key);
}

#[test]
fn only_who_keeps_secrets_has_keys_for_them() {
    for good in ["mfa-devices", "token-issuer", "mpc-signer.node-1"] {
        assert_eq!(good.parse::<SealingOwner>().unwrap().to_string(), good);
    }
    for bad in
        ["policy", "waas-gateway", "mpc-signer", "mpc-signer.", "mpc-signer.Node", "mfa-devices.x", "", "x"]
    {
        assert!(bad.parse::<SealingOwner>().is_err(), "{bad}");
    }
}
