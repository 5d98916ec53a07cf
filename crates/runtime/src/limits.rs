//! Bounds that every listener keeps. All are far above what an honest client needs.

use std::time::Duration;

/// The largest request message that is decoded, in bytes: the largest message to sign (64 KiB) and room around it.
pub const MAX_REQUEST_BYTES: usize = 256 * 1024;

/// The largest answer of a peer that is decoded, in bytes.
pub const MAX_RESPONSE_BYTES: usize = 1024 * 1024;

/// The longest a call may run, whatever deadline its caller sets.
pub const MAX_CALL_TIME: Duration = Duration::from_secs(30);

/// Calls in flight per listener; more are told `OVERLOADED`.
pub const MAX_CALLS: usize = 1024;

/// Connections per listener; more wait in the kernel's queue.
pub const MAX_CONNECTIONS: usize = 4096;

/// Streams per HTTP/2 connection.
pub const MAX_STREAMS: u32 = 256;

/// The headers of one request, in bytes: a session token and the usual rest.
pub const MAX_HEADER_BYTES: u32 = 64 * 1024;

/// How long a client may take to send its headers.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long calls in flight may take to finish once the process is told to stop.
pub const DRAIN_TIME: Duration = Duration::from_secs(20);
