//! Scripts, their calls and their answers.

use ::redis::{Cmd, Value};
use kernel::{Error, Reason, Result};

/// What stands before every script: role, replication id, fence.
const PRELUDE: &str = include_str!("lua/prelude.lua");

/// A script in Lua that runs as one atomic step on a primary, behind the prelude of `lua/prelude.lua`.
///
/// It finds the server's replication id in `epoch` and its own arguments from `ARGV[2]` on, and answers with a list that
/// begins with a word: `{'FENCED'}` when it found a record of another replication history, which is refused with
/// `TOKEN_STORE_CHANGED` without a look from the caller. To be refused as a whole when the server is full or read-only, it
/// must not write before it has decided everything.
#[derive(Debug)]
pub struct Script {
    source: String,
    hash: String,
}

impl Script {
    /// A script that may write. The server refuses it before it starts where it takes no writes.
    pub fn writing(body: &str) -> Self {
        Self::with("#!lua", body)
    }

    /// A script that only reads; it also runs on a server that is full.
    pub fn reading(body: &str) -> Self {
        Self::with("#!lua flags=no-writes", body)
    }

    fn with(head: &str, body: &str) -> Self {
        let source = format!("{head}\n{PRELUDE}{body}");
        let hash = ::redis::Script::new(&source).get_hash().to_owned();
        Self { source, hash }
    }
}

/// What becomes of a call whose answer is lost, so that nobody knows whether it was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// It fails. Right for whatever consumes something without leaving word of who did.
    Never,
    /// It is repeated, but only on the replication history that it was sent to; where there is another one by then it is
    /// refused with `TOKEN_STORE_CHANGED`. Right for what finds out by itself that it was carried out already.
    SameHistory,
    /// It is repeated wherever the primary is. Right for what changes nothing, or nothing that matters.
    Anywhere,
}

/// One call of a script.
#[derive(Debug)]
pub struct Call<'a> {
    script: &'a Script,
    pub(super) keys: Vec<Vec<u8>>,
    args: Vec<Vec<u8>>,
    pub(super) again: Again,
}

impl<'a> Call<'a> {
    /// A call that is not repeated, without keys and arguments.
    pub fn new(script: &'a Script) -> Self {
        Self { script, keys: Vec::new(), args: Vec::new(), again: Again::Never }
    }

    /// Adds a key, made by [`super::Redis::key`]. All keys of a call must be in one hash slot: they share what stands in
    /// braces (Redis Cluster specification, hash tags).
    #[must_use]
    pub fn key(mut self, key: Vec<u8>) -> Self {
        self.keys.push(key);
        self
    }

    /// Adds an argument: the first is `ARGV[2]`.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<[u8]>) -> Self {
        self.args.push(arg.as_ref().to_vec());
        self
    }

    /// Says what becomes of it when its answer is lost.
    #[must_use]
    pub fn again(mut self, again: Again) -> Self {
        self.again = again;
        self
    }

    /// The command, for a server that knows the script already or does not (`source`).
    pub(super) fn command(&self, pin: &str, source: bool) -> Cmd {
        let mut command = if source { ::redis::cmd("EVAL") } else { ::redis::cmd("EVALSHA") };
        command.arg(if source { &self.script.source } else { &self.script.hash });
        command.arg(self.keys.len());
        for key in &self.keys {
            command.arg(key.as_slice());
        }
        command.arg(pin);
        for arg in &self.args {
            command.arg(arg.as_slice());
        }
        command
    }
}

/// What a script answered: a word, and values after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    word: String,
    values: Vec<Vec<u8>>,
}

impl Answer {
    /// Refused with `INTERNAL` when it is not a list that begins with a word.
    pub(super) fn of(value: Value) -> Result<Self> {
        let unexpected = || Error::internal("a script answered with something else than a word and values");
        let Value::Array(parts) = value else { return Err(unexpected()) };
        let mut octets = parts.into_iter().map(|part| match part {
            Value::BulkString(octets) => Ok(octets),
            Value::SimpleString(text) => Ok(text.into_bytes()),
            Value::Int(number) => Ok(number.to_string().into_bytes()),
            _ => Err(unexpected()),
        });
        let word = octets.next().ok_or_else(unexpected)??;
        let word = String::from_utf8(word).map_err(|_| unexpected())?;
        Ok(Self { word, values: octets.collect::<Result<_>>()? })
    }

    /// What was decided.
    pub fn word(&self) -> &str {
        &self.word
    }

    /// How many values there are.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// The value at a place, counted from zero. Refused with `INTERNAL` when there is none.
    pub fn octets(&self, place: usize) -> Result<&[u8]> {
        self.values.get(place).map(Vec::as_slice).ok_or_else(|| {
            Error::internal(format!("a script answered `{}` without all its values", self.word))
        })
    }

    /// The whole number at a place. Refused with `INTERNAL` when there is none.
    pub fn number(&self, place: usize) -> Result<i64> {
        std::str::from_utf8(self.octets(place)?)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| Error::internal(format!("a script answered `{}` without its number", self.word)))
    }

    /// The refusal of a word that the caller does not know: the script and its caller do not fit together.
    pub fn unexpected(&self) -> Error {
        Error::internal(format!("a script answered `{}`", self.word))
    }

    /// Refuses an answer that stands for a record of another history.
    pub(super) fn unfenced(self) -> Result<Self> {
        if self.word == "FENCED" { Err(changed()) } else { Ok(self) }
    }
}

/// The refusal of a record from another replication history.
fn changed() -> Error {
    Error::new(
        Reason::TokenStoreChanged,
        "the token store was restarted or failed over since this was written, and cannot tell any more whether it was \
         used; prove the factor again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn an_answer_is_a_word_and_values() {
        let answer = Answer::of(Value::Array(vec![bulk("FULL"), Value::Int(7), bulk("x")])).unwrap();
        assert_eq!(
            (answer.word(), answer.number(0).unwrap(), answer.octets(1).unwrap()),
            ("FULL", 7, &b"x"[..])
        );
        for wrong in [answer.octets(2).err(), answer.number(1).err(), Some(answer.unexpected())] {
            assert_eq!(wrong.unwrap().reason(), Reason::Internal);
        }
        for bad in [Value::Nil, Value::Okay, Value::Array(vec![]), Value::Array(vec![Value::Nil])] {
            assert_eq!(Answer::of(bad).unwrap_err().reason(), Reason::Internal);
        }
    }

    #[test]
    fn a_fenced_answer_is_a_refusal() {
        let fenced = Answer::of(Value::Array(vec![bulk("FENCED")])).unwrap();
        assert_eq!(fenced.unfenced().unwrap_err().reason(), Reason::TokenStoreChanged);
    }
}
