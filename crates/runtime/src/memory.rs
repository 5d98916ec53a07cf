//! A network in memory: the services of one process call each other as gRPC clients over it, through the same
//! interceptors, deadlines and error mapping as over TCP.
//!
//! Who calls is known by construction: a channel is made for one role, and every connection of it says so.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tonic::transport::{Channel, Endpoint};

use crate::identity::PeerIdentity;

/// Octets that may be under way in one direction of a connection.
const BUFFER: usize = 64 * 1024;

/// Connections that may wait to be accepted.
const BACKLOG: usize = 64;

type Connection = (DuplexStream, PeerIdentity);

/// The network. Clones are the same network.
#[derive(Clone, Debug, Default)]
pub struct MemoryNetwork {
    listeners: Arc<Mutex<HashMap<String, mpsc::Sender<Connection>>>>,
}

/// Where the connections to one name arrive. Dropping it takes the service off the network.
#[derive(Debug)]
pub struct MemoryListener {
    connections: mpsc::Receiver<Connection>,
}

impl MemoryListener {
    pub(crate) async fn next(&mut self) -> Option<Connection> {
        self.connections.recv().await
    }
}

impl MemoryNetwork {
    /// Puts a service on the network under `name`; an earlier one of that name is replaced.
    pub fn listen(&self, name: &str) -> MemoryListener {
        let (sender, connections) = mpsc::channel(BACKLOG);
        self.lock().insert(name.to_owned(), sender);
        MemoryListener { connections }
    }

    /// A channel by which `from`, a role, calls the service `to`. Connects when first used, and again when the
    /// connection is lost; while nobody listens under the name, calls fail as they would over TCP.
    pub fn channel(&self, from: &str, to: &str) -> Channel {
        let (network, from, to) = (self.clone(), PeerIdentity(from.to_owned()), to.to_owned());
        let connector = tower::service_fn(move |_| {
            let (network, from, to) = (network.clone(), from.clone(), to.clone());
            async move { network.connect(from, &to).await.map(TokioIo::new) }
        });
        // The address is never looked up; it only has to be one.
        Endpoint::from_static("http://in-memory.invalid").connect_with_connector_lazy(connector)
    }

    pub(crate) async fn connect(&self, from: PeerIdentity, to: &str) -> io::Result<DuplexStream> {
        let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, "nobody listens there");
        let listener = self.lock().get(to).cloned().ok_or_else(refused)?;
        let (ours, theirs) = tokio::io::duplex(BUFFER);
        listener.send((theirs, from)).await.map_err(|_| refused())?;
        Ok(ours)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, mpsc::Sender<Connection>>> {
        // A panic elsewhere leaves the map whole: every change of it is one call.
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
