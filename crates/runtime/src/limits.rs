//! Bounds that every listener keeps. All are far above what an honest client needs.

use std::time::Duration;

/// The largest request message that is decoded, in bytes: the largest message to sign (64 KiB) and room around it.
pub const MAX_REQUEST_BYTES: usize = 256 * 1024;

/// The largest answer of a peer that is decoded, in bytes.
pub const MAX_RESPONSE_BYTES: usize = 1024 * 1024;

/// The longest a call may run, whatever deadline its caller sets.
pub const MAX_CALL_TIME: Duration = Duration::from_secs(30);

/// The longest that a use case may work, also after its caller has gone: longer than what the suite waits for within one,
/// and less than [`MAX_CALL_TIME`], so that a caller who waits is told that something did not answer.
pub const MAX_WORK_TIME: Duration = Duration::from_secs(28);

/// Calls in flight per listener; more are told `OVERLOADED`. A call counts once its message is here, so that nobody
/// takes places by sending slowly.
pub const MAX_CALLS: usize = 1024;

/// Octets of request messages that a listener has in memory, beside what each connection has of its own: of calls in
/// flight and of messages that are still coming. More are told `OVERLOADED`. A message that is still coming may take up to
/// twice its octets.
pub const MAX_MESSAGE_BYTES: usize = 32 * 1024 * 1024;

/// What one connection may take of them.
pub const MAX_CONNECTION_MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// Octets of request messages that each connection has room for whatever others do: 64 MiB for all of them.
pub const OWN_MESSAGE_BYTES: usize = 16 * 1024;

/// Health checks in flight per listener, beside the calls: a busy process is not an ill one.
pub const MAX_CHECKS: usize = 64;

/// Streams per listener: health watches and reflection.
pub const MAX_LISTENERS: usize = 64;

/// The largest message on a stream, in bytes: the name of a service, or of what reflection is asked about.
pub const MAX_STREAM_MESSAGE_BYTES: usize = 16 * 1024;

/// How long a client may take to send its message once it has sent its headers.
pub const MESSAGE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a new connection may be silent before its first request.
pub const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a connection may go without a request.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// Connections per listener; more wait in the kernel's queue.
pub const MAX_CONNECTIONS: usize = 4096;

/// TLS handshakes under way per listener; more wait, within their time.
pub const MAX_HANDSHAKES: usize = 128;

/// How long a TLS handshake may take, waiting for its turn included.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// How old a connection may get, give or take a tenth: it is then closed once its calls are answered, and its client
/// connects again. So certificates are looked at again, and a client finds servers that were added.
pub const MAX_CONNECTION_AGE: Duration = Duration::from_secs(600);

/// How long a connection that is being closed may stay for its calls: longer than any of them takes.
pub const CLOSING_TIME: Duration = Duration::from_secs(40);

/// Streams per HTTP/2 connection.
pub const MAX_STREAMS: u32 = 128;

/// Octets that a client may send ahead on one stream, and on all streams of one connection, before they are read
/// (RFC 9113 section 5.2). They are read at once, into what is bounded above.
pub const STREAM_WINDOW: u32 = 64 * 1024;

/// As [`STREAM_WINDOW`], for all streams of a connection.
pub const CONNECTION_WINDOW: u32 = 256 * 1024;

/// The headers of one request, in bytes: a session token and the usual rest.
pub const MAX_HEADER_BYTES: u32 = 64 * 1024;

/// How long a client may take to send its headers.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long calls in flight may take to finish once the process is told to stop.
pub const DRAIN_TIME: Duration = Duration::from_secs(20);
