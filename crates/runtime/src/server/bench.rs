//! A service that answers when it is let go, and certificates to reach it with.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use kernel::{Clock, Error, Result, Timestamp};
use proto::policy::policy_service_client::PolicyServiceClient;
use proto::policy::policy_service_server::{PolicyService, PolicyServiceServer};
use proto::policy::{DecideRequest, DecideResponse, Environment, ReadSettingsRequest, ReadSettingsResponse};
use testkit::{FixedClock, MemoryAuditLog, TestAuthority, TestCertificate};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use crate::channel::{self, ChannelSettings};
use crate::memory::MemoryNetwork;
use crate::mount::Mount;
use crate::server::serve_memory;
use crate::tls::{Callers, Credentials, ServerTls, TlsSettings};
use crate::{Gate, GateParts, Keep, limits, peer};

/// Answers `ReadSettings` when it is let go.
struct Slow {
    gate: Gate,
    entered: Arc<AtomicUsize>,
    go: Arc<Notify>,
}

#[async_trait]
impl PolicyService for Slow {
    async fn read_settings(
        &self,
        request: Request<ReadSettingsRequest>,
    ) -> Result<Response<ReadSettingsResponse>, Status> {
        let (entered, go) = (self.entered.clone(), self.go.clone());
        self.gate
            .peer(request, "test.read", Keep::All, &["friend"], move |call, request| async move {
                entered.fetch_add(1, Ordering::SeqCst);
                match request.name.as_str() {
                    "wait" => go.notified().await,
                    "panic" => panic!("a defect"),
                    _ => {}
                }
                let environment = Environment { name: call.role, ..Default::default() };
                Ok(ReadSettingsResponse { environment: Some(environment) })
            })
            .await
    }

    async fn decide(&self, request: Request<DecideRequest>) -> Result<Response<DecideResponse>, Status> {
        self.gate
            .peer(request, "test.decide", Keep::All, &["friend"], |_, _| async { Err(Error::not_found()) })
            .await
    }
}

/// A server to be, and what it notices.
pub(crate) struct Bench {
    pub(crate) audit: Arc<MemoryAuditLog>,
    pub(crate) network: MemoryNetwork,
    pub(crate) entered: Arc<AtomicUsize>,
    pub(crate) go: Arc<Notify>,
    pub(crate) stop: CancellationToken,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            audit: Arc::new(MemoryAuditLog::new()),
            network: MemoryNetwork::default(),
            entered: Arc::default(),
            go: Arc::default(),
            stop: CancellationToken::new(),
        }
    }

    /// As for users: nobody is turned away at the door.
    pub(crate) fn mount(&self) -> Mount {
        self.fill(Mount::new())
    }

    /// As for services: `ReadSettings` is for friends only, the door is open to acquaintances too.
    pub(crate) fn peer_mount(&self) -> Mount {
        self.fill(Mount::for_peers(&["friend", "acquaintance"]))
    }

    fn fill(&self, mount: Mount) -> Mount {
        let clock: Arc<dyn Clock> = Arc::new(FixedClock::new());
        let gate = Gate::new(GateParts {
            sessions: None,
            admins: None,
            audit: self.audit.clone(),
            clock: clock.clone(),
        });
        let slow = Slow { gate, entered: self.entered.clone(), go: self.go.clone() };
        mount
            .service(PolicyServiceServer::new(slow).max_decoding_message_size(limits::MAX_REQUEST_BYTES))
            .audit(self.audit.clone(), clock)
    }

    pub(crate) fn serve(&self) -> tokio::task::JoinHandle<Result<()>> {
        let listener = self.network.listen("policy");
        tokio::spawn(serve_memory(listener, self.mount(), self.stop.clone()))
    }

    pub(crate) fn client(&self, from: &str) -> PolicyServiceClient<Channel> {
        PolicyServiceClient::new(self.network.channel(from, "policy"))
    }

    /// Resolves when that many calls have got to the use case.
    pub(crate) async fn entered(&self, calls: usize) {
        while self.entered.load(Ordering::SeqCst) < calls {
            tokio::task::yield_now().await;
        }
    }
}

pub(crate) fn read(name: &str) -> Request<ReadSettingsRequest> {
    peer::request(ReadSettingsRequest { name: name.to_owned() }, Duration::from_secs(5))
}

/// An authority, and files of certificates that it signed.
pub(crate) struct Pki {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) root: TestAuthority,
}

impl Pki {
    pub(crate) fn new() -> Self {
        Self {
            folder: testkit::folder(),
            clock: Arc::new(FixedClock::new()),
            root: TestAuthority::new("the suite"),
        }
    }

    /// A month around now.
    pub(crate) fn month(&self) -> Range<Timestamp> {
        let now = self.clock.now();
        now.minus(days(15))..now.plus(days(15))
    }

    /// Writes a certificate with the authorities to believe.
    pub(crate) fn write(&self, name: &str, certificate: &TestCertificate, authorities: &str) -> TlsSettings {
        let (certificate_file, key_file) = certificate.write(self.folder.path(), name);
        TlsSettings { certificate_file, key_file, authorities_file: self.authorities(name, authorities) }
    }

    pub(crate) fn authorities(&self, name: &str, pem: &str) -> PathBuf {
        let file = self.folder.path().join(format!("{name}-authorities.pem"));
        std::fs::write(&file, pem).unwrap();
        file
    }

    /// Good files for a service of these names.
    pub(crate) fn settings(&self, names: &[&str]) -> TlsSettings {
        self.write(names[0], &self.root.issue(names, self.month()), &self.root.pem())
    }

    /// Good credentials for a service of these names.
    pub(crate) fn credentials(&self, names: &[&str]) -> Arc<Credentials> {
        Credentials::peer("peer.tls", &self.settings(names), self.clock.clone()).unwrap()
    }

    /// A server with these credentials that knows a friend and an acquaintance.
    pub(crate) fn server(&self, credentials: Arc<Credentials>) -> ServerTls {
        let names = [
            ("friend.test", "friend"),
            ("friend.elsewhere.test", "friend"),
            ("acquaintance.test", "acquaintance"),
        ];
        let names: BTreeMap<_, _> =
            names.iter().map(|(name, role)| ((*name).to_owned(), (*role).to_owned())).collect();
        ServerTls::Peers { credentials, callers: Callers::new("peer.callers", &names).unwrap() }
    }
}

pub(crate) fn days(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 60 * 60)
}

/// Where a server called `policy.test` listens.
pub(crate) fn at(address: std::net::SocketAddr) -> ChannelSettings {
    ChannelSettings {
        url: format!("https://{address}"),
        server_name: Some("policy.test".to_owned()),
        ..ChannelSettings::default()
    }
}

pub(crate) fn client(
    settings: &ChannelSettings,
    credentials: Arc<Credentials>,
) -> PolicyServiceClient<Channel> {
    PolicyServiceClient::new(channel::connect("peers.policy", settings, credentials).unwrap())
}
