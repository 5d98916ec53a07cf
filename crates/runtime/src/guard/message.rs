//! Reading a message without letting anybody fill the memory: what is here of messages is counted in octets, per
//! connection and per listener.
//!
//! Each connection has a small share that nobody else can take, so that whoever sends large messages slowly over many
//! connections keeps nobody else's small ones out. What goes beyond comes from a pool of the listener, of which one
//! connection gets a part only.

use std::sync::Arc;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use kernel::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{limits, status};

/// What stands before a message on the wire (gRPC over HTTP/2): a flag and a length.
const FRAME_BYTES: usize = 5;

/// The octets that one connection may have here.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    /// Its alone.
    own: Arc<Semaphore>,
    /// The part of the pool that it may take.
    pooled: Arc<Semaphore>,
}

impl Default for Share {
    fn default() -> Self {
        Self {
            own: Arc::new(Semaphore::new(limits::OWN_MESSAGE_BYTES)),
            pooled: Arc::new(Semaphore::new(limits::MAX_CONNECTION_MESSAGE_BYTES)),
        }
    }
}

/// Octets that are taken until it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    permits: Vec<OwnedSemaphorePermit>,
}

/// The octets that all connections of a listener share.
#[derive(Clone, Debug)]
pub(super) struct Pool(Arc<Semaphore>);

impl Default for Pool {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(limits::MAX_MESSAGE_BYTES)))
    }
}

/// Why a message is not here.
pub(super) enum Unread {
    /// No more of it may be here: it is told to come again.
    Overloaded,
    /// It is no message that anybody wants.
    Bad(Error),
}

impl Pool {
    /// Reads a message to its end.
    pub(super) async fn read(&self, mut body: Body, share: &Share) -> Result<(Bytes, Taken), Unread> {
        // Gathered in one piece: of many tiny frames each would keep the whole buffer that it came in.
        let mut message = BytesMut::new();
        let mut taken = Taken::default();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Unread::Bad(status::malformed("the message broke off")))?;
            let Ok(data) = frame.into_data() else { continue };
            if message.len() + data.len() > limits::MAX_REQUEST_BYTES + FRAME_BYTES {
                return Err(Unread::Bad(status::too_large()));
            }
            if !self.take(share, data.len(), &mut taken) {
                return Err(Unread::Overloaded);
            }
            message.extend_from_slice(&data);
        }
        Ok((message.freeze(), taken))
    }

    /// Takes octets, of the connection's own as far as it goes.
    fn take(&self, share: &Share, octets: usize, taken: &mut Taken) -> bool {
        let own = take(&share.own, octets.min(share.own.available_permits()));
        let rest = octets - own.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if rest > 0 {
            let (Some(part), Some(pooled)) = (take(&share.pooled, rest), take(&self.0, rest)) else {
                return false;
            };
            taken.add(part);
            taken.add(pooled);
        }
        if let Some(own) = own {
            taken.add(own);
        }
        true
    }
}

impl Taken {
    /// One permit for each place that octets come from, however many frames there are.
    fn add(&mut self, permit: OwnedSemaphorePermit) {
        match self.permits.iter_mut().find(|held| Arc::ptr_eq(held.semaphore(), permit.semaphore())) {
            Some(held) => held.merge(permit),
            None => self.permits.push(permit),
        }
    }
}

fn take(from: &Arc<Semaphore>, octets: usize) -> Option<OwnedSemaphorePermit> {
    from.clone().try_acquire_many_owned(u32::try_from(octets).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(octets: usize, frame: usize) -> Body {
        let frames = vec![vec![7_u8; frame]; octets / frame];
        Body::from_stream(futures::stream::iter(frames.into_iter().map(Ok::<_, std::io::Error>)))
    }

    async fn read(pool: &Pool, share: &Share, octets: usize) -> Result<(Bytes, Taken), &'static str> {
        pool.read(body(octets, 1024), share).await.map_err(|unread| match unread {
            Unread::Overloaded => "overloaded",
            Unread::Bad(_) => "bad",
        })
    }

    #[tokio::test]
    async fn a_message_takes_its_octets_until_it_is_dropped() {
        let (pool, share) = (Pool::default(), Share::default());
        let (message, taken) = read(&pool, &share, 200 * 1024).await.unwrap();
        assert_eq!(message.len(), 200 * 1024);
        assert_eq!(share.own.available_permits(), 0, "its own first");
        let rest = 200 * 1024 - limits::OWN_MESSAGE_BYTES;
        assert_eq!(share.pooled.available_permits(), limits::MAX_CONNECTION_MESSAGE_BYTES - rest);
        assert_eq!(pool.0.available_permits(), limits::MAX_MESSAGE_BYTES - rest);
        drop(taken);
        assert_eq!(share.own.available_permits(), limits::OWN_MESSAGE_BYTES);
        assert_eq!(share.pooled.available_permits(), limits::MAX_CONNECTION_MESSAGE_BYTES);
        assert_eq!(pool.0.available_permits(), limits::MAX_MESSAGE_BYTES);
    }

    #[tokio::test]
    async fn one_connection_gets_its_part_and_no_more() {
        let (pool, share) = (Pool::default(), Share::default());
        let most = (limits::MAX_CONNECTION_MESSAGE_BYTES + limits::OWN_MESSAGE_BYTES) / (256 * 1024);
        let mut held = Vec::new();
        for _ in 0..most {
            held.push(read(&pool, &share, 256 * 1024).await.unwrap());
        }
        assert_eq!(read(&pool, &share, 256 * 1024).await.unwrap_err(), "overloaded");
        assert!(read(&pool, &Share::default(), 256 * 1024).await.is_ok(), "others have theirs");
        held.clear();
        assert!(read(&pool, &share, 256 * 1024).await.is_ok());
    }

    #[tokio::test]
    async fn what_is_refused_gives_back_what_it_took() {
        let (pool, share) = (Pool::default(), Share::default());
        assert_eq!(read(&pool, &share, 300 * 1024).await.unwrap_err(), "bad");
        let drained = Pool(Arc::new(Semaphore::new(1024)));
        assert_eq!(read(&drained, &share, 256 * 1024).await.unwrap_err(), "overloaded");
        assert_eq!(share.own.available_permits(), limits::OWN_MESSAGE_BYTES);
        assert_eq!(share.pooled.available_permits(), limits::MAX_CONNECTION_MESSAGE_BYTES);
        assert_eq!(drained.0.available_permits(), 1024);
    }

    #[test]
    fn what_all_connections_have_of_their_own_is_no_more_than_the_limits_say() {
        const { assert!(limits::OWN_MESSAGE_BYTES * limits::MAX_CONNECTIONS <= 64 * 1024 * 1024) };
        const { assert!(limits::MAX_CONNECTION_MESSAGE_BYTES < limits::MAX_MESSAGE_BYTES) };
        const { assert!(limits::MAX_CONNECTION_MESSAGE_BYTES > limits::MAX_REQUEST_BYTES) };
    }
}
