//! Roots, nodes and directories.

use jose::PublicJwk;
use mpc_signer::domain::LocalNode;

use super::*;
use crate::key_files::{EncryptionKeys, NodeFile, operator_root};
use crate::node_directory;

#[tokio::test]
async fn a_root_is_made_once_with_its_public_key_beside_it() {
    let place = Place::new();
    place.type_in("keys root new --out @root.json").await.unwrap();
    assert_eq!(mode(&place.path("root.json")), 0o600);
    let public = PublicJwk::from_json(place.text("root.pub.json").trim()).unwrap();
    assert_eq!(public, operator_root(&place.path("root.json")).unwrap().public_jwk());
    assert!(!place.text("root.pub.json").contains("\"d\""));
    // Neither is replaced.
    let (private, public) = (place.text("root.json"), place.text("root.pub.json"));
    assert!(place.type_in("keys root new --out @root.json").await.is_err());
    std::fs::remove_file(place.path("root.json")).unwrap();
    assert!(place.refused("keys root new --out @root.json").await.contains("root.pub.json"));
    assert_eq!(place.text("root.pub.json"), public);
    assert!(!private.is_empty());
}

/// Writes the entry of a node, as `keys node` prints it.
fn entry(place: &Place, identity: &str, out: &str) {
    let entry = NodeFile::read(&place.path(identity)).unwrap().entry();
    std::fs::write(place.path(out), serde_json::to_string_pretty(&entry).unwrap()).unwrap();
}

async fn three_nodes(place: &Place) {
    for number in 1..=3 {
        let line = format!(
            "keys node new --node node-{number} --identifier {number} --deployment main --out @node-{number}.json"
        );
        place.type_in(&line).await.unwrap();
        entry(place, &format!("node-{number}.json"), &format!("node-{number}.entry.json"));
    }
}

const ENTRIES: &str = "@node-1.entry.json @node-2.entry.json @node-3.entry.json";

#[tokio::test]
async fn nodes_are_pinned_in_a_directory_that_each_of_them_finds_itself_in() {
    let place = Place::new();
    three_nodes(&place).await;
    place
        .type_in(&format!("keys directory --group main --threshold 2 --out @nodes.json {ENTRIES}"))
        .await
        .unwrap();
    let directory = node_directory::read("directory_file", &place.path("nodes.json")).unwrap();
    assert_eq!((directory.group().as_str(), directory.threshold(), directory.nodes().len()), ("main", 2, 3));
    for number in 1..=3 {
        let name = format!("node-{number}");
        let identity = NodeFile::of(&place.path(&format!("{name}.json")), "main", &name).unwrap();
        LocalNode::new(identity, directory.clone()).unwrap();
    }
    for (line, what) in [
        ("keys directory --group main --threshold 1 --out @x.json", "threshold"),
        ("keys directory --group Main --threshold 2 --out @x.json", "group"),
        ("keys directory --group main --threshold 3 --out @x.json @node-1.entry.json", "nodes.id"),
        ("keys directory --group main --threshold 2 --out @x.json @node-1.json", "no entry"),
    ] {
        let message = place.refused(&format!("{line} {ENTRIES}")).await;
        assert!(message.contains(what), "{line}: {message}");
        assert!(!place.path("x.json").exists());
    }
    assert!(
        place.type_in("keys node new --node node-4 --identifier 0 --deployment main --out @x").await.is_err()
    );
}

#[tokio::test]
async fn a_node_gets_a_new_identity_and_stays_known_by_the_earlier_one() {
    let place = Place::new();
    three_nodes(&place).await;
    let old = NodeFile::read(&place.path("node-1.json")).unwrap().entry();
    place.type_in("keys node rotate @node-1.json --out @node-1.new.json").await.unwrap();
    place.type_in("keys node entry @node-1.new.json").await.unwrap();
    entry(&place, "node-1.new.json", "node-1.entry.json");
    place
        .type_in(&format!("keys directory --group main --threshold 2 --out @nodes.json {ENTRIES}"))
        .await
        .unwrap();
    let directory = node_directory::read("directory_file", &place.path("nodes.json")).unwrap();
    let node = &directory.nodes()[0];
    assert_eq!(directory.previous_keys(&node.id).len(), 1);
    assert!(place.text("nodes.json").contains(&old.signing_key));
    let identity = NodeFile::of(&place.path("node-1.new.json"), "main", "node-1").unwrap();
    LocalNode::new(identity, directory.clone()).unwrap();
    // The earlier identity serves no more.
    let earlier = NodeFile::of(&place.path("node-1.json"), "main", "node-1").unwrap();
    assert!(LocalNode::new(earlier, directory).is_err());
}

#[tokio::test]
async fn key_encryption_keys_are_made_shown_and_changed_by_their_kind_only() {
    let place = Place::new();
    place
        .type_in("keys encryption new --role mpc-signer.node-1 --deployment main --out @keys.json")
        .await
        .unwrap();
    let keys = EncryptionKeys::read(&place.path("keys.json")).unwrap();
    assert_eq!(
        (keys.owner().to_string().as_str(), keys.deployment(), keys.seals()),
        ("mpc-signer.node-1", "main", 1)
    );
    place.type_in("keys encryption prepare @keys.json").await.unwrap();
    assert_eq!(EncryptionKeys::read(&place.path("keys.json")).unwrap().seals(), 1);
    place.type_in("keys encryption activate @keys.json").await.unwrap();
    place.type_in("keys encryption rotate @keys.json").await.unwrap();
    place.type_in("keys encryption show @keys.json").await.unwrap();
    let keys = EncryptionKeys::read(&place.path("keys.json")).unwrap();
    assert_eq!((keys.seals(), keys.versions().collect::<Vec<_>>()), (3, vec![1, 2, 3]));
    place.type_in("keys root new --out @root.json").await.unwrap();
    assert!(place.refused("keys encryption rotate @root.json").await.contains("operator-root"));
    assert!(
        place
            .refused("keys encryption new --role mfa-devices --deployment M --out @y")
            .await
            .contains("deployment")
    );
    assert!(!place.path("y").exists());
}
