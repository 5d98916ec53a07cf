//! TLS.

use super::*;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// An authority, and what it vouches for.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    /// Writes a certificate for `host` and its key, and the authority's own; gives the three files.
    fn write(&self, folder: &Path, host: &str) -> [PathBuf; 3] {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, host);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        [
            ("certificate.pem", certificate.pem()),
            ("key.pem", key.serialize_pem()),
            ("authority.pem", self.issuer.pem()),
        ]
        .map(|(name, text)| {
            let file = folder.join(name);
            std::fs::write(&file, text).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
            file
        })
    }
}

/// A server that speaks TLS for `host`, beside plaintext for the fixture, and the files it uses.
async fn server(host: &str, clients: &str) -> (RedisServer, u16, [PathBuf; 3], TempDir) {
    let folder = testkit::folder();
    let files = Authority::new().write(folder.path(), host);
    let [certificate, key, authority] = files.clone().map(|file| file.display().to_string());
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = RedisServer::start(&[
        ("tls-port", &port.to_string()),
        ("tls-cert-file", &certificate),
        ("tls-key-file", &key),
        ("tls-ca-cert-file", &authority),
        ("tls-auth-clients", clients),
    ])
    .await;
    (server, port, files, folder)
}

fn over(port: u16, tls: RedisTls) -> RedisSettings {
    RedisSettings { tls, ..at(format!("rediss://localhost:{port}")) }
}

#[tokio::test]
async fn a_server_is_used_when_its_authority_vouches_for_its_name() {
    let (_server, port, [_, _, authority], _folder) = server("localhost", "no").await;
    let tls = RedisTls { ca_file: Some(authority), ..RedisTls::default() };
    let redis = Redis::connect(&over(port, tls)).await.unwrap();
    assert_eq!(counted(&redis, Again::Never).await.unwrap(), 1);
}

#[tokio::test]
async fn a_server_that_another_authority_vouches_for_is_refused() {
    let (_server, port, _files, _folder) = server("localhost", "no").await;
    let elsewhere = testkit::folder();
    let [_, _, other] = Authority::new().write(elsewhere.path(), "localhost");
    for ca_file in [Some(other), None] {
        let why = refused(&over(port, RedisTls { ca_file, ..RedisTls::default() })).await;
        assert!(why.contains("do not agree on TLS") && why.contains("redis.tls.ca_file"), "{why}");
    }
    let missing = RedisTls { ca_file: Some(elsewhere.path().join("none.pem")), ..RedisTls::default() };
    assert!(refused(&over(port, missing)).await.contains("redis.tls.ca_file"));
    let no_certificate = elsewhere.path().join("key.pem");
    let wrong = RedisTls { ca_file: Some(no_certificate), ..RedisTls::default() };
    assert!(refused(&over(port, wrong)).await.contains("has no certificate"));
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let (_server, port, [_, _, authority], _folder) = server("store.internal", "no").await;
    let why = refused(&over(port, RedisTls { ca_file: Some(authority), ..RedisTls::default() })).await;
    assert!(why.contains("do not agree on TLS") && why.contains("valid for this host"), "{why}");
}

#[tokio::test]
async fn a_server_that_asks_for_a_client_certificate_gets_it() {
    let (_server, port, [certificate, key, authority], _folder) = server("localhost", "yes").await;
    let none = RedisTls { ca_file: Some(authority.clone()), ..RedisTls::default() };
    let why = refused(&over(port, none.clone())).await;
    assert!(why.contains("redis.tls.certificate_file"), "{why}");
    let own = RedisTls { certificate_file: Some(certificate.clone()), key_file: Some(key), ..none.clone() };
    Redis::connect(&over(port, own)).await.unwrap().check().await.unwrap();
    let mixed = RedisTls { certificate_file: Some(certificate.clone()), key_file: Some(certificate), ..none };
    assert!(refused(&over(port, mixed)).await.contains("redis.tls.key_file"));
}

#[tokio::test]
async fn plaintext_to_a_port_of_tls_is_said() {
    let (server, port, _files, _folder) = server("localhost", "no").await;
    refused(&at(format!("redis://localhost:{port}"))).await;
    let folder = testkit::folder();
    let [_, _, authority] = Authority::new().write(folder.path(), "localhost");
    let tls = RedisTls { ca_file: Some(authority), ..RedisTls::default() };
    let why = refused(&over(server.port(), tls)).await;
    assert!(why.contains("does not answer in time") && why.contains("whether it speaks TLS"), "{why}");
}
