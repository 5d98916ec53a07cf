//! Redis servers of one's own: started on a free port of loopback, broken at will, ended by pid when dropped.

mod cluster;
mod proxy;
mod resp;
mod sentinel;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::postgres::free_port;

pub use cluster::RedisCluster;
pub use proxy::{RedisProxy, Traffic};
pub use resp::Reply;
pub use sentinel::RedisSentinels;

/// How often a server that is starting, stopping or catching up is looked at.
const GLANCE: Duration = Duration::from_millis(10);

/// How often at most, before the test gives up: 20 seconds.
const GLANCES: u32 = 2_000;

/// How many ports are tried, should another process take one first.
const PORTS: u32 = 10;

/// A `redis-server` process of this test alone, with nothing but what the options ask for: by default it keeps
/// everything in memory and evicts nothing.
pub struct RedisServer {
    child: Option<Child>,
    port: u16,
    options: BTreeMap<String, String>,
    folder: TempDir,
    /// Whether it is stopped by [`RedisServer::pause`]: a stopped process must be continued to be ended in order.
    paused: bool,
}

impl RedisServer {
    /// Starts a server with options of `redis.conf`, such as `("appendonly", "yes")`.
    pub async fn start(options: &[(&str, &str)]) -> Self {
        let mut all = BTreeMap::new();
        for (key, value) in [
            ("bind", "127.0.0.1"),
            ("save", ""),
            ("appendonly", "no"),
            ("daemonize", "no"),
            ("maxmemory-policy", "noeviction"),
            ("repl-backlog-ttl", "0"),
            // A replica is to be in step at once.
            ("repl-diskless-sync-delay", "0"),
        ]
        .iter()
        .chain(options)
        {
            all.insert((*key).to_owned(), (*value).to_owned());
        }
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self { child: None, port: 0, options: all, folder, paused: false };
        for _ in 0..PORTS {
            server.port = free_port();
            server.spawn();
            if server.answers().await {
                return server;
            }
            server.kill();
        }
        panic!("redis-server does not start:\n{}", server.log());
    }

