//! Whom a token is good for.

use serde::{Deserialize, Serialize};

use super::wire;
use crate::Thumbprint;

/// The key that whoever presents a token has to prove: a confirmation (RFC 7800 section 3.1) by thumbprint (RFC 9449
/// section 6.1). A member that is not known is refused, because it may demand what is not checked here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// The thumbprint of the sender's public key.
    #[serde(with = "wire::text")]
    pub jkt: Thumbprint,
}
