//! The file by which clients on this machine find a dev suite and sign in to it: no RPC mints sessions from nothing,
//! whoever may read this file can.

use std::path::Path;

use data_encoding::BASE64;
use jose::{Algorithm, Kind, SigningKey};
use kernel::{EnvironmentId, Error, Result, SecretBytes, SecretText, Timestamp};
use mpc_signer::domain::NodeDirectory;
use mpc_signer::settings::GroupSettings;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::keys::MARK;
use crate::files;

/// What clients need.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientFile {
    /// Says what this is.
    pub(crate) mark: String,
    /// The process that wrote it.
    pub(crate) pid: u32,
    /// Where users and administrators connect.
    pub(crate) endpoint: String,
    /// Where administrators read the nodes' audit trails.
    pub(crate) node_endpoints: Vec<String>,
    /// The environment that was made at first start.
    pub(crate) environment: String,
    /// The identity provider.
    pub(crate) provider: KeyHolder,
    /// The admin provider.
    pub(crate) admin: KeyHolder,
    /// The nodes' public keys, by which an export is checked.
    pub(crate) nodes: GroupSettings,
}

/// Somebody who signs tokens.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyHolder {
    /// The `iss` of its tokens.
    pub(crate) issuer: String,
    /// The `aud` of its tokens; for the identity provider followed by the environment's id.
    pub(crate) audience: String,
    /// Its private key: ES256, PKCS #8, base64.
    key: String,
}

impl KeyHolder {
    /// With a private key as it stands in a file.
    pub(crate) fn new(issuer: &str, audience: &str, key: String) -> Self {
        Self { issuer: issuer.to_owned(), audience: audience.to_owned(), key }
    }

    fn signing_key(&self) -> Result<SigningKey> {
        let octets = BASE64.decode(self.key.as_bytes()).map_err(Error::internal)?;
        SigningKey::from_pkcs8(Algorithm::Es256, &SecretBytes::from(octets)).map_err(Error::internal)
    }

    /// The public key, as a JSON Web Key Set.
    pub(crate) fn jwks(&self) -> Result<String> {
        let keys = vec![self.signing_key()?.public_jwk()];
        Ok(jose::KeySet::from_keys(keys).map_err(Error::internal)?.to_jwks_json())
    }

    fn sign(&self, kind: Kind, claims: &serde_json::Value) -> Result<SecretText> {
        jose::sign(kind, claims, &self.signing_key()?).map_err(Error::internal)
    }
}

/// What a session says about its user.
#[derive(Clone, Debug)]
pub(crate) struct SessionOf<'a> {
    /// The user's name at the provider.
    pub(crate) name: &'a str,
    /// The session's name.
    pub(crate) session: &'a str,
    /// When the user signed in.
    pub(crate) auth_time: Timestamp,
    /// For how many seconds from now it lasts.
    pub(crate) lifetime: u32,
}

impl ClientFile {
    /// Reads the file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Err(Error::invalid(
                "dev-file",
                format!(
                    "there is none at {}; start `countersign dev` here, or say --dev-file",
                    path.display()
                ),
            ));
        }
        let file: Self = serde_json::from_slice(&files::read_private(path)?)
            .map_err(|error| Error::invalid("dev-file", error.to_string()))?;
        if file.mark != MARK {
            return Err(Error::invalid("dev-file", "is not marked `dev`"));
        }
        Ok(file)
    }

    /// Writes the file, and the folder it is in.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            files::private_folder(folder)?;
        }
        files::replace_private(path, &serde_json::to_vec_pretty(self).map_err(Error::internal)?)
    }

    /// Removes the file, unless another process has replaced it.
    pub(crate) fn remove(&self, path: &Path) {
        if Self::read(path).is_ok_and(|found| found.pid == self.pid) {
            // A file that is left behind is harmless: its keys open nothing any more.
            let _ = std::fs::remove_file(path);
        }
    }

    /// The environment that was made at first start.
    pub(crate) fn environment(&self) -> Result<EnvironmentId> {
        self.environment.parse().map_err(|_| Error::invalid("dev-file", "names no environment"))
    }

    /// The `aud` of sessions in an environment. Each has its own: a pair of issuer and audience belongs to one.
    pub(crate) fn audience(&self, environment: EnvironmentId) -> String {
        format!("{}/{environment}", self.provider.audience)
    }

    /// A session token, as the identity provider makes it.
    pub(crate) fn session(
        &self,
        environment: EnvironmentId,
        of: &SessionOf<'_>,
        now: Timestamp,
    ) -> Result<SecretText> {
        self.provider.sign(
            Kind::Session,
            &json!({
                "iss": self.provider.issuer,
                "aud": self.audience(environment),
                "sub": of.name,
                "sid": of.session,
                "iat": now.seconds(),
                "exp": now.seconds() + i64::from(of.lifetime),
                "auth_time": of.auth_time.seconds(),
            }),
        )
    }

    /// An administrator's token, good for an hour.
    pub(crate) fn admin(&self, name: &str, roles: &[String], now: Timestamp) -> Result<SecretText> {
        self.admin.sign(
            Kind::Admin,
            &json!({
                "iss": self.admin.issuer,
                "aud": self.admin.audience,
                "sub": name,
                "iat": now.seconds(),
                "exp": now.seconds() + 3600,
                "countersign_roles": roles,
            }),
        )
    }

    /// The nodes as an export is checked against.
    pub(crate) fn directory(&self) -> Result<NodeDirectory> {
        self.nodes.directory()
    }
}
