//! Tokens in Redis: for any number of processes that serve an environment together.
//!
//! Each method is one script, behind the fence of `storage::redis`: a record from before a failover or restart is refused
//! with `TOKEN_STORE_CHANGED`, whatever is in it. Rules that need more than one record, or that change one, are decided
//! in `lua/`; a test compares them with those of [`TokenRecord`], sequence by sequence.
//!
//! A lost answer is asked for again, on the history it was lost on only: `redeem` with its own operation, which finds out
//! by itself whether it was carried out, and `issue` with the identical token, on the history that there was room in.

mod packed;

use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;
use data_encoding::BASE64URL_NOPAD;
use kernel::{EnvironmentId, Error, OperationId, Result, Timestamp, UserId};
use operation::Digest;
use sha2::{Digest as _, Sha256};
use storage::Redis;
use storage::redis::{Again, Answer, Call, Script};

use crate::domain::record::{self, MAX_PER_USER, Payment, RETRY_WINDOW, TokenRecord};
use crate::domain::token::{Token, TokenKey};
use crate::ports::{Redeemed, Room, TokenStore};

/// For how long Redis keeps a record longer than it says something, by its own clock: one that runs fast makes records
/// vanish early, which refuses and never allows.
const SLACK: Duration = Duration::from_secs(60);

macro_rules! script {
    ($kind:ident, $file:literal) => {
        LazyLock::new(|| Script::$kind(concat!(include_str!("redis/lua/records.lua"), include_str!($file))))
    };
}

static ISSUE: LazyLock<Script> = script!(writing, "redis/lua/issue.lua");
static GET: LazyLock<Script> = script!(reading, "redis/lua/get.lua");
static REDEEM: LazyLock<Script> = script!(writing, "redis/lua/redeem.lua");

/// Though it changes nothing: asked before a code is consumed, so it must be refused wherever a token could not be put on
/// file afterwards, by a server that is full or read-only.
static ROOM: LazyLock<Script> = script!(writing, "redis/lua/room.lua");

/// Tokens in Redis.
#[derive(Clone, Debug)]
pub struct RedisTokenStore {
    redis: Redis,
}

impl RedisTokenStore {
    /// In this Redis.
    pub fn new(redis: Redis) -> Self {
        Self { redis }
    }

    fn call<'a>(
        &self,
        script: &'a Script,
        environment: EnvironmentId,
        user: UserId,
        now: Timestamp,
    ) -> Call<'a> {
        Call::new(script).key(self.key(environment, user)).arg(now.millis().to_string())
    }

    /// The key of a user's tokens. In braces, so that whatever else belongs to the user can be in the same hash slot; half
    /// a digest of both ids (128 bits, as many as a user id has), because the key is a good part of what a token takes.
    fn key(&self, environment: EnvironmentId, user: UserId) -> Vec<u8> {
        let mut hash = Sha256::new();
        hash.update(b"countersign/token-owner/v1");
        hash.update(environment.uuid().as_bytes());
        hash.update(user.uuid().as_bytes());
        self.redis.key("tokens", format!("{{{}}}", BASE64URL_NOPAD.encode(&hash.finalize()[..16])))
    }
}

#[async_trait]
impl TokenStore for RedisTokenStore {
    async fn check_room(&self, environment: EnvironmentId, user: UserId, now: Timestamp) -> Result<Room> {
        let call = self.call(&ROOM, environment, user, now).arg(MAX_PER_USER.to_string());
        let answer = self.redis.run(&call.again(Again::Anywhere)).await?;
        match answer.word() {
            "ROOM" => Ok(Room { history: answer.octets(0)?.to_vec() }),
            "FULL" => Err(full(&answer, now)?),
            _ => Err(answer.unexpected()),
        }
    }

    async fn issue(&self, token: &Token, room: &Room, now: Timestamp) -> Result<()> {
        let life = token.forgotten_at().since(now) + SLACK;
        let call = self
            .call(&ISSUE, token.environment, token.user, now)
            .arg(MAX_PER_USER.to_string())
            .arg(RETRY_WINDOW.as_millis().to_string())
            .arg(token.id.uuid().as_bytes())
            .arg(packed::pack(token)?)
            .arg(token.expires.millis().to_string())
            .arg(life.as_millis().to_string())
            .arg(&room.history)
            .arg(token.bound.uses().to_string());
        // Wherever it is asked again, the history is compared.
        let answer = self.redis.run(&call.again(Again::Anywhere)).await?;
        match answer.word() {
            "ISSUED" | "SAME" => Ok(()),
            "ANOTHER" => Err(record::another_token()),
            "CHANGED" => Err(changed()),
            "FULL" => Err(full(&answer, now)?),
            _ => Err(answer.unexpected()),
        }
    }

    async fn get(&self, key: TokenKey, now: Timestamp) -> Result<Option<TokenRecord>> {
        let call = self
            .call(&GET, key.environment, key.user, now)
            .arg(RETRY_WINDOW.as_millis().to_string())
            .arg(key.id.uuid().as_bytes());
        let answer = self.redis.run(&call.again(Again::Anywhere)).await?;
        match answer.word() {
            "NONE" => Ok(None),
            "RECORD" => Ok(Some(TokenRecord {
                token: packed::unpack(key, answer.octets(0)?)?,
                payments: (1..answer.count())
                    .step_by(3)
                    .map(|at| payment(&answer, at))
                    .collect::<Result<_>>()?,
            })),
            _ => Err(answer.unexpected()),
        }
    }

    async fn redeem(
        &self,
        key: TokenKey,
        operation: OperationId,
        digest: Digest,
        now: Timestamp,
    ) -> Result<Redeemed> {
        let call = self
            .call(&REDEEM, key.environment, key.user, now)
            .arg(RETRY_WINDOW.as_millis().to_string())
            .arg(key.id.uuid().as_bytes())
            .arg(operation.uuid().as_bytes())
            .arg(digest.as_bytes());
        let answer = self.redis.run(&call.again(Again::SameHistory)).await?;
        match answer.word() {
            "REDEEMED" => Ok(Redeemed::Now),
            "SAME" => Ok(Redeemed::Earlier),
            "NONE" => Err(record::unknown()),
            "EXPIRED" => Err(record::expired()),
            "SPENT" => Err(record::already_redeemed()),
            _ => Err(answer.unexpected()),
        }
    }
}

/// The refusal of a store that is not the one any more in which there was room.
fn changed() -> Error {
    Error::store_unavailable("the token store was restarted or failed over during the call")
}

/// The refusal of a user who has as many tokens as are kept.
fn full(answer: &Answer, now: Timestamp) -> Result<Error> {
    Ok(record::limit_reached(Timestamp::from_millis(answer.number(0)?).since(now)))
}

/// The payment whose three parts begin at this place.
fn payment(answer: &Answer, place: usize) -> Result<Payment> {
    let operation = uuid::Uuid::from_slice(answer.octets(place)?).map_err(|_| packed::corrupt())?;
    let digest: [u8; 32] = answer.octets(place + 1)?.try_into().map_err(|_| packed::corrupt())?;
    Ok(Payment {
        operation: OperationId::from_uuid(operation),
        digest: Digest::from_bytes(digest),
        at: Timestamp::from_millis(answer.number(place + 2)?),
    })
}

#[cfg(test)]
mod tests;
