//! `countersign serve`: one role, alone in its process.
//!
//! In this order: configuration, telemetry, keys, stores, schema, mark, standing, lease, wiring, listeners. Whatever is
//! not right stops the start with a line that says what would be; nothing is served before everything is there.

mod compose;
mod ready;
mod statement;
mod stores;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kernel::{Clock, Entropy, Error, Result};
use runtime::health::{self, CHECK_INTERVAL, Readiness};
use runtime::server::Bound;
use runtime::telemetry::Telemetry;
use runtime::tls::{Callers, Credentials, RELOAD_INTERVAL, ServerTls};
use runtime::{Mount, OsEntropy, SystemClock};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cli::RoleOptions;
use crate::output;
use crate::roles::Common;
use crate::settings::{Mode, Settings, for_role};
use crate::stop::stop_signal;
use compose::Base;
use stores::Stores;

pub(crate) use compose::Served;
pub(crate) use statement::Statement;
pub(crate) use stores::{database, witness};

/// How long probes and watches may take to end once the last call is answered.
const END_LIMIT: Duration = Duration::from_secs(5);

/// Runs a role until it is told to stop.
pub(crate) async fn command(options: &RoleOptions) -> Result<()> {
    for_role!(options.role, R => run::<R>(options).await)
}

async fn run<R: Served>(options: &RoleOptions) -> Result<()> {
    let settings = Settings::<R>::load(options.config.as_deref())?;
    let telemetry = Telemetry::install(&settings.shared.log, R::ROLE.name())?;
    let stop = stop_signal()?;
    let mut stop = std::pin::pin!(stop);
    let started = tokio::select! {
        started = start(&settings) => Some(started),
        () = &mut stop => None,
    };
    let ended = match started {
        Some(Ok(running)) => running.until(stop).await,
        Some(Err(error)) => Err(error),
        // Told to stop before it was up.
        None => Ok(()),
    };
    telemetry.shutdown();
    ended
}

/// A role that is served.
struct Running {
    /// Takes nothing new and lets calls in flight finish.
    stop: CancellationToken,
    /// Ends what the process does for itself: probes, watches.
    end: CancellationToken,
    readiness: Readiness,
    stop_delay: Duration,
    serving: JoinSet<Result<()>>,
    background: JoinSet<Result<()>>,
    /// Kept until the last call is answered.
    _stores: Stores,
}

async fn start<R: Served>(settings: &Settings<R>) -> Result<Running> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy::new());
    let basics = settings.own.basics();
    let table = R::ROLE.name();

    let admins = settings.shared.admins()?;
    let credentials = Credentials::peer(&format!("{table}.tls"), basics.tls, clock.clone())?;
    let public = match &basics.public.tls {
        Some(tls) => Some(Credentials::public(&format!("{table}.public.tls"), tls, clock.clone())?),
        None => None,
    };
    let keys = settings.own.keys(&settings.shared, &entropy)?;

    let end = CancellationToken::new();
    let (stores, watch) = Stores::open(settings, clock.as_ref()).await?;
    let dev = settings.shared.mode == Mode::Dev;
    let base = Base {
        common: Common { clock: clock.clone(), entropy, admins, dev },
        store: stores.store.clone(),
        witness: stores.witness.clone(),
        credentials: credentials.clone(),
        end: end.clone(),
    };
    let composed = settings.own.compose(keys, base).await?;
    let readiness = ready::readiness(&stores, &credentials, public.as_ref(), composed.checks);

    // Every address is bound before anything is served, so that a taken port stops the start.
    let mut listeners = Vec::new();
    if let Some(peer) = basics.peer {
        let callers = Callers::new(&format!("{table}.peer.callers"), &peer.callers)?;
        let tls = ServerTls::Peers { credentials: credentials.clone(), callers };
        let bound = bind(table, "peer", peer.listen).await?;
        listeners.push(Listener { name: "peer", bound, mount: composed.mounts.peer, tls: Some(tls) });
    }
    let tls = public.clone().map(|credentials| ServerTls::Public { credentials });
    let bound = bind(table, "public", basics.public.listen).await?;
    listeners.push(Listener { name: "public", bound, mount: composed.mounts.public, tls });
    let probes = bind(table, "health", basics.health.listen).await?;

    let mut running = Running {
        stop: CancellationToken::new(),
        end: end.clone(),
        readiness: readiness.clone(),
        stop_delay: Duration::from_millis(basics.health.stop_delay_ms.into()),
        serving: JoinSet::new(),
        background: JoinSet::new(),
        _stores: stores,
    };
    let stop_watch = end.clone();
    running.in_background(async move { watch.run(stop_watch.cancelled()).await });
    for work in composed.background {
        running.in_background(work);
    }
    for credentials in [Some(credentials), public].into_iter().flatten() {
        running.in_background(credentials.watch(RELOAD_INTERVAL, end.clone()));
    }
    running.readiness.look().await;
    let mut lines = Vec::new();
    for listener in listeners {
        lines.push(listener.line(R::ROLE.name()));
        running.serving.spawn(listener.serve(readiness.clone(), running.stop.clone()));
    }
    lines.push(format!("{table}: health listener ready at {} (HTTP)", probes.address()));
    running.background.spawn(health::serve(probes, readiness.clone(), end.clone()));
    running.in_background(async move { readiness.poll(CHECK_INTERVAL, end).await });
    for line in lines {
        output::line(&line);
    }
    let (deployment, version) = (&settings.shared.deployment, env!("CARGO_PKG_VERSION"));
    tracing::info!(role = %R::ROLE, deployment, dev, version, "is served");
    Ok(running)
}

