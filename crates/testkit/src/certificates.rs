use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};

/// An authority that signs certificates, made on the spot.
#[derive(Debug)]
pub struct TestAuthority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with what belongs to it, as PEM.
#[derive(Clone, Debug)]
pub struct TestCertificate {
    /// The certificate, then those of the intermediate authorities.
    pub chain: String,
    /// Its private key.
    pub key: String,
}

/// What a certificate may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestUse {
    /// To answer and to call, as services do.
    Both,
    /// To answer only.
    Server,
}

impl TestAuthority {
    /// A root of its own.
    pub fn new(name: &str) -> Self {
        let params = authority(name);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A root of its own that ends.
    pub fn until(name: &str, end: Timestamp) -> Self {
        let mut params = authority(name);
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + since_1970(end);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// An authority below this one.
    pub fn intermediate(&self, name: &str) -> Self {
        Self(CertifiedIssuer::signed_by(authority(name), KeyPair::generate().unwrap(), &self.0).unwrap())
    }

    /// Its certificate, as PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for DNS names, from the first moment up to the second.
    pub fn issue(&self, names: &[&str], validity: Range<Timestamp>) -> TestCertificate {
        self.issue_for(TestUse::Both, names, validity)
    }

    /// A certificate for some uses only.
    pub fn issue_for(&self, used: TestUse, names: &[&str], validity: Range<Timestamp>) -> TestCertificate {
        let key = KeyPair::generate().unwrap();
        let chain = leaf(used, names, validity).signed_by(&key, &self.0).unwrap().pem();
        TestCertificate { chain, key: key.serialize_pem() }
    }

    /// A certificate that this authority, as an intermediate one, signs: with its own certificate behind it.
    pub fn issue_with_chain(&self, names: &[&str], validity: Range<Timestamp>) -> TestCertificate {
        let mut issued = self.issue(names, validity);
        issued.chain.push_str(&self.pem());
        issued
    }
}

impl TestCertificate {
    /// One that nobody signed but itself.
    pub fn self_signed(names: &[&str], validity: Range<Timestamp>) -> Self {
        let key = KeyPair::generate().unwrap();
        let chain = leaf(TestUse::Both, names, validity).self_signed(&key).unwrap().pem();
        Self { chain, key: key.serialize_pem() }
    }

    /// Writes it into `folder` under `name`, the key readable by its owner only. The paths of certificate and key.
    pub fn write(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        use std::os::unix::fs::PermissionsExt as _;

        let (chain, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        std::fs::write(&chain, &self.chain).unwrap();
        std::fs::write(&key, &self.key).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        (chain, key)
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn since_1970(time: Timestamp) -> Duration {
    Duration::from_secs(time.seconds().try_into().unwrap())
}

fn leaf(used: TestUse, names: &[&str], validity: Range<Timestamp>) -> CertificateParams {
    let mut params = CertificateParams::default();
    // Not a name that anybody believes: names are in the extension.
    params.distinguished_name.push(DnType::CommonName, "countersign test");
    params.subject_alt_names =
        names.iter().map(|name| SanType::DnsName((*name).try_into().unwrap())).collect();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = match used {
        TestUse::Both => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
        TestUse::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
    };
    let beginning = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = beginning + since_1970(validity.start);
    params.not_after = beginning + since_1970(validity.end);
    params
}
