//! Keys of identity providers and assertion issuers, inline or by address.
//!
//! An address is asked over https, never redirected, never at a private address (outside dev), with a bound on time
//! and size. What it answered is used for at most five minutes, so that a removed key stops working; a token that
//! names an unknown key has it asked again, at most every ten seconds.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use jose::{Algorithm, ClaimMap, Expect, KeySet, MAX_JWKS_BYTES, TokenError};
use kernel::{Error, Reason, Result, Timestamp};
use tokio::sync::Mutex;
use url::{Host, Url};

use crate::environments::ProviderKeySource;

const MAX_AGE: Duration = Duration::from_secs(300);
const RENEWAL_FLOOR: Duration = Duration::from_secs(10);
const FETCH_TIME: Duration = Duration::from_secs(3);
const CAPACITY: u64 = 4_096;

/// What is known of one address.
#[derive(Debug, Default)]
struct Known {
    /// What it answered last, and when it was asked for that.
    answer: Option<(Arc<KeySet>, Timestamp)>,
    /// When it was asked last, whatever came of it.
    asked: Option<Timestamp>,
}

impl Known {
    /// The keys, if they are younger than `age`.
    fn younger_than(&self, age: Duration, now: Timestamp) -> Option<Arc<KeySet>> {
        let (keys, at) = self.answer.as_ref()?;
        (now >= *at && now.since(*at) < age).then(|| keys.clone())
    }

    fn asked_within(&self, age: Duration, now: Timestamp) -> bool {
        self.asked.is_some_and(|asked| now >= asked && now.since(asked) < age)
    }
}

/// Keys of identity providers and assertion issuers.
#[derive(Clone, Debug)]
pub struct ProviderKeys {
    client: reqwest::Client,
    allow_private: bool,
    known: moka::future::Cache<Url, Arc<Mutex<Known>>>,
}

impl ProviderKeys {
    /// `allow_private` is for dev mode only: then plain http and private addresses will do.
    pub fn new(allow_private: bool) -> Result<Self> {
        let mut client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .https_only(!allow_private)
            .no_proxy()
            .timeout(FETCH_TIME)
            .connect_timeout(FETCH_TIME);
        if !allow_private {
            client = client.dns_resolver(Arc::new(PublicOnly));
        }
        let client = client.build().map_err(Error::internal)?;
        Ok(Self { client, allow_private, known: moka::future::Cache::new(CAPACITY) })
    }

    /// The keys.
    pub(crate) async fn of(&self, source: &ProviderKeySource, now: Timestamp) -> Result<Arc<KeySet>> {
        self.not_older_than(MAX_AGE, source, now).await
    }

    /// Has a token verified with the keys, and if it names none of them after a look whether there are new ones.
    pub(crate) async fn verify(
        &self,
        token: &str,
        source: &ProviderKeySource,
        expect: &Expect<'_>,
        now: Timestamp,
    ) -> Result<Result<ClaimMap, TokenError>> {
        let keys = self.of(source, now).await?;
        let verified = match jose::verify::<ClaimMap>(token, &keys, expect, now) {
            Err(TokenError::UnknownKey) => {
                // They may have begun to use a new key.
                let keys = self.renewed(source, now).await?;
                jose::verify(token, &keys, expect, now)
            }
            result => result,
        };
        Ok(verified.map(|verified| verified.claims))
    }

    /// The keys after a look whether there are new ones.
    async fn renewed(&self, source: &ProviderKeySource, now: Timestamp) -> Result<Arc<KeySet>> {
        self.not_older_than(RENEWAL_FLOOR, source, now).await
    }

    async fn not_older_than(
        &self,
        age: Duration,
        source: &ProviderKeySource,
        now: Timestamp,
    ) -> Result<Arc<KeySet>> {
        let address = match source {
            ProviderKeySource::Inline(keys) => return Ok(keys.clone()),
            ProviderKeySource::Address(address) => address,
        };
        let known = self.known.get_with(address.clone(), async { Arc::default() }).await;
        // One at a time asks; the others wait for its answer.
        let mut known = known.lock().await;
        if let Some(keys) = known.younger_than(age, now) {
            return Ok(keys);
        }
        // Neither a token that names a made-up key nor an address that does not answer has it asked all the time.
        if !known.asked_within(RENEWAL_FLOOR, now) {
            known.asked = Some(now);
            match self.fetch(address).await {
                Ok(keys) => known.answer = Some((Arc::new(keys), now)),
                Err(error) => {
                    tracing::warn!(%address, ?error, "the keys of an identity provider or assertion issuer could not be read");
                }
            }
        }
        // What is not too old is good until there is something newer.
        known
            .younger_than(MAX_AGE, now)
            .ok_or_else(|| unavailable("the address does not answer, and what it said before is too old"))
    }

    async fn fetch(&self, address: &Url) -> Result<KeySet> {
        if !self.allow_private && !is_public_host(address) {
            return Err(unavailable("the address is a private one"));
        }
        let answer = self.client.get(address.clone()).send().await.map_err(unavailable)?;
        if !answer.status().is_success() {
            return Err(unavailable(format!("it answered {}", answer.status())));
        }
        let mut body = Vec::new();
        let mut chunks = answer.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            body.extend_from_slice(&chunk.map_err(unavailable)?);
            if body.len() > MAX_JWKS_BYTES {
                return Err(unavailable("its answer is too large"));
            }
        }
        let text = String::from_utf8(body).map_err(unavailable)?;
        // All of them: environments share what an address answered, and each says for itself which it accepts.
        KeySet::from_jwks_json(&text, &Algorithm::ALL).map_err(unavailable)
    }
}

fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(
        Reason::DependencyUnavailable,
        "the keys of who signed the token could not be read, so it cannot be checked. Try again",
    )
    .cause(cause)
}

/// A host that is an address is never looked up, so it is judged here; a name is judged by what it resolves to.
fn is_public_host(address: &Url) -> bool {
    match address.host() {
        Some(Host::Ipv4(ip)) => is_public(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => is_public(IpAddr::V6(ip)),
        Some(Host::Domain(_)) => true,
        None => false,
    }
}

/// Whether an address is one of the public internet (IANA special-purpose registries).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_broadcast()
                || ip.is_multicast()
                || ip.is_documentation()
                || a == 0
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (b == 18 || b == 19))
                || a >= 240)
        }
        IpAddr::V6(ip) => {
            if let Some(mapped) = ip.to_ipv4_mapped() {
                return is_public(IpAddr::V4(mapped));
            }
            // Only global unicast, 2000::/3, and of it not the documentation, 6to4 and Teredo blocks, which hide an
            // IPv4 address.
            let [first, second, ..] = ip.segments();
            (first & 0xe000) == 0x2000
                && !(first == 0x2001 && (second == 0x0db8 || second == 0))
                && first != 0x2002
        }
    }
}

/// Looks a name up and keeps only its public addresses; the connection is then made to one of these, so that a name
/// cannot mean one thing when checked and another when used.
#[derive(Debug)]
struct PublicOnly;

impl reqwest::dns::Resolve for PublicOnly {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err("the name has no public address".into());
            }
            Ok(Box::new(public.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

#[cfg(test)]
mod tests;
