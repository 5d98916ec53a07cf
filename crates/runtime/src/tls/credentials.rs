use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use kernel::{Clock, Error, Reason, Result, Timestamp};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, ServerConfig};
use tokio_util::sync::CancellationToken;

use super::certificate::Purpose;
use super::files::{Contents, Paths};
use super::loaded::{Loaded, build};
use super::{NEAR_END, PublicTlsSettings, TlsSettings, provider};

/// How often a certificate near its end is warned about.
const WARN_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// A certificate with its key, and whom to believe: what every new connection takes. Reads its files again when they
/// change, and keeps what it has while they are not right, except for an authority that ends meanwhile.
pub struct Credentials {
    setting: String,
    paths: Paths,
    purpose: Purpose,
    clock: Arc<dyn Clock>,
    provider: Arc<CryptoProvider>,
    current: ArcSwap<Loaded>,
    seen: Mutex<Seen>,
    metrics: Metrics,
}

/// What the last looks at the files found.
struct Seen {
    /// What is in use, as it was read: what the files say by then may be something else, and not right.
    contents: Contents,
    /// What was not right, and whether that was said.
    failure: Option<(Failure, bool)>,
    /// When the end was last warned about.
    warned: Option<Timestamp>,
}

#[derive(PartialEq, Eq)]
struct Failure {
    /// None where the files could not be read.
    digest: Option<[u8; 32]>,
    message: String,
}

struct Metrics {
    expires: Gauge<i64>,
    reloads: Counter<u64>,
}

/// What a look at the files came to.
#[derive(Debug)]
pub enum Look {
    /// They are what they were.
    Unchanged,
    /// They are new, and in use from now on.
    Renewed,
    /// They are new and not right: what was in use stays. Files are not exchanged all at once, so this is said out loud
    /// only when the next look finds the same.
    Kept(Error),
    /// An authority has ended, and without it nothing is left to make a connection with, until there are new files.
    Closed(Error),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("setting", &self.setting).finish_non_exhaustive()
    }
}

impl Credentials {
    /// For a service among services, which shows its certificate when it is called and when it calls. `setting` is the
    /// name of the table in the configuration, for messages.
    ///
    /// # Errors
    /// `INVALID_REQUEST` naming the setting: a file that cannot be read or is no PEM, a key that is open to everybody or
    /// does not fit, a certificate that does not hold now, has no DNS name, may not be used for both, or is not signed by
    /// one of the authorities.
    pub fn peer(setting: &str, settings: &TlsSettings, clock: Arc<dyn Clock>) -> Result<Arc<Self>> {
        let paths = Paths {
            pair: Some((settings.certificate_file.clone(), settings.key_file.clone())),
            authorities: Some(settings.authorities_file.clone()),
        };
        Self::load(setting, paths, Purpose::Peer, clock)
    }

    /// For a listener for users, who are not asked for a certificate.
    ///
    /// # Errors
    /// As for [`Credentials::peer`].
    pub fn public(setting: &str, settings: &PublicTlsSettings, clock: Arc<dyn Clock>) -> Result<Arc<Self>> {
        let pair = Some((settings.certificate_file.clone(), settings.key_file.clone()));
        Self::load(setting, Paths { pair, authorities: None }, Purpose::Public, clock)
    }

    /// For a client without a certificate of its own, which believes the authorities in a file.
    ///
    /// # Errors
    /// As for [`Credentials::peer`].
    pub fn client(setting: &str, authorities_file: &Path, clock: Arc<dyn Clock>) -> Result<Arc<Self>> {
        let paths = Paths { pair: None, authorities: Some(authorities_file.to_owned()) };
        Self::load(setting, paths, Purpose::Public, clock)
    }

    fn load(setting: &str, paths: Paths, purpose: Purpose, clock: Arc<dyn Clock>) -> Result<Arc<Self>> {
        let provider = provider();
        let contents = paths.read(setting)?;
        let loaded = build(setting, purpose, &contents, &provider, &clock)?;
        let meter = opentelemetry::global::meter("countersign");
        let credentials = Self {
            setting: setting.to_owned(),
            paths,
            purpose,
            clock,
            provider,
            current: ArcSwap::from_pointee(loaded),
            seen: Mutex::new(Seen { contents, failure: None, warned: None }),
            metrics: Metrics {
                expires: meter
                    .i64_gauge("countersign.tls.certificate.expires")
                    .with_unit("s")
                    .with_description("When the certificate in use ends, in seconds since 1970")
                    .build(),
                reloads: meter
                    .u64_counter("countersign.tls.reloads")
                    .with_description("Changed certificate files, by what came of them")
                    .build(),
            },
        };
        credentials.mind_the_end(&mut credentials.lock());
        Ok(Arc::new(credentials))
    }

    /// The DNS names of the certificate in use.
    pub fn names(&self) -> Vec<String> {
        self.current.load().own.as_ref().map(|own| own.names.clone()).unwrap_or_default()
    }

    /// When the certificate in use, or the first of its chain, ends. None for a client without one.
    pub fn expires(&self) -> Option<Timestamp> {
        self.current.load().own.as_ref().map(|own| own.expires)
    }

