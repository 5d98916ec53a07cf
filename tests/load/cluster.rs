//! A process per role on servers of its own, as docs/deployment.md has it, with the log at its default level.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use testkit::{PostgresServer, RedisServer};
use tonic::transport::Channel;

use crate::echo::READY;
use crate::measure::until;
use crate::support::child::Running;
use crate::support::deployment::{Deployment, Stores, processes, role_of};
use crate::support::dev::{DevSuite, open};
use crate::support::processes::behind_fronts;
use crate::support::tools::{countersign, program};

/// A service that runs.
pub(crate) struct Service {
    running: Running,
    /// From its start until it says that it is ready.
    pub(crate) ready: Duration,
}

impl Service {
    pub(crate) fn pid(&self) -> u32 {
        self.running.pid()
    }
}

/// Everything that runs. Services end before the folder goes and before their servers do.
pub(crate) struct Cluster {
    pub(crate) services: BTreeMap<&'static str, Service>,
    echo: Running,
    echo_port: u16,
    pub(crate) suite: DevSuite,
    pub(crate) postgres: PostgresServer,
    pub(crate) redis: RedisServer,
}

impl Cluster {
    /// Starts it. What Postgres confirms is on disk.
    pub(crate) async fn start() -> Self {
        let postgres = PostgresServer::start(&[("fsync", "on"), ("full_page_writes", "on")]).await;
        let redis = RedisServer::start(&[]).await;
        let stores = Stores::Servers { postgres: postgres.url(), redis: redis.url() };
        let deployment = Deployment::prepare("load", stores);
        let services = processes().map(|name| (name, start(&deployment, name))).collect();
        let mut command = program(std::env::current_exe().unwrap());
        command.arg("--echo").arg(deployment.path("certs")).args(["--redis", &redis.url()]);
        let echo = Running::start("load-echo", &command);
        let said = echo.output_until(|line| line.starts_with(READY));
        let echo_port = said.trim().strip_prefix(READY).unwrap().parse().unwrap();
        Self { services, echo, echo_port, suite: behind_fronts(deployment), postgres, redis }
    }

    fn deployment(&self) -> &Deployment {
        self.suite.deployment().expect("a process per role")
    }

    /// Connections straight to the issuer, as a client has them.
    pub(crate) fn to_issuer(&self, count: usize) -> Vec<Channel> {
        self.connections(count, self.deployment().ports("token-issuer").public)
    }

    /// The same to the bare service.
    pub(crate) fn to_echo(&self, count: usize) -> Vec<Channel> {
        self.connections(count, self.echo_port)
    }

    fn connections(&self, count: usize, port: u16) -> Vec<Channel> {
        let authority = self.deployment().authority().expect("TLS");
        let url = format!("https://localhost:{port}");
        (0..count).map(|_| open(&url, Some(&authority))).collect()
    }

    /// The bare service's process.
    pub(crate) fn echo_pid(&self) -> u32 {
        self.echo.pid()
    }

    /// The first process of Postgres.
    pub(crate) fn postgres_pid(&self) -> u32 {
        let text = std::fs::read_to_string(self.postgres.data().join("postmaster.pid")).unwrap();
        text.lines().next().unwrap().parse().unwrap()
    }

    /// Redis's process.
    pub(crate) async fn redis_pid(&self) -> u32 {
        self.redis.info("server", "process_id").await.unwrap().parse().unwrap()
    }
}

fn start(deployment: &Deployment, name: &'static str) -> Service {
    let config = deployment.config(name);
    // As many as is the default; the tests get by with fewer.
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("max_connections = 8", "max_connections = 16")).unwrap();
    let mut command = countersign();
    command.args(["serve", "--role", role_of(name), "--config"]).arg(config);
    let running = Running::start(&format!("load-{name}"), &command);
    let health = deployment.ports(name).health;
    let ready = until(|| is_ready(health));
    running.output_until(|line| line.contains("health listener ready"));
    Service { running, ready }
}

/// Whether `GET /readyz` says so.
fn is_ready(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut answer = String::new();
    let asked = stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200")
}
