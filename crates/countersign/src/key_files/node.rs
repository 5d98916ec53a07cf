//! The identity of a node: the keys by which the others know it.

use std::fmt;
use std::path::Path;

use data_encoding::BASE64URL_NOPAD;
use kernel::{Entropy, Error, NodeId, Result};
use mpc_signer::domain::{MAX_PREVIOUS_KEYS, NodeIdentity};
use mpc_signer::settings::NodeSettings;
use serde::{Deserialize, Serialize};
use storage::mark::check_deployment;

use super::document::{self, Document, Secret};
use super::refused;

/// The file.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    kind: String,
    deployment: String,
    node: String,
    identifier: u16,
    /// An Ed25519 seed and an X25519 private key.
    identity: Secret,
    /// The public signing keys that the node had before, base64url.
    previous_signing_keys: Vec<String>,
}

impl Document for Stored {
    const KIND: &'static str = "node-identity";
    const MEMBERS: &'static [&'static str] =
        &["kind", "deployment", "node", "identifier", "identity", "previous_signing_keys"];
}

/// A node's private identity, and what the directory says about it.
pub(crate) struct NodeFile {
    deployment: String,
    identity: NodeIdentity,
    identifier: u16,
    previous: Vec<String>,
}

impl fmt::Debug for NodeFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeFile")
            .field("deployment", &self.deployment)
            .field("node", self.identity.id())
            .finish_non_exhaustive()
    }
}

impl NodeFile {
    /// Makes the file of a node.
    pub(crate) fn create(
        path: &Path,
        deployment: &str,
        node: NodeId,
        identifier: u16,
        entropy: &dyn Entropy,
    ) -> Result<Self> {
        check_deployment(deployment)?;
        if identifier == 0 {
            return Err(Error::invalid("identifier", "must be from 1 to 65535"));
        }
        Self::write(path, deployment, node, identifier, Vec::new(), entropy)
    }

    /// Makes the file of the same node with a new identity, which remembers the earlier one.
    pub(crate) fn succeed(&self, path: &Path, entropy: &dyn Entropy) -> Result<Self> {
        let mut previous = self.previous.clone();
        previous.push(self.entry().signing_key);
        if previous.len() > MAX_PREVIOUS_KEYS {
            return Err(Error::invalid(
                "previous_signing_keys",
                format!("would be more than {MAX_PREVIOUS_KEYS}; the node must be replaced by another one"),
            ));
        }
        let node = self.identity.id().clone();
        Self::write(path, &self.deployment, node, self.identifier, previous, entropy)
    }

    fn write(
        path: &Path,
        deployment: &str,
        node: NodeId,
        identifier: u16,
        previous: Vec<String>,
        entropy: &dyn Entropy,
    ) -> Result<Self> {
        let (identity, octets) = NodeIdentity::generate(node, entropy);
        let stored = Stored {
            kind: Stored::KIND.to_owned(),
            deployment: deployment.to_owned(),
            node: identity.id().to_string(),
            identifier,
            identity: Secret::new(&octets),
            previous_signing_keys: previous.clone(),
        };
        document::create(path, &stored)?;
        Ok(Self { deployment: deployment.to_owned(), identity, identifier, previous })
    }

    /// Reads a file, whosever it is.
    ///
    /// # Errors
    ///
    /// `INVALID_REQUEST` naming the file: others can read it, it is of another kind, or it is not whole.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let stored: Stored = document::read(path)?;
        check_deployment(&stored.deployment).map_err(|error| refused(path, error.message()))?;
        let node = stored.node.parse().map_err(|error| refused(path, error))?;
        if stored.identifier == 0 {
            return Err(refused(path, "has an identifier that is not from 1 to 65535"));
        }
        let octets = stored.identity.octets();
        let octets = octets.ok_or_else(|| refused(path, "has an identity that is not base64"))?;
        let identity = NodeIdentity::from_octets(node, &octets)
            .map_err(|_| refused(path, "has an identity that is not 64 octets long"))?;
        Ok(Self {
            deployment: stored.deployment,
            identity,
            identifier: stored.identifier,
            previous: stored.previous_signing_keys,
        })
    }

    /// Reads the identity of `node` in a deployment.
    ///
    /// # Errors
    ///
    /// As [`Self::read`]; also when it is another node's or of another deployment.
    pub(crate) fn of(path: &Path, deployment: &str, node: &str) -> Result<NodeIdentity> {
        let file = Self::read(path)?;
        if file.deployment != deployment || file.identity.id().as_str() != node {
            return Err(refused(
                path,
                format!(
                    "is the identity of node `{}` in deployment `{}`; this is node `{node}` in deployment `{deployment}`",
                    file.identity.id(),
                    file.deployment
                ),
            ));
        }
        Ok(file.identity)
    }

    /// What the directory of the nodes says about it. Public.
    pub(crate) fn entry(&self) -> NodeSettings {
        let node = self.identity.public(self.identifier);
        NodeSettings {
            id: node.id.to_string(),
            identifier: node.identifier,
            signing_key: BASE64URL_NOPAD.encode(&node.signing_key),
            kem_key: BASE64URL_NOPAD.encode(&node.kem_key),
            previous_signing_keys: self.previous.clone(),
        }
    }
}