impl Running {
    fn in_background(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.background.spawn(async move {
            work.await;
            Ok(())
        });
    }

    /// Serves until told to stop, then lets calls in flight finish. Ends with an error when a listener ends by itself.
    async fn until(mut self, stop: impl Future<Output = ()>) -> Result<()> {
        tokio::select! {
            () = stop => {}
            ended = self.serving.join_next() => {
                self.end.cancel();
                let ended = ended.unwrap_or(Ok(Ok(()))).map_err(Error::internal)?;
                return ended.and(Err(Error::internal("a listener ended by itself")));
            }
        }
        output::note("stopping: calls in flight may finish");
        self.readiness.drain(self.stop_delay).await;
        self.stop.cancel();
        while let Some(ended) = self.serving.join_next().await {
            ended.map_err(Error::internal)??;
        }
        // Probes are answered, and the database is witnessed, until the last call is.
        self.end.cancel();
        end(self.background).await
    }
}

/// Waits for what the process does for itself to end, as long as that may take.
async fn end(mut background: JoinSet<Result<()>>) -> Result<()> {
    let all = async {
        while let Some(ended) = background.join_next().await {
            ended.map_err(Error::internal)??;
        }
        Ok(())
    };
    tokio::time::timeout(END_LIMIT, all).await.unwrap_or_else(|_| {
        tracing::warn!("what the process does for itself did not end in time and was cut");
        Ok(())
    })
}

/// Binds the address of a listener, or names the setting that is in the way.
async fn bind(table: &str, listener: &str, address: SocketAddr) -> Result<Bound> {
    Bound::to(address).await.map_err(|error| {
        let why = error.internal_cause().map_or_else(|| error.message().to_owned(), ToString::to_string);
        Error::invalid(format!("{table}.{listener}.listen"), why)
    })
}

/// A listener that is bound and not yet served.
struct Listener {
    name: &'static str,
    bound: Bound,
    mount: Mount,
    tls: Option<ServerTls>,
}

impl Listener {
    /// What is said when it is ready.
    fn line(&self, role: &str) -> String {
        let how = match &self.tls {
            Some(ServerTls::Peers { .. }) => "gRPC, mutual TLS",
            Some(ServerTls::Public { .. }) => "gRPC, TLS",
            None => "gRPC, plaintext",
        };
        format!("{role}: {} listener ready at {} ({how})", self.name, self.bound.address())
    }

    async fn serve(self, readiness: Readiness, stop: CancellationToken) -> Result<()> {
        let mount = self.mount.readiness(readiness);
        match self.tls {
            Some(tls) => self.bound.serve_tls(mount, tls, stop).await,
            None => self.bound.serve(mount, stop).await,
        }
    }
}

#[cfg(test)]
mod tests;