    /// Starts a replica of this server, in step with it.
    pub async fn replica(&self, options: &[(&str, &str)]) -> Self {
        let replica = Self::start(options).await;
        replica.replica_of(Some(self)).await;
        replica
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `redis://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Where it keeps its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("redis.log")).unwrap_or_default()
    }

    /// One command, on a connection of its own. Panics when there is no answer; an error is an answer.
    pub async fn command(&self, parts: &[&str]) -> Reply {
        self.try_command(parts).await.unwrap_or_else(|error| panic!("{parts:?}: {error}\n{}", self.log()))
    }

    /// One command, on a connection of its own, that may stay without an answer.
    pub async fn try_command(&self, parts: &[&str]) -> std::io::Result<Reply> {
        let parts: Vec<_> = parts.iter().map(|part| part.as_bytes()).collect();
        self.try_raw(&parts).await
    }

    /// One command whose parts need not be text. Panics when there is no answer.
    pub async fn raw(&self, parts: &[&[u8]]) -> Reply {
        self.try_raw(parts).await.unwrap()
    }

    async fn try_raw(&self, parts: &[&[u8]]) -> std::io::Result<Reply> {
        resp::command(self.port, parts).await
    }

    /// Sets an option while the server runs; a restart takes the old one again.
    pub async fn config_set(&self, key: &str, value: &str) {
        self.command(&["CONFIG", "SET", key, value]).await.expect_ok();
    }

    /// Makes it a replica and waits until it is in step; `None` makes it a primary.
    pub async fn replica_of(&self, primary: Option<&RedisServer>) {
        match primary {
            None => self.command(&["REPLICAOF", "NO", "ONE"]).await.expect_ok(),
            Some(primary) => {
                let port = primary.port.to_string();
                self.command(&["REPLICAOF", "127.0.0.1", &port]).await.expect_ok();
                self.in_step_with(primary).await;
            }
        }
    }

    /// Waits until this replica has everything that `primary` has.
    pub async fn in_step_with(&self, primary: &RedisServer) {
        let up = until(async || {
            self.info("replication", "master_link_status").await.as_deref() == Some("up")
                && self.info("replication", "slave_repl_offset").await
                    == primary.info("replication", "master_repl_offset").await
        });
        assert!(up.await, "the replica does not catch up:\n{}", self.log());
    }

    /// A field of `INFO section`, if there is an answer that has it.
    pub async fn info(&self, section: &str, field: &str) -> Option<String> {
        let text = self.try_command(&["INFO", section]).await.ok()?.text()?;
        text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).map(str::to_owned)
    }

    /// The id of its replication history.
    pub async fn replication_id(&self) -> String {
        self.info("replication", "master_replid").await.unwrap()
    }

    /// Stops the process where it stands (`SIGSTOP`): connections stay open and nothing is answered.
    pub fn pause(&mut self) {
        self.signal("-STOP");
        self.paused = true;
    }

    /// Lets it go on (`SIGCONT`).
    pub fn resume(&mut self) {
        self.signal("-CONT");
        self.paused = false;
    }

    /// Ends the process at once (`SIGKILL`), as a crash does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Fails only when the process is gone, which is what is wanted.
            drop(child.kill());
            drop(child.wait());
        }
        self.paused = false;
    }

    /// Ends the process in order (`SIGTERM`): what it is told to save is saved.
    pub async fn stop(&mut self) {
        if self.paused {
            self.resume();
        }
        self.signal("-TERM");
        let mut child = self.child.take().unwrap();
        assert!(
            until(async || child.try_wait().unwrap().is_some()).await,
            "it does not end:\n{}",
            self.log()
        );
    }

    /// Starts the process again, on the same port, with the same options and files. Panics when it does not answer.
    pub async fn restart(&mut self) {
        self.kill();
        self.spawn();
        assert!(self.answers().await, "redis-server does not start again:\n{}", self.log());
    }

    /// Starts the process again with other options beside those it had.
    pub async fn restart_with(&mut self, options: &[(&str, &str)]) {
        for (key, value) in options {
            self.options.insert((*key).to_owned(), (*value).to_owned());
        }
        self.restart().await;
    }

    fn spawn(&mut self) {
        let log =
            File::options().create(true).append(true).open(self.folder.path().join("redis.log")).unwrap();
        let mut command = Command::new("redis-server");
        command.arg("--port").arg(self.port.to_string()).arg("--dir").arg(self.folder.path());
        for (key, value) in &self.options {
            command.arg(format!("--{key}")).args(words(value));
        }
        let errors = log.try_clone().unwrap();
        let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
        self.child = Some(child.expect("redis-server is on this machine: run tests/tools/install"));
    }

    /// Waits until it answers with everything loaded; `false` when the process ended instead.
    async fn answers(&mut self) -> bool {
        for _ in 0..GLANCES {
            if self.child.as_mut().unwrap().try_wait().unwrap().is_some() {
                return false;
            }
            // A server that wants a password answers too.
            let answer = self.try_command(&["PING"]).await;
            if matches!(&answer, Ok(Reply::Simple(_)))
                || matches!(&answer, Ok(Reply::Error(error)) if error.starts_with("NOAUTH"))
            {
                // Of two processes that want one port, the answer may be the other's.
                tokio::time::sleep(GLANCE).await;
                return self.child.as_mut().unwrap().try_wait().unwrap().is_none();
            }
            tokio::time::sleep(GLANCE).await;
        }
        false
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

impl std::fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisServer").field("port", &self.port).finish_non_exhaustive()
    }
}

/// An option's value as arguments: several words are several, nothing is one.
fn words(value: &str) -> Vec<&str> {
    if value.is_empty() { vec![""] } else { value.split(' ').collect() }
}

/// Waits until something is so; `false` when it does not become so.
async fn until(mut so: impl AsyncFnMut() -> bool) -> bool {
    for _ in 0..GLANCES {
        if so().await {
            return true;
        }
        tokio::time::sleep(GLANCE).await;
    }
    false
}

#[cfg(test)]
mod tests;
