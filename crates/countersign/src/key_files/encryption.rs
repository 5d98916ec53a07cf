//! Key-encryption keys, which seal what a role keeps at rest.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use kernel::secret::ExposeSecret as _;
use kernel::{Entropy, Error, NodeId, Result, SecretBytes};
use serde::{Deserialize, Serialize};
use storage::Sealer;
use storage::mark::check_deployment;
use storage::sealing::KEY_LENGTH;
use zeroize::Zeroizing;

use super::document::{self, Document, Secret};
use super::refused;
use crate::roles::Role;

/// Who seals: a role that keeps secrets at rest, and of the nodes which one. Its text is the name that the database is
/// marked with too: `mfa-devices`, `mpc-signer.node-1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SealingOwner {
    role: Role,
    node: Option<NodeId>,
}

impl SealingOwner {
    /// The role.
    pub(crate) fn role(&self) -> Role {
        self.role
    }
}

impl fmt::Display for SealingOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Some(node) => write!(f, "{}.{node}", self.role),
            None => self.role.fmt(f),
        }
    }
}

impl FromStr for SealingOwner {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (role, node) = text.split_once('.').map_or((text, None), |(role, node)| (role, Some(node)));
        let role = Role::ALL.into_iter().find(|known| known.name() == role);
        match (role, node) {
            (Some(role @ (Role::MfaDevices | Role::TokenIssuer)), None) => Ok(Self { role, node: None }),
            (Some(role @ Role::MpcSigner), Some(node)) => match node.parse() {
                Ok(node) => Ok(Self { role, node: Some(node) }),
                Err(error) => Err(error.to_string()),
            },
            (Some(Role::MpcSigner), None) => {
                Err("each node has its own: say which, e.g. `mpc-signer.node-1`".to_owned())
            }
            (Some(role @ (Role::Policy | Role::WaasGateway)), _) => {
                Err(format!("{role} keeps no secrets at rest"))
            }
            _ => Err("expected `mfa-devices`, `token-issuer` or `mpc-signer.NODE`".to_owned()),
        }
    }
}

/// The file.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    kind: String,
    deployment: String,
    role: String,
    /// The version that seals. The others open.
    seals: u32,
    keys: Vec<StoredKey>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    version: u32,
    key: Secret,
}

impl Document for Stored {
    const KIND: &'static str = "key-encryption";
    const MEMBERS: &'static [&'static str] = &["kind", "deployment", "role", "seals", "keys"];
}

/// The key-encryption keys of a role.
pub(crate) struct EncryptionKeys {
    deployment: String,
    owner: SealingOwner,
    seals: u32,
    keys: Vec<(u32, SecretBytes)>,
}

