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

/// What connections are protected with, from the files as they are now. Reads them, so it blocks.
pub(super) fn connector(settings: &RedisTls) -> Result<TlsConnector> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(Error::internal)?
        .with_root_certificates(authorities(settings.ca_file.as_deref())?);
    let config = match (&settings.certificate_file, &settings.key_file) {
        (Some(certificate), Some(key)) => {
            let chain = certificates("redis.tls.certificate_file", certificate)?;
            let key = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| refused("redis.tls.key_file", key, &error))?;
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
    for certificate in certificates("redis.tls.ca_file", file)? {
        roots.add(certificate).map_err(|error| refused("redis.tls.ca_file", file, &error))?;
    }
    Ok(roots)
}

/// All certificates of a PEM file, of which there must be one.
fn certificates(setting: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
        .map_err(|error| refused(setting, file, &error))?;
    if found.is_empty() {
        return Err(Error::invalid(setting, format!("{}: has no certificate", file.display())));
    }
    Ok(found)
}

fn refused(setting: &'static str, file: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::invalid(setting, format!("{}: {why}", file.display()))
}
