//! The throw-away keys of a dev suite: made at random, kept only where `--data` asks for it.

use std::path::Path;

use data_encoding::BASE64;
use jose::{Algorithm, SigningKey};
use kernel::secret::ExposeSecret as _;
use kernel::{Entropy, EnvironmentId, Error, NodeId, Result, SecretBytes};
use mpc_signer::domain::NodeIdentity;
use serde::{Deserialize, Serialize};

use crate::files;

/// How many nodes a dev suite has.
pub(crate) const NODES: u16 = 3;

/// How many of them must act together.
pub(crate) const THRESHOLD: u16 = 2;

/// The group's name.
pub(crate) const GROUP: &str = "dev";

/// The keys of everybody in a dev suite.
pub(crate) struct DevKeys {
    /// The environment that is made at first start.
    pub(crate) environment: EnvironmentId,
    /// The admin provider's key.
    pub(crate) admin: SigningKey,
    /// The operator root, which vouches for receipt keys.
    pub(crate) operator_root: SigningKey,
    /// The key-encryption key of each database, in the order of [`ROLES`].
    pub(crate) key_encryption: Vec<SecretBytes>,
    /// The nodes' identities.
    pub(crate) nodes: Vec<NodeIdentity>,
    stored: Stored,
}

/// Who has a key-encryption key: the services that keep secrets at rest, then the nodes.
pub(crate) const SEALERS: usize = 2 + NODES as usize;

/// How they stand in the file.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    /// Says what this is. `serve` refuses data that has it.
    mark: String,
    environment: String,
    provider: String,
    admin: String,
    operator_root: String,
    key_encryption: Vec<String>,
    nodes: Vec<String>,
}

/// The mark of everything that dev mode writes.
pub(crate) const MARK: &str = "dev";

impl DevKeys {
    /// Those in `folder`, or fresh ones, which are then kept there.
    pub(crate) fn load_or_make(folder: &Path, entropy: &dyn Entropy) -> Result<Self> {
        let file = folder.join("dev-keys.json");
        if file.exists() {
            let stored: Stored = serde_json::from_slice(&files::read_private(&file)?)
                .map_err(|error| Error::invalid(file.display().to_string(), error.to_string()))?;
            return Self::open(stored);
        }
        let keys = Self::make(entropy)?;
        let text = serde_json::to_vec_pretty(&keys.stored).map_err(Error::internal)?;
        files::create_private(&file, &text)?;
        Ok(keys)
    }

    fn make(entropy: &dyn Entropy) -> Result<Self> {
        let signing = |algorithm| -> Result<String> {
            let key = SigningKey::generate(algorithm).map_err(Error::internal)?;
            Ok(BASE64.encode(key.to_pkcs8().map_err(Error::internal)?.expose_secret()))
        };
        let random = |_| BASE64.encode(&kernel::entropy::bytes::<32>(entropy));
        let node = |index| -> Result<String> {
            let (_, octets) = NodeIdentity::generate(node_id(index)?, entropy);
            Ok(BASE64.encode(octets.expose_secret()))
        };
        Self::open(Stored {
            mark: MARK.to_owned(),
            environment: EnvironmentId::random(entropy).to_string(),
            provider: signing(Algorithm::Es256)?,
            admin: signing(Algorithm::Es256)?,
            operator_root: signing(Algorithm::EdDsa)?,
            key_encryption: (0..SEALERS).map(random).collect(),
            nodes: (1..=NODES).map(node).collect::<Result<_>>()?,
        })
    }

    fn open(stored: Stored) -> Result<Self> {
        if stored.mark != MARK {
            return Err(Error::invalid("dev-keys.json", "is not marked `dev`"));
        }
        let octets = |text: &str| -> Result<SecretBytes> {
            let octets = BASE64.decode(text.as_bytes());
            octets.map(SecretBytes::from).map_err(|_| Error::invalid("dev-keys.json", "is not whole"))
        };
        let signing = |algorithm, text: &str| {
            SigningKey::from_pkcs8(algorithm, &octets(text)?).map_err(Error::internal)
        };
        let nodes = (1..=NODES)
            .zip(&stored.nodes)
            .map(|(index, text)| NodeIdentity::from_octets(node_id(index)?, &octets(text)?))
            .collect::<Result<Vec<_>>>()?;
        let key_encryption =
            stored.key_encryption.iter().map(|text| octets(text)).collect::<Result<Vec<_>>>()?;
        if nodes.len() != usize::from(NODES) || key_encryption.len() != SEALERS {
            return Err(Error::invalid("dev-keys.json", "is not whole"));
        }
        Ok(Self {
            environment: stored
                .environment
                .parse()
                .map_err(|_| Error::invalid("dev-keys.json", "is not whole"))?,
            admin: signing(Algorithm::Es256, &stored.admin)?,
            operator_root: signing(Algorithm::EdDsa, &stored.operator_root)?,
            key_encryption,
            nodes,
            stored,
        })
    }

    /// The identity provider's private key, for the file that clients read.
    pub(crate) fn provider_for_clients(&self) -> String {
        self.stored.provider.clone()
    }

    /// The admin provider's private key, for the file that clients read.
    pub(crate) fn admin_for_clients(&self) -> String {
        self.stored.admin.clone()
    }
}

fn node_id(index: u16) -> Result<NodeId> {
    format!("node-{index}").parse().map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_keys_are_the_same_after_a_restart_and_fresh_ones_differ() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let entropy = runtime::OsEntropy::new();
        let first = DevKeys::load_or_make(one.path(), &entropy).unwrap();
        let again = DevKeys::load_or_make(one.path(), &entropy).unwrap();
        let other = DevKeys::load_or_make(two.path(), &entropy).unwrap();
        assert_eq!(first.admin.key_id(), again.admin.key_id());
        assert_eq!(first.environment, again.environment);
        assert_ne!(first.admin.key_id(), other.admin.key_id());
        assert_ne!(first.environment, other.environment);
        assert_ne!(first.stored.key_encryption[0], first.stored.key_encryption[1]);
    }
}
