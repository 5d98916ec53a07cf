//! What certificates say, and whether that is fit for use.

use std::time::Duration;

use kernel::{Result, Timestamp};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use super::wrong;

/// What a certificate is shown for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To answer the other services, and to call them.
    Peer,
    /// To answer users.
    Public,
}

/// A certificate with its chain and key, fit for use.
pub(super) struct Pair {
    /// For rustls.
    pub(super) certified: CertifiedKey,
    /// When the first certificate of the chain ends.
    pub(super) expires: Timestamp,
    /// The DNS names.
    pub(super) names: Vec<String>,
}

/// Reads a certificate and its key and checks that they are fit for use now.
pub(super) fn pair(
    setting: &str,
    purpose: Purpose,
    (certificate, key): (&[u8], &[u8]),
    provider: &CryptoProvider,
    now: Timestamp,
) -> Result<Pair> {
    const FILE: &str = "certificate_file";
    let chain = CertificateDer::pem_slice_iter(certificate)
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|error| wrong(setting, FILE, format!("is not PEM: {error}")))?;
    let mut expires = None;
    for (at, der) in chain.iter().enumerate() {
        let found = parse(der)
            .ok_or_else(|| wrong(setting, FILE, format!("its certificate {} does not parse", at + 1)))?;
        let (from, to) = validity(&found);
        let which = if at == 0 { "the certificate".to_owned() } else { format!("certificate {}", at + 1) };
        if now < from {
            let start = found.validity().not_before;
            return Err(wrong(
                setting,
                FILE,
                format!("{which} does not hold before {start}; check the clock of this machine"),
            ));
        }
        if now > to {
            let end = found.validity().not_after;
            return Err(wrong(setting, FILE, format!("{which} expired on {end}; put a new one there")));
        }
        expires = Some(expires.map_or(to, |earlier: Timestamp| earlier.min(to)));
    }
    let (Some(expires), Some(leaf)) = (expires, chain.first().and_then(parse)) else {
        return Err(wrong(setting, FILE, "has no certificate in it; it should be PEM"));
    };
    let names = dns_names(&leaf);
    if names.is_empty() {
        return Err(wrong(
            setting,
            FILE,
            "the certificate has no DNS name (subject alternative name); nobody would know whose it is",
        ));
    }
    if let Some(missing) = missing_use(&leaf, purpose) {
        return Err(wrong(
            setting,
            FILE,
            format!("the certificate may not be used for this: its extended key usage lacks {missing}"),
        ));
    }
    let key = private_key(setting, key)?;
    let certified = CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            wrong(setting, "key_file", "is the key of another certificate than certificate_file has")
        }
        error => wrong(setting, "key_file", format!("is not usable: {error}")),
    })?;
    Ok(Pair { certified, expires, names })
}

fn private_key(setting: &str, pem: &[u8]) -> Result<PrivateKeyDer<'static>> {
    const FILE: &str = "key_file";
    let mut keys = PrivateKeyDer::pem_slice_iter(pem);
    // The parser's own words might repeat what is in the file.
    let unreadable = |_| wrong(setting, FILE, "is not PEM");
    let key =
        keys.next().transpose().map_err(unreadable)?.ok_or_else(|| {
            wrong(setting, FILE, "has no private key in it; it should be PEM, not encrypted")
        })?;
    if keys.next().is_some() {
        return Err(wrong(setting, FILE, "has more than one private key in it"));
    }
    Ok(key)
}

/// Authorities that hold now.
pub(super) struct Authorities {
    /// For rustls, which does not ask when they end.
    pub(super) store: RootCertStore,
    /// When the first of them ends: until then they may be believed as a whole.
    pub(super) end: Timestamp,
}

/// Reads the authorities. Those that have expired sign for nobody any more and are left out.
pub(super) fn authorities(setting: &str, pem: &[u8], now: Timestamp) -> Result<Authorities> {
    const FILE: &str = "authorities_file";
    let mut store = RootCertStore::empty();
    let mut first: Option<Timestamp> = None;
    let mut expired = 0;
    for (at, der) in CertificateDer::pem_slice_iter(pem).enumerate() {
        let der = der.map_err(|error| wrong(setting, FILE, format!("is not PEM: {error}")))?;
        let unfit = |why: &str| wrong(setting, FILE, format!("its certificate {} {why}", at + 1));
        let found = parse(&der).ok_or_else(|| unfit("does not parse"))?;
        if !found.is_ca() {
            return Err(unfit("is not that of an authority (basic constraints, CA)"));
        }
        let end = validity(&found).1;
        if now > end {
            expired += 1;
            tracing::warn!(setting, subject = %found.subject(), "an authority has expired and is left out");
            continue;
        }
        store.add(der.clone()).map_err(|error| unfit(&format!("is not usable: {error}")))?;
        first = Some(first.map_or(end, |earlier| earlier.min(end)));
    }
    let Some(end) = first else {
        return Err(wrong(
            setting,
            FILE,
            match expired {
                0 => "has no certificate in it; it should be PEM".to_owned(),
                _ => format!("every authority in it has expired ({expired}); put the current ones there"),
            },
        ));
    };
    Ok(Authorities { store, end })
}

/// The DNS names in a certificate as DER; none when it does not parse.
pub(super) fn names_in(der: &CertificateDer<'_>) -> Vec<String> {
    parse(der).map(|found| dns_names(&found)).unwrap_or_default()
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    match X509Certificate::from_der(der) {
        Ok(([], found)) => Some(found),
        _ => None,
    }
}

fn dns_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    // More than one such extension is an error and names nobody.
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let names = extension.value.general_names.iter();
    names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        })
        .collect()
}

fn validity(certificate: &X509Certificate<'_>) -> (Timestamp, Timestamp) {
    let validity = certificate.validity();
    // The last second still counts (RFC 5280 section 4.1.2.5).
    let end = Timestamp::from_seconds(validity.not_after.timestamp()).plus(Duration::from_millis(999));
    (Timestamp::from_seconds(validity.not_before.timestamp()), end)
}

/// The use that the certificate is restricted not to have (RFC 5280 section 4.2.1.12).
fn missing_use(certificate: &X509Certificate<'_>, purpose: Purpose) -> Option<&'static str> {
    let usage = match certificate.extended_key_usage() {
        Ok(None) => return None,
        Ok(Some(usage)) => usage.value,
        Err(_) => return Some("a single meaning: it is there twice"),
    };
    // "Any" is not enough for those who check.
    if !usage.server_auth {
        return Some("serverAuth");
    }
    (purpose == Purpose::Peer && !usage.client_auth)
        .then_some("clientAuth (services show the same certificate when they call)")
}