    /// Whether the certificate in use still holds, and there is somebody to believe: for readiness.
    ///
    /// # Errors
    /// `DEPENDENCY_UNAVAILABLE` once it has expired: nobody accepts it any more. The same when the authorities have.
    pub fn check(&self) -> Result<()> {
        if self.current.load().is_closed() {
            return Err(Error::new(
                Reason::DependencyUnavailable,
                format!(
                    "what {0}.authorities_file has does not hold any more, and no connection is made; put the current \
                     authorities there, and a certificate of theirs",
                    self.setting
                ),
            ));
        }
        match self.expires() {
            Some(end) if self.clock.now() > end => Err(Error::new(
                Reason::DependencyUnavailable,
                format!(
                    "the certificate in {}.certificate_file has expired; put a new one there",
                    self.setting
                ),
            )),
            _ => Ok(()),
        }
    }

    /// Looks at the files every `interval` until `stop`.
    pub async fn watch(self: Arc<Self>, interval: Duration, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = stop.cancelled() => return,
            }
            let credentials = self.clone();
            // A defect there must not end the watch.
            if let Err(error) = tokio::task::spawn_blocking(move || credentials.look()).await {
                tracing::error!(%error, setting = self.setting, "a look at the certificate files failed");
            }
        }
    }

    /// Looks at the files once and takes what is new and right. Blocks.
    pub fn look(&self) -> Look {
        let mut seen = self.lock();
        let look = match self.paths.read(&self.setting) {
            Ok(contents) if contents == seen.contents => {
                seen.failure = None;
                Look::Unchanged
            }
            Ok(contents) => self.take(&mut seen, contents),
            Err(error) => self.keep(&mut seen, None, error),
        };
        let look = self.mind_the_authorities(&seen).unwrap_or(look);
        self.mind_the_end(&mut seen);
        look
    }

    /// Uses what is new, if it is right.
    fn take(&self, seen: &mut Seen, contents: Contents) -> Look {
        match build(&self.setting, self.purpose, &contents, &self.provider, &self.clock) {
            Ok(loaded) => {
                self.current.store(Arc::new(loaded));
                *seen = Seen { contents, failure: None, warned: None };
                self.count("renewed");
                tracing::info!(setting = self.setting, names = ?self.names(), "new certificate files are in use");
                Look::Renewed
            }
            Err(error) => self.keep(seen, Some(contents.digest()), error),
        }
    }

    /// What is new is not right. Said once, when it stays that way.
    fn keep(&self, seen: &mut Seen, digest: Option<[u8; 32]>, error: Error) -> Look {
        let found = Failure { digest, message: error.message().to_owned() };
        let said = match seen.failure.take() {
            Some((before, said)) if before == found => {
                if !said {
                    self.count("kept");
                    tracing::warn!(
                        setting = self.setting,
                        problem = found.message,
                        "the certificate files have changed and are not right; the earlier ones stay in use"
                    );
                }
                true
            }
            _ => false,
        };
        seen.failure = Some((found, said));
        Look::Kept(error)
    }

    /// Believes an authority no longer than it holds. No file has to change for that: what is in use is built again, from
    /// what it was built from. Where that is not possible no connection is made, which is tried again at each look.
    fn mind_the_authorities(&self, seen: &Seen) -> Option<Look> {
        let current = self.current.load();
        let ended = current.trust_ends.is_some_and(|end| self.clock.now() > end);
        if !ended && !current.is_closed() {
            return None;
        }
        match build(&self.setting, self.purpose, &seen.contents, &self.provider, &self.clock) {
            Ok(loaded) => {
                self.current.store(Arc::new(loaded));
                self.count("renewed");
                Some(Look::Renewed)
            }
            Err(error) => {
                if !current.is_closed() {
                    self.current.store(Arc::new(current.closed()));
                    self.count("closed");
                    tracing::error!(
                        setting = self.setting,
                        problem = error.message(),
                        "an authority has expired; no connection is made until there are new certificate files"
                    );
                }
                Some(Look::Closed(error))
            }
        }
    }

    /// Tells when the certificate in use ends, and warns when that is near.
    fn mind_the_end(&self, seen: &mut Seen) {
        let Some(end) = self.expires() else { return };
        self.metrics.expires.record(end.seconds(), &[self.attribute()]);
        let now = self.clock.now();
        if now.plus(NEAR_END) < end {
            return;
        }
        if seen.warned.is_some_and(|before| now >= before && now.since(before) < WARN_INTERVAL) {
            return;
        }
        seen.warned = Some(now);
        let hours = end.since(now).as_secs() / 3600;
        if now > end {
            tracing::error!(setting = self.setting, "the certificate in use has expired: nobody accepts it");
        } else {
            tracing::warn!(setting = self.setting, hours, "the certificate in use ends soon");
        }
    }

    fn count(&self, outcome: &'static str) {
        self.metrics.reloads.add(1, &[self.attribute(), KeyValue::new("outcome", outcome)]);
    }

    fn attribute(&self) -> KeyValue {
        KeyValue::new("setting", self.setting.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether these are for services among each other.
    pub(crate) fn is_for_peers(&self) -> bool {
        self.purpose == Purpose::Peer
    }

    /// For a connection that comes in now.
    pub(crate) fn server(&self) -> Option<Arc<ServerConfig>> {
        self.current.load().server.clone()
    }

    /// For a connection that goes out now.
    pub(crate) fn client_side(&self) -> Option<Arc<ClientConfig>> {
        self.current.load().client.clone()
    }
}
