//! Servers that are not what they seem.

use super::*;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const EPOCH: &str = "3d70025265b2fde173df15f2785a12cf53b1e8eb";
const OTHER: &str = "0123456789abcdef0123456789abcdef01234567";

/// A server that answers INFO with a text, and any script as if it had seen an id.
struct Pretender {
    port: u16,
    task: JoinHandle<()>,
}

impl Drop for Pretender {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Pretender {
    async fn start(info: String, seen_by_script: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, info.clone(), seen_by_script.clone()));
            }
        });
        Self { port, task }
    }

    fn settings(&self) -> RedisSettings {
        at(format!("redis://127.0.0.1:{}", self.port))
    }
}

async fn serve(stream: TcpStream, info: String, seen_by_script: String) {
    let mut stream = BufReader::new(stream);
    while let Some(command) = read(&mut stream).await {
        let answer = match command[0].as_str() {
            "INFO" => format!("${}\r\n{info}\r\n", info.len()),
            "EVAL" => format!("*3\r\n+PROBED\r\n+{seen_by_script}\r\n+EXACT\r\n"),
            _ => "-ERR unknown command\r\n".to_owned(),
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

pub(super) async fn read(stream: &mut BufReader<TcpStream>) -> Option<Vec<String>> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|count| *count > 0)?;
    let mut parts = Vec::new();
    for _ in 0..line.trim()[1..].parse::<usize>().unwrap() {
        let mut length = String::new();
        stream.read_line(&mut length).await.ok()?;
        let mut octets = vec![0; length.trim()[1..].parse::<usize>().unwrap() + 2];
        stream.read_exact(&mut octets).await.ok()?;
        octets.truncate(octets.len() - 2);
        parts.push(String::from_utf8_lossy(&octets).into_owned());
    }
    Some(parts)
}

fn like_redis(id: &str) -> String {
    format!(
        "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nrole:master\r\nloading:0\r\n\
         master_replid:{id}\r\nmaxmemory_policy:noeviction\r\ncluster_enabled:0\r\n"
    )
}

#[tokio::test]
async fn a_server_that_nobody_knows_is_not_used() {
    let keydb = like_redis(EPOCH).replace("redis_version:7.0.15", "redis_version:6.3.4\r\nmvcc_depth:0");
    let dragonfly = like_redis(EPOCH).replace("7.0.15", "7.4.0\r\ndragonfly_version:df-v1.23.1");
    let next = like_redis(EPOCH).replace("7.0.15", "9.1.0");
    for (info, name, allow) in [
        (keydb, "keydb/6.3", "keydb/6"),
        (dragonfly, "dragonfly/1.23", "dragonfly/1.23"),
        (next, "redis/9.1", "redis/9"),
    ] {
        let server = Pretender::start(info, EPOCH.to_owned()).await;
        let why = refused(&server.settings()).await;
        assert!(why.contains(name) && why.contains("redis.allow"), "{why}");
        // Allowed, it is probed like any other; this one has no more to offer.
        let allowed = RedisSettings { allow: vec![allow.to_owned()], ..server.settings() };
        let why = refused(&allowed).await;
        assert!(why.contains("cannot be used") && why.contains("unknown command"), "{why}");
    }
}

#[tokio::test]
async fn a_server_whose_scripts_see_something_else_is_not_used() {
    let server = Pretender::start(like_redis(EPOCH), OTHER.to_owned()).await;
    let why = refused(&server.settings()).await;
    assert!(why.contains("another replication id"), "{why}");
    let zero = "0".repeat(40);
    let server = Pretender::start(like_redis(&zero), zero).await;
    let why = refused(&server.settings()).await;
    assert!(why.contains("master_replid"), "{why}");
}

#[tokio::test]
async fn what_is_no_redis_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await);
        }
    });
    let why = refused(&at(url)).await;
    assert!(why.contains("does not answer INFO as Redis does"), "{why}");
    task.abort();
}
