//! The network between a client and a server, which can fail in either direction.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

/// What happens to bytes on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// They arrive.
    Open,
    /// They arrive when the way is open again, if the connection is still there.
    Silent,
    /// They arrive late.
    Slow(Duration),
}

#[derive(Clone, Copy, Debug)]
struct Network {
    /// The server's port.
    server: u16,
    /// Whether connections are made at all.
    reachable: bool,
    /// Counted up to cut every connection there is.
    cuts: u64,
    requests: Way,
    answers: Way,
}

/// A loopback port that passes everything on to a server, until told otherwise. Ends when it is dropped.
pub(crate) struct Proxy {
    port: u16,
    network: Arc<watch::Sender<Network>>,
    _end: DropGuard,
}

impl Proxy {
    /// A good network to the server on a port.
    pub(crate) async fn start(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("a bound port").port();
        let network = Network { server, reachable: true, cuts: 0, requests: Way::Open, answers: Way::Open };
        let (sender, receiver) = watch::channel(network);
        let end = CancellationToken::new();
        tokio::spawn(end.clone().run_until_cancelled_owned(serve(listener, receiver)));
        Self { port, network: Arc::new(sender), _end: end.drop_guard() }
    }

    /// Where clients find the server.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What happens to requests and answers from now on.
    pub(crate) fn set(&self, requests: Way, answers: Way) {
        self.network.send_modify(|network| (network.requests, network.answers) = (requests, answers));
    }

    /// Ends every connection; what is on its way is lost.
    pub(crate) fn cut(&self) {
        self.network.send_modify(|network| network.cuts += 1);
    }

    /// Ends every connection and lets nobody in.
    pub(crate) fn close(&self) {
        self.network.send_modify(|network| {
            network.cuts += 1;
            network.reachable = false;
        });
    }

    /// A good network again. Connections that are still there go on, with what was held.
    pub(crate) fn heal(&self) {
        self.network.send_modify(|network| {
            *network = Network { reachable: true, requests: Way::Open, answers: Way::Open, ..*network };
        });
    }

    /// Leads to another server from now on, as a virtual address that was moved: no connection to the old one stays.
    pub(crate) fn lead_to(&self, server: u16) {
        self.network.send_modify(|network| {
            network.cuts += 1;
            network.server = server;
        });
    }
}

async fn serve(listener: TcpListener, network: watch::Receiver<Network>) {
    // Owned here, so that they end with the proxy.
    let mut connections = JoinSet::new();
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        if network.borrow().reachable {
            connections.spawn(connection(client, network.clone()));
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(client: TcpStream, network: watch::Receiver<Network>) {
    let Network { server, cuts, .. } = *network.borrow();
    let mut cut = network.clone();
    let pass = async {
        let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
        // The delays are the proxy's to decide.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        // Either side's end is the end of both.
        tokio::select! {
            () = pump(from_client, to_server, network.clone(), |network| network.requests) => {}
            () = pump(from_server, to_client, network, |network| network.answers) => {}
        }
    };
    tokio::select! {
        () = pass => {}
        _ = cut.wait_for(|network| network.cuts != cuts) => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut network: watch::Receiver<Network>,
    way: fn(&Network) -> Way,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer).await else { return };
        let now = way(&network.borrow());
        if let Way::Slow(delay) = now {
            tokio::time::sleep(delay).await;
        }
        if network.wait_for(|network| way(network) != Way::Silent).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
