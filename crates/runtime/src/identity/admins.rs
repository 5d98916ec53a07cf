//! Administrators: providers configured at start, which serve no environment.

use std::sync::Arc;
use std::time::Duration;

use jose::{AdminClaims, Algorithm, Expect, KeySet, Kind};
use kernel::{Error, Reason, Result, Timestamp};
use tonic::metadata::MetadataMap;

use super::{NoBearer, bearer};
use crate::call::Grant;

/// How far a provider's clock may differ from ours.
const LEEWAY: Duration = Duration::from_secs(30);

/// The longest an administrator's token is good for, whatever it says.
const MAX_AGE: Duration = Duration::from_secs(12 * 60 * 60);

/// The longest name of an administrator (OpenID Connect Core section 2: at most 255).
const MAX_SUBJECT: usize = 255;

/// A provider of administrators' tokens.
#[derive(Clone, Debug)]
pub struct AdminProvider {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// What their `aud` must contain.
    pub audience: String,
    /// Its public keys.
    pub keys: KeySet,
}

/// A verified administrator.
#[derive(Clone, Debug)]
pub(crate) struct Admin {
    pub(crate) subject: String,
    pub(crate) grants: Vec<Grant>,
}

/// Verifies administrators' tokens.
#[derive(Clone, Debug)]
pub struct Admins {
    providers: Arc<[AdminProvider]>,
}

impl Admins {
    /// With the providers of the configuration.
    pub fn new(providers: Vec<AdminProvider>) -> Self {
        Self { providers: providers.into() }
    }

    pub(crate) fn authenticate(&self, metadata: &MetadataMap, now: Timestamp) -> Result<Admin> {
        let token = bearer(metadata).map_err(|why| match why {
            NoBearer::Missing => Error::new(
                Reason::AdminTokenMissing,
                "send an administrator's token as `authorization: Bearer TOKEN`",
            ),
            NoBearer::Unusable => invalid("the authorization header is not one `Bearer TOKEN`"),
        })?;
        let claimed = jose::peek(token).map_err(invalid)?;
        let mut refused = invalid("no admin provider has the token's issuer");
        for provider in self.providers.iter().filter(|provider| provider.issuer == claimed.issuer()) {
            let expect = Expect {
                kind: Kind::Admin,
                issuer: &provider.issuer,
                audiences: &[&provider.audience],
                algorithms: &Algorithm::ALL,
                leeway: LEEWAY,
                max_age: Some(MAX_AGE),
            };
            match jose::verify::<AdminClaims>(token, &provider.keys, &expect, now) {
                Ok(verified) if !is_name(&verified.claims.sub) => {
                    refused = invalid("the subject is empty, too long, or has control characters");
                }
                Ok(verified) => {
                    let claims = verified.claims;
                    return Ok(Admin {
                        subject: format!("{}#{}", claims.iss, claims.sub),
                        // What is not a grant known here grants nothing.
                        grants: claims.roles.iter().filter_map(|role| role.parse().ok()).collect(),
                    });
                }
                Err(error) => refused = invalid(error),
            }
        }
        Err(refused)
    }
}

/// Whether it can stand in the audit trail, and be read there: a database may refuse a NUL, and a terminal obeys others.
fn is_name(subject: &str) -> bool {
    (1..=MAX_SUBJECT).contains(&subject.len()) && !subject.chars().any(char::is_control)
}

fn invalid(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(
        Reason::AdminTokenInvalid,
        "this administrator's token is not accepted here, or has expired; get a new one",
    )
    .cause(cause)
}
