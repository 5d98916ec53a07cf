//! The client data: what the browser says the ceremony was (WebAuthn Level 3 section 5.8.1).

use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::rejection::{Rejected, rejected};

/// Which ceremony it must be of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Create,
    Get,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "webauthn.create",
            Self::Get => "webauthn.get",
        }
    }
}

/// The client data. Members that nobody knows are allowed, and say nothing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: Option<bool>,
    top_origin: Option<IgnoredAny>,
    token_binding: Option<TokenBinding>,
}

/// Of earlier versions of the specification.
#[derive(Deserialize)]
struct TokenBinding {
    status: String,
}

impl ClientData {
    pub(super) fn parse(octets: &[u8]) -> Result<Self, Rejected> {
        serde_json::from_slice(octets).map_err(|_| rejected("the client data is not JSON of its kind"))
    }

    /// WebAuthn Level 3 section 7.1 steps 7 to 11 and section 7.2 steps 10 to 14, to the letter: nothing is normalised.
    /// Ceremonies in frames of other origins are not expected.
    pub(super) fn check(&self, kind: Kind, challenge: &[u8; 32], origins: &[String]) -> Result<(), Rejected> {
        if self.kind != kind.name() {
            return Err(rejected("the client data is of another kind of ceremony"));
        }
        if self.challenge != BASE64URL_NOPAD.encode(challenge) {
            return Err(rejected("the challenge is another one"));
        }
        if !origins.contains(&self.origin) {
            return Err(rejected("the origin is not one of the relying party"));
        }
        if self.cross_origin == Some(true) || self.top_origin.is_some() {
            return Err(rejected("the ceremony was in a frame of another origin"));
        }
        if self.token_binding.as_ref().is_some_and(|binding| binding.status == "present") {
            return Err(rejected("the ceremony was bound to a TLS connection, which is not known here"));
        }
        Ok(())
    }
}
