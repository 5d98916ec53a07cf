//! Who is calling: users by session token, administrators by admin token, peers by their connection.

mod admins;
mod assertions;
mod provider_keys;
mod sessions;

use tonic::metadata::MetadataMap;

pub use admins::{AdminProvider, Admins};
pub use assertions::{Assertion, Assertions};
pub use provider_keys::ProviderKeys;
pub use sessions::{Refused, Session, Sessions};

/// The role of the service at the other end of a connection; in a request's extensions when it is one of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerIdentity(pub String);

/// The one bearer token of a call (RFC 6750 section 2.1).
fn bearer(metadata: &MetadataMap) -> Result<&str, NoBearer> {
    let mut values = metadata.get_all("authorization").iter();
    let value = values.next().ok_or(NoBearer::Missing)?;
    if values.next().is_some() {
        return Err(NoBearer::Unusable);
    }
    let text = value.to_str().map_err(|_| NoBearer::Unusable)?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() => Ok(token),
        _ => Err(NoBearer::Unusable),
    }
}

/// Why there is no token to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NoBearer {
    /// There is none.
    Missing,
    /// More than one, or not of the form `Bearer TOKEN`.
    Unusable,
}
