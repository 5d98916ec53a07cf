//! How a group of nodes stands in a configuration file: the same at every node, and at a client that checks exports.

use data_encoding::BASE64URL_NOPAD;
use kernel::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::domain::{Node, NodeDirectory};

/// A group of nodes. All public.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSettings {
    /// Its name: 1 to 32 lower-case letters, digits and hyphens.
    pub group: String,
    /// How many nodes must act together: at least 2 and more than half of them.
    pub threshold: u16,
    /// All its nodes.
    pub nodes: Vec<NodeSettings>,
}

/// A node of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSettings {
    /// Its id: 1 to 32 lower-case letters, digits and hyphens.
    pub id: String,
    /// Its FROST identifier, from 1. Never given to another node, also not after this one is gone.
    pub identifier: u16,
    /// Its Ed25519 public key, base64url without padding.
    pub signing_key: String,
    /// Its X25519 public key, base64url without padding.
    pub kem_key: String,
    /// The Ed25519 public keys that it had before, for what it attested with them. Never leave one out: the wallets
    /// that were made under it could not be used any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous_signing_keys: Vec<String>,
}

impl GroupSettings {
    /// The group they stand for.
    ///
    /// # Errors
    ///
    /// `INVALID_REQUEST` naming the setting; see [`NodeDirectory::new`].
    pub fn directory(&self) -> Result<NodeDirectory> {
        let group = self
            .group
            .parse()
            .map_err(|error: kernel::ids::InvalidId| Error::invalid("group", error.to_string()))?;
        let nodes = self.nodes.iter().map(NodeSettings::node).collect::<Result<Vec<_>>>()?;
        let mut directory = NodeDirectory::new(group, self.threshold, nodes.clone())?;
        for (settings, node) in self.nodes.iter().zip(nodes) {
            let previous = settings.previous_signing_keys.iter();
            let previous = previous.map(|text| key("nodes.previous_signing_keys", text));
            directory = directory.with_previous_keys(&node.id, previous.collect::<Result<_>>()?)?;
        }
        Ok(directory)
    }
}

impl From<&NodeDirectory> for GroupSettings {
    fn from(directory: &NodeDirectory) -> Self {
        Self {
            group: directory.group().to_string(),
            threshold: directory.threshold(),
            nodes: directory
                .nodes()
                .iter()
                .map(|node| NodeSettings {
                    id: node.id.to_string(),
                    identifier: node.identifier,
                    signing_key: BASE64URL_NOPAD.encode(&node.signing_key),
                    kem_key: BASE64URL_NOPAD.encode(&node.kem_key),
                    previous_signing_keys: directory
                        .previous_keys(&node.id)
                        .iter()
                        .map(|key| BASE64URL_NOPAD.encode(key))
                        .collect(),
                })
                .collect(),
        }
    }
}

impl NodeSettings {
    fn node(&self) -> Result<Node> {
        let id = self
            .id
            .parse()
            .map_err(|error: kernel::ids::InvalidId| Error::invalid("nodes.id", error.to_string()))?;
        Ok(Node {
            id,
            identifier: self.identifier,
            signing_key: key("nodes.signing_key", &self.signing_key)?,
            kem_key: key("nodes.kem_key", &self.kem_key)?,
        })
    }
}

fn key(field: &str, text: &str) -> Result<[u8; 32]> {
    let octets = BASE64URL_NOPAD.decode(text.as_bytes()).ok();
    octets
        .and_then(|octets| octets.try_into().ok())
        .ok_or_else(|| Error::invalid(field, "must be 32 octets as base64url without padding, 43 characters"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{NodeIdentity, fixtures};

    #[test]
    fn a_group_survives_its_settings() {
        let directory = fixtures::group(2, 3)[0].directory().clone();
        let settings = GroupSettings::from(&directory);
        assert_eq!(settings.directory().unwrap(), directory);
        // Without earlier keys nothing is written about them, and they need not be there.
        assert!(!serde_json::to_string(&settings).unwrap().contains("previous"));
        let other = NodeIdentity::generate(directory.nodes()[0].id.clone(), &fixtures::entropy(77)).0;
        let id = directory.nodes()[0].id.clone();
        let directory = directory.with_previous_keys(&id, vec![other.public(1).signing_key]).unwrap();
        let text = serde_json::to_string(&GroupSettings::from(&directory)).unwrap();
        let again: GroupSettings = serde_json::from_str(&text).unwrap();
        assert_eq!(again.directory().unwrap(), directory);
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let good = GroupSettings::from(fixtures::group(2, 3)[0].directory());
        let field = |change: &dyn Fn(&mut GroupSettings)| {
            let mut settings = good.clone();
            change(&mut settings);
            settings.directory().unwrap_err().violations()[0].field.clone()
        };
        assert_eq!(field(&|settings| settings.group = "Main".to_owned()), "group");
        assert_eq!(field(&|settings| settings.threshold = 1), "threshold");
        assert_eq!(field(&|settings| settings.nodes[0].id = String::new()), "nodes.id");
        assert_eq!(field(&|settings| settings.nodes[0].signing_key.push('A')), "nodes.signing_key");
        assert_eq!(field(&|settings| settings.nodes[0].kem_key.push('=')), "nodes.kem_key");
        assert_eq!(field(&|settings| settings.nodes.truncate(1)), "nodes");
        let own = good.nodes[0].signing_key.clone();
        let previous =
            |key: &str| field(&|settings| settings.nodes[1].previous_signing_keys = vec![key.to_owned()]);
        assert_eq!(previous("AAAA"), "nodes.previous_signing_keys");
        assert_eq!(previous(&own), "nodes.previous_signing_keys");
    }
}
