//! Ports for processes that are told where to listen before they start.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

use super::fresh;

/// Where a process listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) public: u16,
    pub(crate) peer: u16,
    pub(crate) health: u16,
}

/// Ports that nobody has now, below those that the system gives out by itself and those of the test servers: a port from
/// there could be somebody else's by the time that it is bound. No two are the same in one run of the tests.
pub(crate) fn free_ports() -> Ports {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let free = || loop {
        let [high, low] = kernel::entropy::bytes::<2>(fresh::entropy());
        let port = 10_000 + u16::from_be_bytes([high, low]) % 10_000;
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && given.insert(port) {
            return port;
        }
    };
    Ports { public: free(), peer: free(), health: free() }
}
