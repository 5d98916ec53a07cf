//! A witness in Redis.

use std::sync::LazyLock;

use async_trait::async_trait;
use kernel::{Error, Result};

use super::call::{Again, Answer, Call, Script};
use super::client::Redis;
use crate::witness::{Witness, away, check_name, check_value};

static READ: LazyLock<Script> = LazyLock::new(|| Script::reading(include_str!("lua/read.lua")));
static RAISE: LazyLock<Script> = LazyLock::new(|| Script::writing(include_str!("lua/raise.lua")));

/// A witness in Redis.
///
/// Not fenced: it is to outlive failovers, and whoever it is behind raises it again. A failover may cost it the last
/// raises, and a Redis that loses everything forgets every name, which nobody can tell from a name that never was. So it
/// needs a server that keeps what it acknowledged (`appendonly yes`, `appendfsync always`) and that is not put back
/// together with a database; else use [`crate::FileWitness`].
#[derive(Clone, Debug)]
pub struct RedisWitness {
    redis: Redis,
}

impl RedisWitness {
    /// In this Redis.
    pub fn new(redis: Redis) -> Self {
        Self { redis }
    }

    async fn run(&self, call: Call<'_>) -> Result<Option<u64>> {
        // Doing it twice is doing it once.
        let answer = self.redis.run(&call.again(Again::Anywhere)).await.map_err(|error| {
            let cause = error.internal_cause().map_or_else(|| error.to_string(), ToString::to_string);
            away(cause)
        })?;
        kept(&answer)
    }

    fn key(&self, name: &str) -> Result<Vec<u8>> {
        check_name(name)?;
        Ok(self.redis.key("witness", name))
    }
}

/// A value that no witness has written is as good as none.
fn kept(answer: &Answer) -> Result<Option<u64>> {
    match answer.word() {
        "NONE" => Ok(None),
        "HIGHEST" => {
            let value = answer.number(0).ok().and_then(|value| u64::try_from(value).ok());
            let value = value.filter(|value| check_value(*value).is_ok());
            value.map(Some).ok_or_else(corrupt)
        }
        "CORRUPT" => Err(corrupt()),
        _ => Err(answer.unexpected()),
    }
}

fn corrupt() -> Error {
    away("what Redis has under its key is no witnessed number".to_owned())
}

#[async_trait]
impl Witness for RedisWitness {
    async fn read(&self, name: &str) -> Result<Option<u64>> {
        self.run(Call::new(&READ).key(self.key(name)?)).await
    }

    async fn raise(&self, name: &str, value: u64) -> Result<u64> {
        let key = self.key(name)?;
        check_value(value)?;
        let highest = self.run(Call::new(&RAISE).key(key).arg(value.to_string())).await?;
        highest.ok_or_else(corrupt)
    }
}
