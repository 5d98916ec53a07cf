//! Calls to other services of the suite.

use std::time::Duration;

use kernel::secret::ExposeSecret;
use kernel::{Error, Result, SecretText};
use tonic::Request;
use tonic::metadata::MetadataValue;

use crate::trace;

/// A request with a deadline, which the peer keeps too, and the trace it belongs to.
pub fn request<T>(message: T, deadline: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(deadline);
    trace::inject(request.metadata_mut());
    request
}

/// The same on behalf of a user, whose session token goes along.
pub fn on_behalf_of<T>(mut request: Request<T>, bearer: &SecretText) -> Result<Request<T>> {
    let mut value = MetadataValue::try_from(format!("Bearer {}", bearer.expose_secret()))
        .map_err(|_| Error::internal("a verified session token is not a header value"))?;
    // Keeps it out of the logs of the HTTP/2 stack and out of its header compression table.
    value.set_sensitive(true);
    request.metadata_mut().insert("authorization", value);
    Ok(request)
}
