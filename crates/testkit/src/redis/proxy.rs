//! A network that fails on command: between a client and a server stands a proxy.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of the octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Traffic {
    /// They pass.
    Passes = 0,
    /// Requests reach the server; its answers are swallowed and the connection ends, as if it broke in between.
    LosesAnswers = 1,
    /// Requests reach the server; its answers are swallowed and nothing ends, as in a network that is partitioned.
    SwallowsAnswers = 2,
    /// Nothing reaches the server; connections end.
    Ends = 3,
    /// As [`Self::LosesAnswers`] for the next answer on whichever connection; the others pass.
    LosesOneAnswer = 4,
}

impl Traffic {
    fn from_number(number: u8) -> Self {
        [Self::Passes, Self::LosesAnswers, Self::SwallowsAnswers, Self::Ends, Self::LosesOneAnswer]
            [usize::from(number)]
    }
}

/// Forwards one port of loopback to another.
pub struct RedisProxy {
    port: u16,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    traffic: AtomicU8,
    connections: AtomicU64,
    target: AtomicU16,
    /// Counted up to end every connection there is.
    cut: watch::Sender<u64>,
}

impl Shared {
    fn traffic(&self) -> Traffic {
        Traffic::from_number(self.traffic.load(Ordering::SeqCst))
    }
}

impl RedisProxy {
    /// To the port `target`.
    pub async fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            traffic: AtomicU8::new(Traffic::Passes as u8),
            connections: AtomicU64::new(0),
            target: AtomicU16::new(target),
            cut: watch::channel(0).0,
        });
        let task = tokio::spawn(accept(listener, shared.clone()));
        Self { port, shared, task }
    }

    /// `redis://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What becomes of the octets from now on, on connections old and new.
    pub fn set(&self, traffic: Traffic) {
        self.shared.traffic.store(traffic as u8, Ordering::SeqCst);
        if traffic == Traffic::Ends {
            self.cut();
        }
    }

    /// Leads to another port from now on; connections there are stay with the old one.
    pub fn retarget(&self, target: u16) {
        self.shared.target.store(target, Ordering::SeqCst);
    }

    /// Ends every connection there is.
    pub fn cut(&self) {
        self.shared.cut.send_modify(|cuts| *cuts += 1);
    }

    /// How many connections were made through it.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for RedisProxy {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::SeqCst);
        let shared = shared.clone();
        tokio::spawn(async move {
            if shared.traffic() == Traffic::Ends {
                return;
            }
            let target = shared.target.load(Ordering::SeqCst);
            let Ok(server) = TcpStream::connect(("127.0.0.1", target)).await else { return };
            let mut cut = shared.cut.subscribe();
            let (client_reads, client_writes) = client.into_split();
            let (server_reads, server_writes) = server.into_split();
            tokio::select! {
                () = requests(client_reads, server_writes) => {}
                () = answers(server_reads, client_writes, &shared) => {}
                _ = cut.changed() => {}
            }
        });
    }
}

async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let lost = shared.traffic.compare_exchange(
            Traffic::LosesOneAnswer as u8,
            Traffic::Passes as u8,
            Ordering::SeqCst,
            Ordering::SeqCst,
        );
        if lost.is_ok() {
            return;
        }
        match shared.traffic() {
            Traffic::Passes | Traffic::LosesOneAnswer => {
                if to.write_all(&buffer[..count]).await.is_err() {
                    return;
                }
            }
            Traffic::SwallowsAnswers => {}
            Traffic::LosesAnswers | Traffic::Ends => return,
        }
    }
}
