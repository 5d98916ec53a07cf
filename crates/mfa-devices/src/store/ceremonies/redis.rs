//! Ceremonies in Redis: for any number of processes.
//!
//! Each method is one script. A ceremony from before a failover or restart is not handed out: nobody knows whether it was
//! taken there already. It is to its user as if it had never been; beginning anew costs nothing.

use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;
use data_encoding::BASE64URL_NOPAD;
use kernel::{CeremonyId, Result, Timestamp};
use sha2::{Digest, Sha256};
use storage::Redis;
use storage::redis::{Again, Call, Script};

use super::packed;
use crate::domain::ceremony::{self, MAX_PER_USER};
use crate::domain::{Ceremony, Owner};
use crate::ports::Ceremonies;

/// For how long Redis keeps a ceremony longer than it says something, by its own clock: one that runs fast makes it
/// vanish early, which refuses and never allows.
const SLACK: Duration = Duration::from_secs(60);

macro_rules! script {
    ($file:literal) => {
        LazyLock::new(|| {
            Script::writing(concat!(include_str!("redis/lua/ceremonies.lua"), include_str!($file)))
        })
    };
}

static PUT: LazyLock<Script> = script!("redis/lua/put.lua");
static TAKE: LazyLock<Script> = script!("redis/lua/take.lua");
static FORGET: LazyLock<Script> = LazyLock::new(|| Script::writing(include_str!("redis/lua/forget.lua")));

/// Ceremonies in Redis.
#[derive(Clone, Debug)]
pub(crate) struct RedisCeremonies {
    redis: Redis,
}

impl RedisCeremonies {
    /// In this Redis.
    pub(crate) fn new(redis: Redis) -> Self {
        Self { redis }
    }

    /// The key of a user's ceremonies, in braces: whatever else belongs to the user can be in the same hash slot.
    fn key(&self, owner: Owner) -> Vec<u8> {
        let mut hash = Sha256::new();
        hash.update(b"countersign/ceremony-owner/v1");
        hash.update(owner.environment.uuid().as_bytes());
        hash.update(owner.user.uuid().as_bytes());
        self.redis.key("ceremonies", format!("{{{}}}", BASE64URL_NOPAD.encode(&hash.finalize()[..16])))
    }
}

#[async_trait]
impl Ceremonies for RedisCeremonies {
    async fn put(&self, ceremony: &Ceremony, now: Timestamp) -> Result<()> {
        let life = ceremony.expires.since(now) + SLACK;
        let call = Call::new(&PUT)
            .key(self.key(ceremony.owner))
            .arg(now.millis().to_string())
            .arg(MAX_PER_USER.to_string())
            .arg(ceremony.id.uuid().as_bytes())
            .arg(packed::pack(ceremony)?)
            .arg(ceremony.expires.millis().to_string())
            .arg(life.as_millis().to_string());
        // Found out by itself whether it was carried out: the id is there.
        let answer = self.redis.run(&call.again(Again::SameHistory)).await?;
        match answer.word() {
            "PUT" => Ok(()),
            "FULL" => Err(ceremony::too_many(Timestamp::from_millis(answer.number(0)?).since(now))),
            _ => Err(answer.unexpected()),
        }
    }

    async fn take(&self, owner: Owner, id: CeremonyId, now: Timestamp) -> Result<Option<Ceremony>> {
        let call = Call::new(&TAKE)
            .key(self.key(owner))
            .arg(now.millis().to_string())
            .arg(id.uuid().as_bytes())
            .again(Again::Never);
        let answer = self.redis.run(&call).await?;
        match answer.word() {
            "NONE" => Ok(None),
            "TAKEN" => packed::unpack(owner, id, answer.octets(0)?).map(Some),
            _ => Err(answer.unexpected()),
        }
    }

    async fn forget_user(&self, owner: Owner) -> Result<()> {
        let call = Call::new(&FORGET).key(self.key(owner)).again(Again::Anywhere);
        let answer = self.redis.run(&call).await?;
        match answer.word() {
            "FORGOTTEN" => Ok(()),
            _ => Err(answer.unexpected()),
        }
    }
}

#[cfg(test)]
mod tests;