impl fmt::Debug for EncryptionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptionKeys")
            .field("deployment", &self.deployment)
            .field("owner", &self.owner)
            .field("seals", &self.seals)
            .field("versions", &self.versions().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl EncryptionKeys {
    /// Reads a file, whosever it is.
    ///
    /// # Errors
    ///
    /// `INVALID_REQUEST` naming the file: others can read it, it is of another kind, or it is not whole.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        Self::checked(path, &document::read::<Stored>(path)?)
    }

    /// Reads the file of `owner`, as [`RoleSettings::owner`](crate::settings::RoleSettings::owner) says it, in a
    /// deployment.
    ///
    /// # Errors
    ///
    /// As [`Self::read`]; also when it is another role's, another node's or of another deployment.
    pub(crate) fn of(path: &Path, deployment: &str, owner: &str) -> Result<Self> {
        let keys = Self::read(path)?;
        if keys.deployment != deployment || keys.owner.to_string() != owner {
            return Err(refused(
                path,
                format!(
                    "has the keys of `{}` in deployment `{}`; this is `{owner}` in deployment `{deployment}`",
                    keys.owner, keys.deployment
                ),
            ));
        }
        Ok(keys)
    }

    fn checked(path: &Path, stored: &Stored) -> Result<Self> {
        check_deployment(&stored.deployment).map_err(|error| refused(path, error.message()))?;
        let owner = stored
            .role
            .parse()
            .map_err(|error| refused(path, format!("has a role that is none: {error}")))?;
        let mut keys: Vec<(u32, SecretBytes)> = Vec::with_capacity(stored.keys.len());
        for StoredKey { version, key } in &stored.keys {
            let right = key.octets().filter(|key| key.expose_secret().len() == KEY_LENGTH);
            let key = right.ok_or_else(|| {
                refused(
                    path,
                    format!("has a key of version {version} that is not {KEY_LENGTH} octets in base64"),
                )
            })?;
            if *version == 0 || keys.last().is_some_and(|(before, _)| before >= version) {
                return Err(refused(path, "has versions that do not ascend from 1"));
            }
            keys.push((*version, key));
        }
        if !keys.iter().any(|(version, _)| *version == stored.seals) {
            return Err(refused(path, format!("has no key of version {}, which is to seal", stored.seals)));
        }
        Ok(Self { deployment: stored.deployment.clone(), owner, seals: stored.seals, keys })
    }

    /// Makes the file of a role, with one key.
    pub(crate) fn create(
        path: &Path,
        deployment: &str,
        owner: &SealingOwner,
        entropy: &dyn Entropy,
    ) -> Result<()> {
        check_deployment(deployment)?;
        let stored = Stored {
            kind: Stored::KIND.to_owned(),
            deployment: deployment.to_owned(),
            role: owner.to_string(),
            seals: 1,
            keys: vec![StoredKey { version: 1, key: fresh(entropy) }],
        };
        document::create(path, &stored)
    }

    /// Adds the next version to a file; with `seals` it seals from now on, else it only opens. Gives its number.
    pub(crate) fn add(path: &Path, seals: bool, entropy: &dyn Entropy) -> Result<u32> {
        document::change(path, |stored: &mut Stored| {
            let keys = Self::checked(path, stored)?;
            let next =
                keys.newest().checked_add(1).ok_or_else(|| refused(path, "has no room for a version"))?;
            stored.keys.push(StoredKey { version: next, key: fresh(entropy) });
            if seals {
                stored.seals = next;
            }
            Ok(next)
        })
    }

    /// Lets the newest version seal. Gives its number.
    pub(crate) fn activate(path: &Path) -> Result<u32> {
        document::change(path, |stored: &mut Stored| {
            stored.seals = Self::checked(path, stored)?.newest();
            Ok(stored.seals)
        })
    }

    /// Takes a version out of a file. Whether anything is sealed with it still is for the caller to know.
    pub(crate) fn remove(path: &Path, version: u32) -> Result<()> {
        document::change(path, |stored: &mut Stored| {
            Self::checked(path, stored)?.check_removal(version)?;
            stored.keys.retain(|key| key.version != version);
            Ok(())
        })
    }

    /// Refuses to let a version go that seals, will seal, or is not there.
    pub(crate) fn check_removal(&self, version: u32) -> Result<()> {
        if !self.versions().any(|known| known == version) {
            return Err(Error::invalid("version", format!("{version} is not in the file")));
        }
        // A newer one stays too, so that no number is ever given to two keys.
        if version >= self.seals {
            return Err(Error::invalid(
                "version",
                format!(
                    "{version} seals, or will; make a newer one seal first (`rotate`, or `prepare` and `activate`)"
                ),
            ));
        }
        Ok(())
    }

    /// Seals and opens with them.
    pub(crate) fn sealer(self, entropy: Arc<dyn Entropy>) -> Result<Sealer> {
        Sealer::with_current(self.keys, self.seals, entropy)
    }

    /// The deployment.
    pub(crate) fn deployment(&self) -> &str {
        &self.deployment
    }

    /// Whose they are.
    pub(crate) fn owner(&self) -> &SealingOwner {
        &self.owner
    }

    /// The version that seals.
    pub(crate) fn seals(&self) -> u32 {
        self.seals
    }

    /// The versions, ascending.
    pub(crate) fn versions(&self) -> impl Iterator<Item = u32> {
        self.keys.iter().map(|(version, _)| *version)
    }

    fn newest(&self) -> u32 {
        self.versions().max().unwrap_or(self.seals)
    }
}

fn fresh(entropy: &dyn Entropy) -> Secret {
    let key = Zeroizing::new(kernel::entropy::bytes::<KEY_LENGTH>(entropy));
    Secret::new(&SecretBytes::from(key.to_vec()))
}
