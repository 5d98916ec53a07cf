//! TLS to Redis: rustls, the server's name always verified.

use std::path::Path;
use std::sync::Arc;

use kernel::{Error, Result};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsConnector;

use super::settings::RedisTls;
use crate::guarded_file::{self, Kind};

/// A longer file is not a private key.
const MAX_KEY: u64 = 64 * 1024;

/// A longer file is no bundle of certificates.
const MAX_CERTIFICATES: u64 = 1024 * 1024;

/// What connections are protected with, from the files as they are now. Reads them, so it blocks.
pub(super) fn connector(settings: &RedisTls) -> Result<TlsConnector> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(Error::internal)?
        .with_root_certificates(authorities(settings.ca_file.as_deref())?);
    let config = match (&settings.certificate_file, &settings.key_file) {
        (Some(certificate), Some(key)) => {
            let chain = certificates("redis.tls.certificate_file", certificate, Kind::Public)?;
            let key = private_key("redis.tls.key_file", key)?;
            config.with_client_auth_cert(chain, key).map_err(|error| {
                Error::invalid("redis.tls.certificate_file", format!("does not go with its key: {error}"))
            })?
        }
        _ => config.with_no_client_auth(),
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

fn authorities(file: Option<&Path>) -> Result<RootCertStore> {
    let Some(file) = file else {
        return Ok(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() });
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates("redis.tls.ca_file", file, Kind::Anchor)? {
        roots.add(certificate).map_err(|error| refused("redis.tls.ca_file", file, &error))?;
    }
    Ok(roots)
}

fn private_key(setting: &'static str, file: &Path) -> Result<PrivateKeyDer<'static>> {
    let pem = guarded_file::octets(setting, file, MAX_KEY, Kind::Secret)?;
    // The parser's own words might repeat what is in the file.
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| refused(setting, file, &"has no private key as PEM"))
}

/// All certificates of a PEM file, of which there must be one.
fn certificates(setting: &'static str, file: &Path, kind: Kind) -> Result<Vec<CertificateDer<'static>>> {
    let pem = guarded_file::octets(setting, file, MAX_CERTIFICATES, kind)?;
    let found = CertificateDer::pem_slice_iter(&pem)
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|error| refused(setting, file, &error))?;
    if found.is_empty() {
        return Err(Error::invalid(setting, format!("{}: has no certificate", file.display())));
    }
    Ok(found)
}

fn refused(setting: &'static str, file: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::invalid(setting, format!("{}: {why}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_private_key_that_does_not_parse_is_not_repeated_and_an_open_one_is_refused() {
        let folder = testkit::folder();
        let file = folder.path().join("key.pem");
        // A key that lost its line ends: the parser takes all of it for the name of a section.
        std::fs::write(&file, "-----BEGIN PRIVATE KEY-----MIGHAgEAsecret-----END PRIVATE KEY-----\n")
            .unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let error = private_key("redis.tls.key_file", &file).unwrap_err();
        assert!(error.message().contains("redis.tls.key_file"), "{error}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = private_key("redis.tls.key_file", &file).unwrap_err();
        assert!(error.message().contains("chmod 600"), "{error}");
    }
}
