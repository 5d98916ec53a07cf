//! Three Sentinels that watch one primary.

use std::fs::File;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{RedisServer, Reply, free_port, resp, until};

/// What the Sentinels call the primary.
const NAME: &str = "tokens";

/// Three Sentinel processes (quorum two) over servers that the test starts. They call a primary gone after half a
/// second without an answer.
pub struct RedisSentinels {
    sentinels: Vec<Sentinel>,
}

struct Sentinel {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl RedisSentinels {
    /// Watches `primary`, and waits until all three know each other and `replicas` replicas.
    pub async fn watch(primary: &RedisServer, replicas: u32) -> Self {
        let sentinels = Self { sentinels: (0..3).map(|_| Sentinel::start(primary.port())).collect() };
        for sentinel in &sentinels.sentinels {
            let ready = until(async || {
                sentinel.field("num-other-sentinels").await.as_deref() == Some("2")
                    && sentinel.field("num-slaves").await == Some(replicas.to_string())
            });
            assert!(ready.await, "the Sentinels do not find each other");
        }
        sentinels
    }

    /// The name under which they know the primary.
    pub fn name(&self) -> &'static str {
        NAME
    }

    /// The addresses of all three, as URLs.
    pub fn urls(&self) -> Vec<String> {
        self.sentinels.iter().map(|sentinel| format!("redis://127.0.0.1:{}", sentinel.port)).collect()
    }

    /// The port of the primary, as the first of them says.
    pub async fn primary(&self) -> u16 {
        let reply = self.sentinels[0].command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]).await;
        match reply {
            Some(Reply::Array(parts)) => parts[1].text().unwrap().parse().unwrap(),
            other => panic!("no primary: {other:?}"),
        }
    }

    /// Waits until they name another primary than `old`, and gives its port.
    pub async fn failed_over_from(&self, old: u16) -> u16 {
        for sentinel in &self.sentinels {
            let over = until(async || {
                let reply = sentinel.command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]).await;
                matches!(reply, Some(Reply::Array(parts)) if parts[1].text() != Some(old.to_string()))
            });
            assert!(over.await, "no failover happens");
        }
        self.primary().await
    }
}

impl Sentinel {
    fn start(primary: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let config = folder.path().join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\ndir {dir}\nsentinel monitor {NAME} 127.0.0.1 {primary} 2\n\
             sentinel down-after-milliseconds {NAME} 500\nsentinel failover-timeout {NAME} 2000\n",
            dir = folder.path().display(),
        );
        std::fs::write(&config, text).unwrap();
        let log = File::create(folder.path().join("sentinel.log")).unwrap();
        let child = Command::new("redis-server")
            .arg(config)
            .arg("--sentinel")
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, port, _folder: folder }
    }

    async fn command(&self, parts: &[&str]) -> Option<Reply> {
        let parts: Vec<_> = parts.iter().map(|part| part.as_bytes()).collect();
        resp::command(self.port, &parts).await.ok()
    }

    /// A field of what it knows of the primary: names and values in turn.
    async fn field(&self, name: &str) -> Option<String> {
        let Some(Reply::Array(parts)) = self.command(&["SENTINEL", "MASTER", NAME]).await else {
            return None;
        };
        parts.chunks(2).find(|pair| pair[0].text().as_deref() == Some(name))?.get(1)?.text()
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        // Fails only when the process is gone, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
