//! `countersign dev certs`: an authority and certificates for trying out mutual TLS.
//!
//! For trying out: whoever has the folder can be any service. A deployment that matters takes its certificates from an
//! authority that does not lie beside them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

use kernel::{Clock as _, Error, NodeId, Result, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, date_time_ymd,
};
use runtime::SystemClock;
use storage::mark::check_deployment;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use crate::cli::CertsOptions;
use crate::roles::Role;
use crate::{files, output};

/// The authority's certificate and private key.
const AUTHORITY: (&str, &str) = ("ca.pem", "ca.key.pem");

/// How long the authority's certificate holds.
const AUTHORITY_LIFE: Duration = Duration::from_secs(10 * 365 * 86_400);

/// From how long ago on certificates hold, because clocks differ.
const BEFORE: Duration = Duration::from_secs(3_600);

/// The largest file that is read.
const MAX_BYTES: u64 = 64 * 1024;

/// Makes or renews them.
pub(crate) fn run(options: &CertsOptions) -> Result<()> {
    check_deployment(&options.deployment)?;
    let now = SystemClock.now();
    files::private_folder(&options.out)?;
    let authority = Authority::open(&options.out, &options.deployment, now)?;
    let nodes = if options.nodes.is_empty() { default_nodes()? } else { options.nodes.clone() };
    let services = Role::ALL.into_iter().filter(|role| *role != Role::MpcSigner).map(|role| role.to_string());
    let days = Duration::from_secs(u64::from(options.days) * 86_400);
    for name in services.chain(nodes.iter().map(NodeId::to_string)) {
        let dns = format!("{name}.{}.countersign.internal", options.deployment);
        let (certificate, key) = authority.sign(&dns, now, days)?;
        // The key first: whoever reads in between finds a pair that does not match, and looks again.
        files::replace_private(&options.out.join(format!("{name}.key.pem")), key.as_bytes())?;
        files::replace_public(&options.out.join(format!("{name}.pem")), certificate.as_bytes())?;
        output::line(&format!("{name}.pem\t{dns}, localhost, 127.0.0.1, ::1"));
    }
    output::line(&format!(
        "the certificates in {} hold until {}; run this again to renew them under the same authority ({})",
        options.out.display(),
        now.plus(days).min(authority.end),
        AUTHORITY.0
    ));
    Ok(())
}

fn default_nodes() -> Result<Vec<NodeId>> {
    (1..=3).map(|number| format!("node-{number}").parse().map_err(Error::internal)).collect()
}

/// Who signs the certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    end: Timestamp,
}

impl Authority {
    /// That of the folder, or a new one.
    fn open(folder: &Path, deployment: &str, now: Timestamp) -> Result<Self> {
        let (certificate, key) = (folder.join(AUTHORITY.0), folder.join(AUTHORITY.1));
        match (certificate.exists(), key.exists()) {
            (true, true) => Self::read(&certificate, &key, deployment, now),
            (false, false) => {
                let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(Error::internal)?;
                let end = now.plus(AUTHORITY_LIFE);
                let params = authority_params(deployment, now, end);
                let signed = params.self_signed(&pair).map_err(Error::internal)?;
                files::create_private(&key, Zeroizing::new(pair.serialize_pem()).as_bytes())?;
                files::replace_public(&certificate, signed.pem().as_bytes())?;
                Ok(Self { issuer: Issuer::new(params, pair), end })
            }
            (true, false) | (false, true) => Err(Error::invalid(
                folder.display().to_string(),
                format!("has only one of {} and {}; name an empty folder", AUTHORITY.0, AUTHORITY.1),
            )),
        }
    }

    fn read(certificate: &Path, key: &Path, deployment: &str, now: Timestamp) -> Result<Self> {
        let refused = |what: String| Error::invalid(certificate.display().to_string(), what);
        let text = files::read_public(certificate, MAX_BYTES)?;
        let unreadable = || refused("is no certificate".to_owned());
        let (_, pem) = parse_x509_pem(text.as_bytes()).map_err(|_| unreadable())?;
        let (_, parsed) = X509Certificate::from_der(&pem.contents).map_err(|_| unreadable())?;
        let name = authority_name(deployment);
        if parsed.subject().iter_common_name().next().and_then(|found| found.as_str().ok()) != Some(&name) {
            return Err(refused(format!(
                "is not that of `{name}`; name another folder for another deployment"
            )));
        }
        let end = Timestamp::from_seconds(parsed.validity().not_after.timestamp());
        if end <= now {
            return Err(refused(
                "has expired; name an empty folder, and give everybody the new authority".to_owned(),
            ));
        }
        let pem = files::read_private(key)?;
        let pem =
            std::str::from_utf8(&pem).map_err(|_| Error::invalid(key.display().to_string(), "is no PEM"))?;
        let pair = KeyPair::from_pem(pem)
            .map_err(|_| Error::invalid(key.display().to_string(), "is no private key in PKCS #8"))?;
        if parsed.public_key().subject_public_key.data.as_ref() != pair.public_key_raw() {
            return Err(refused(format!("is not the certificate of the key in {}", key.display())));
        }
        // What of these counts for what it signs is the name, which was compared.
        Ok(Self { issuer: Issuer::new(authority_params(deployment, now, end), pair), end })
    }

    /// A certificate for a name, to be shown by servers and by clients, and its private key.
    fn sign(&self, dns: &str, now: Timestamp, life: Duration) -> Result<(String, Zeroizing<String>)> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(Error::internal)?;
        let names = vec![dns.to_owned(), "localhost".to_owned()];
        let mut params = CertificateParams::new(names).map_err(Error::internal)?;
        let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        params.subject_alt_names.extend(loopback.map(SanType::IpAddress));
        params.distinguished_name = named(dns);
        params.not_before = date_time_ymd(1970, 1, 1) + since_1970(now.minus(BEFORE));
        params.not_after = date_time_ymd(1970, 1, 1) + since_1970(now.plus(life).min(self.end));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&pair, &self.issuer).map_err(Error::internal)?;
        Ok((certificate.pem(), Zeroizing::new(pair.serialize_pem())))
    }
}

fn authority_params(deployment: &str, now: Timestamp, end: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(&authority_name(deployment));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(1970, 1, 1) + since_1970(now.minus(BEFORE));
    params.not_after = date_time_ymd(1970, 1, 1) + since_1970(end);
    params
}

fn authority_name(deployment: &str) -> String {
    format!("Countersign dev authority of {deployment}")
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn since_1970(at: Timestamp) -> Duration {
    at.since(Timestamp::from_seconds(0))
}

#[cfg(test)]
mod tests;
