//! The other services, behind the ports.

mod issuer;
mod nodes;

use std::future::Future;
use std::time::Duration;

use kernel::{Error, Reason, Result};
use runtime::status::from_status;
use tonic::{Response, Status};

pub(crate) use issuer::IssuerPeer;
pub(crate) use nodes::NodePeers;

/// The answer of a call, or the refusal as an error of ours. The deadline is kept here too: the one in the request does
/// not cover the time in which a connection is made.
async fn answer<T>(deadline: Duration, call: impl Future<Output = Result<Response<T>, Status>>) -> Result<T> {
    match tokio::time::timeout(deadline, call).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(from_status(&status)),
        Err(elapsed) => Err(Error::new(
            Reason::DependencyUnavailable,
            "a service this depends on did not answer in time. Try again",
        )
        .cause(elapsed)),
    }
}
