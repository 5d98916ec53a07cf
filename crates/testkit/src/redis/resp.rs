//! The wire protocol, as little of it as a test needs: one command, one reply, one connection.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// How long a server may take for one command of a test.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A status, such as `OK`.
    Simple(String),
    /// A refusal.
    Error(String),
    /// A number.
    Integer(i64),
    /// Octets.
    Bulk(Vec<u8>),
    /// Nothing.
    Nil,
    /// Several.
    Array(Vec<Reply>),
}

impl Reply {
    /// The text, if it is one.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Simple(text) => Some(text.clone()),
            Self::Bulk(octets) => String::from_utf8(octets.clone()).ok(),
            _ => None,
        }
    }

    /// The octets, if it is any.
    pub fn octets(&self) -> Option<&[u8]> {
        match self {
            Self::Bulk(octets) => Some(octets),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// Panics unless the command was carried out.
    pub fn expect_ok(&self) {
        assert!(!matches!(self, Self::Error(_)), "{self:?}");
    }
}

/// Sends one command over a connection of its own.
pub(super) async fn command(port: u16, parts: &[&[u8]]) -> io::Result<Reply> {
    tokio::time::timeout(PATIENCE, exchange(port, parts)).await.map_err(io::Error::other)?
}

async fn exchange(port: u16, parts: &[&[u8]]) -> io::Result<Reply> {
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await?);
    let mut request = format!("*{}\r\n", parts.len()).into_bytes();
    for part in parts {
        request.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
        request.extend_from_slice(part);
        request.extend_from_slice(b"\r\n");
    }
    stream.write_all(&request).await?;
    read(&mut stream).await
}

async fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Reply> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let line = line.trim_end();
    let (kind, rest) = line.split_at_checked(1).ok_or_else(malformed)?;
    let length = || rest.parse::<i64>().map_err(|_| malformed());
    Ok(match kind {
        "+" => Reply::Simple(rest.to_owned()),
        "-" => Reply::Error(rest.to_owned()),
        ":" => Reply::Integer(length()?),
        "$" | "*" if rest == "-1" => Reply::Nil,
        "$" => {
            let mut octets = vec![0; usize::try_from(length()?).map_err(|_| malformed())? + 2];
            stream.read_exact(&mut octets).await?;
            octets.truncate(octets.len() - 2);
            Reply::Bulk(octets)
        }
        "*" => {
            let mut replies = Vec::new();
            for _ in 0..length()? {
                replies.push(Box::pin(read(stream)).await?);
            }
            Reply::Array(replies)
        }
        _ => return Err(malformed()),
    })
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the reply is not RESP2")
}
