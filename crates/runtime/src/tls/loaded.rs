//! From the content of files to what connections are made with.

use std::sync::Arc;

use kernel::{Clock, Error, Result, Timestamp};
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::certificate::{self, Purpose};
use super::files::Contents;
use super::{Time, wrong};

const HTTP_2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";

/// What is in use, as a whole: a connection never sees the certificate of one load and the authorities of another.
pub(super) struct Loaded {
    pub(super) server: Option<Arc<ServerConfig>>,
    pub(super) client: Option<Arc<ClientConfig>>,
    pub(super) own: Option<Own>,
    /// When the first of the authorities ends.
    pub(super) trust_ends: Option<Timestamp>,
}

#[derive(Clone)]
pub(super) struct Own {
    pub(super) names: Vec<String>,
    pub(super) expires: Timestamp,
}

impl Loaded {
    /// With which no connection is made, in either direction.
    pub(super) fn closed(&self) -> Self {
        Self { server: None, client: None, own: self.own.clone(), trust_ends: self.trust_ends }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.server.is_none() && self.client.is_none()
    }
}

/// Checks what is in the files and makes the configurations.
pub(super) fn build(
    setting: &str,
    purpose: Purpose,
    contents: &Contents,
    provider: &Arc<CryptoProvider>,
    clock: &Arc<dyn Clock>,
) -> Result<Loaded> {
    let now = clock.now();
    let maker = Maker { provider, time: Arc::new(Time(clock.clone())) };
    let pair = match &contents.pair {
        Some((chain, key)) => Some(certificate::pair(setting, purpose, (chain, key), provider, now)?),
        None => None,
    };
    let authorities = match &contents.authorities {
        Some(pem) => Some(certificate::authorities(setting, pem, now)?),
        None => None,
    };
    let trust_ends = authorities.as_ref().map(|authorities| authorities.end);
    let authorities = authorities.map(|authorities| Arc::new(authorities.store));
    let (certified, own) = match pair {
        Some(pair) => {
            (Some(Arc::new(pair.certified)), Some(Own { names: pair.names, expires: pair.expires }))
        }
        None => (None, None),
    };
    if purpose == Purpose::Peer
        && let (Some(certified), Some(authorities)) = (&certified, &authorities)
    {
        maker.vouched_for(setting, certified, authorities)?;
    }
    Ok(Loaded {
        server: certified
            .clone()
            .map(|certified| maker.server(purpose, certified, authorities.clone()))
            .transpose()?,
        client: authorities.map(|authorities| maker.client(certified, authorities)).transpose()?,
        own,
        trust_ends,
    })
}

/// Makes the configurations of rustls: TLS 1.3 and 1.2, and the clock of the process.
struct Maker<'a> {
    provider: &'a Arc<CryptoProvider>,
    time: Arc<Time>,
}

impl Maker<'_> {
    /// The other services trust the same authorities: a certificate that ours do not vouch for opens nothing.
    fn vouched_for(&self, setting: &str, own: &CertifiedKey, authorities: &Arc<RootCertStore>) -> Result<()> {
        let verifier =
            WebPkiClientVerifier::builder_with_provider(authorities.clone(), self.provider.clone())
                .build()
                .map_err(Error::internal)?;
        let (Some((leaf, rest)), Some(now)) = (own.cert.split_first(), self.time.current_time()) else {
            return Err(Error::internal("a certificate without a chain, or a clock before 1970"));
        };
        verifier.verify_client_cert(leaf, rest, now).map(drop).map_err(|error| {
            wrong(
                setting,
                "certificate_file",
                format!(
                    "would be refused by every service that believes what is in authorities_file: {error}; is it \
                     signed by another authority, or does an intermediate certificate lack?"
                ),
            )
        })
    }

    fn server(
        &self,
        purpose: Purpose,
        own: Arc<CertifiedKey>,
        authorities: Option<Arc<RootCertStore>>,
    ) -> Result<Arc<ServerConfig>> {
        let config = ServerConfig::builder_with_details(self.provider.clone(), self.time.clone())
            .with_safe_default_protocol_versions()
            .map_err(Error::internal)?;
        let own = Arc::new(SingleCertAndKey::from(own));
        let config = match (purpose, authorities) {
            (Purpose::Peer, authorities) => {
                let authorities =
                    authorities.ok_or_else(|| Error::internal("a peer listener without authorities"))?;
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(authorities, self.provider.clone())
                        .build()
                        .map_err(Error::internal)?;
                let mut config = config.with_client_cert_verifier(verifier).with_cert_resolver(own);
                // A resumed session would not be checked again: each connection shows its certificate.
                config.session_storage = Arc::new(NoServerSessionStorage {});
                config.send_tls13_tickets = 0;
                config.alpn_protocols = vec![HTTP_2.to_vec()];
                config
            }
            (Purpose::Public, _) => {
                let mut config = config.with_no_client_auth().with_cert_resolver(own);
                config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_1.to_vec()];
                config
            }
        };
        Ok(Arc::new(config))
    }

    fn client(
        &self,
        own: Option<Arc<CertifiedKey>>,
        authorities: Arc<RootCertStore>,
    ) -> Result<Arc<ClientConfig>> {
        let config = ClientConfig::builder_with_details(self.provider.clone(), self.time.clone())
            .with_safe_default_protocol_versions()
            .map_err(Error::internal)?
            .with_root_certificates(authorities);
        let mut config = match own {
            Some(own) => config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own))),
            None => config.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![HTTP_2.to_vec()];
        Ok(Arc::new(config))
    }
}
