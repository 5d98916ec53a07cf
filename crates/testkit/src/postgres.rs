//! A Postgres server of one's own: started on a free port of loopback, broken at will, ended by pid when dropped.

use std::fs::{File, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use storage::sql::DatabaseSettings;
use tempfile::TempDir;

use crate::database::loopback;
use crate::servers::servers_folder;

/// How often a server that is starting or stopping is looked at.
const GLANCE: Duration = Duration::from_millis(10);

/// How often at most, before the test gives up: 30 seconds.
const GLANCES: u32 = 3_000;

/// How many ports are tried, should another process take one first.
const PORTS: u32 = 10;

/// A Postgres server of this test alone, with an empty database `countersign` and the user of that name, who may do
/// everything without a password. The user `locked` needs the password [`PostgresServer::PASSWORD`].
///
/// It keeps its data over [`PostgresServer::kill`], though not over a power cut: `fsync` is off.
pub struct PostgresServer {
    child: Option<Child>,
    port: u16,
    programs: PathBuf,
    folder: TempDir,
    /// Whether it is stopped by [`PostgresServer::pause`]: a stopped process must be continued to be ended in order.
    paused: bool,
}

impl PostgresServer {
    /// The password of the user `locked`.
    pub const PASSWORD: &str = "right horse";

    /// Starts a server with settings of `postgresql.conf`, such as `("max_connections", "10")`.
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        Self::start_with_files(settings, &[]).await
    }

    /// Starts a standby without a primary: it reads its own data, and never writes.
    pub async fn standby() -> Self {
        Self::start_with_files(&[], &[("standby.signal", b"")]).await
    }

    /// Starts a server with settings, and with files of its own in its data folder: certificate, key, `pg_hba.conf`.
    pub async fn start_with_files(settings: &[(&str, &str)], files: &[(&str, &[u8])]) -> Self {
        let shared = servers_folder();
        let folder = tempfile::Builder::new()
            .prefix("postgres-")
            .permissions(Permissions::from_mode(0o711))
            .tempdir_in(shared.join("fixtures"))
            .unwrap();
        let mut server =
            Self { child: None, port: 0, programs: shared.join("postgres-bin"), folder, paused: false };
        let copied = Command::new("cp")
            .args(["-a", "--reflink=auto"])
            .arg(shared.join("postgres-template"))
            .arg(server.data())
            .status();
        assert!(copied.unwrap().success(), "the template in {} cannot be copied", shared.display());
        for (name, content) in files {
            server.write(name, content);
        }
        let own: String = settings.iter().map(|(key, value)| format!("{key} = '{value}'\n")).collect();
        server.write("postgresql.auto.conf", own.as_bytes());
        for _ in 0..PORTS {
            server.port = free_port();
            server.spawn();
            if server.answers().await {
                return server;
            }
            server.kill().await;
            if !server.log().contains("Address already in use") {
                break;
            }
        }
        panic!("postgres does not start:\n{}", server.log());
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `postgres://countersign@127.0.0.1:port/countersign`.
    pub fn url(&self) -> String {
        self.url_of("countersign")
    }

    /// The same for the user `locked`, without the password.
    pub fn locked_url(&self) -> String {
        self.url_of("locked")
    }

    fn url_of(&self, user: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/countersign", self.port)
    }

    /// How a service reaches it, in plaintext.
    pub fn settings(&self) -> DatabaseSettings {
        loopback(self.url())
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Runs SQL as `countersign`, by `psql`, and gives the values: columns by `|`, rows by line ends. Panics when the
    /// server refuses it.
    pub fn sql(&self, sql: &str) -> String {
        let output = Command::new(self.programs.join("psql"))
            .args(["--no-psqlrc", "--no-align", "--tuples-only", "--quiet", "-v", "ON_ERROR_STOP=1"])
            .args(["-h", "127.0.0.1", "-U", "countersign", "-d", "countersign", "-c", sql])
            .args(["-p", &self.port.to_string()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Stops every process of it where it stands (`SIGSTOP`): connections stay open and nothing is answered.
    pub fn pause(&mut self) {
        // The first of them first, so that there are no new ones.
        self.signal("-STOP", &[self.pid()]);
        self.signal("-STOP", &self.children());
        self.paused = true;
    }

    /// Lets it go on (`SIGCONT`).
    pub fn resume(&mut self) {
        self.signal("-CONT", &self.children());
        self.signal("-CONT", &[self.pid()]);
        self.paused = false;
    }

    /// Ends every process of it at once (`SIGKILL`), as a crash does.
    pub async fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let first = child.id();
        self.signal("-STOP", &[first]);
        let children = children_of(first);
        self.signal("-KILL", &children);
        drop(child.kill());
        drop(child.wait());
        self.paused = false;
        // As long as one of them lives, another server must not start on the same data.
        assert!(until(async || !children.iter().any(|pid| runs(*pid))).await, "a killed process lives on");
    }

    /// Ends it in order, cutting connections (`SIGINT`, the "fast" way).
    pub async fn stop(&mut self) {
        if self.paused {
            self.resume();
        }
        self.signal("-INT", &[self.pid()]);
        let mut child = self.child.take().unwrap();
        assert!(
            until(async || child.try_wait().unwrap().is_some()).await,
            "postgres does not end:\n{}",
            self.log()
        );
    }

    /// Starts it again, on the same port and data; ends it first, at once, where it runs. Panics when it does not answer.
    pub async fn restart(&mut self) {
        self.kill().await;
        self.spawn();
        assert!(self.answers().await, "postgres does not start again:\n{}", self.log());
    }

    /// Cuts every connection of clients.
    pub fn cut_connections(&self) {
        self.sql(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                  WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
        );
    }

    /// A file of the data folder, with the owner and rights that the server wants.
    fn write(&self, name: &str, content: &[u8]) {
        let file = self.data().join(name);
        std::fs::write(&file, content).unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let (user, group) = owner(&self.data());
        chown(&file, Some(user), Some(group)).unwrap();
    }

    fn spawn(&mut self) {
        let log = File::options().create(true).append(true).open(self.folder.path().join("log")).unwrap();
        let (user, group) = owner(&self.data());
        let mut command = Command::new(self.programs.join("postgres"));
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]).current_dir("/");
        if user != owner(Path::new("/proc/self")).0 {
            // Postgres refuses to run as root.
            command.uid(user).gid(group);
        }
        let errors = log.try_clone().unwrap();
        self.child = Some(command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().unwrap());
    }

    /// Waits until it takes connections; `false` when the process ended instead.
    async fn answers(&mut self) -> bool {
        let state = self.data().join("postmaster.pid");
        for _ in 0..GLANCES {
            let child = self.child.as_mut().unwrap();
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            // The file may still be that of an earlier run: the pid is in the first line, the state in the eighth.
            let text = std::fs::read_to_string(&state).unwrap_or_default();
            let mut lines = text.lines();
            let ours = lines.next() == Some(child.id().to_string().as_str());
            let ready = lines.nth(6).map(str::trim);
            if ours && matches!(ready, Some("ready" | "standby")) {
                return true;
            }
            tokio::time::sleep(GLANCE).await;
        }
        false
    }

    fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    fn children(&self) -> Vec<u32> {
        children_of(self.pid())
    }

    /// Sends a signal. A process that is gone by now has no need of it.
    fn signal(&self, signal: &str, pids: &[u32]) {
        for pid in pids {
            let _ =
                Command::new("kill").args([signal, &pid.to_string()]).stderr(Stdio::null()).status().unwrap();
        }
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let children = children_of(child.id());
        drop(child.kill());
        drop(child.wait());
        self.signal("-KILL", &children);
    }
}

impl std::fmt::Debug for PostgresServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresServer").field("port", &self.port).finish_non_exhaustive()
    }
}

fn owner(path: &Path) -> (u32, u32) {
    let metadata = std::fs::metadata(path).unwrap();
    (metadata.uid(), metadata.gid())
}

/// The processes that `parent` started.
fn children_of(parent: u32) -> Vec<u32> {
    let wanted = format!("PPid:\t{parent}");
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let status = std::fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        if status.lines().any(|line| line == wanted) {
            found.push(pid);
        }
    }
    found
}

/// Whether a process is there, and not only its exit status.
fn runs(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z') && !line.contains('X'))
}

/// A port on which nobody listens now, below those that the system gives to outgoing connections: a server that is
/// down for a moment finds it free.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Each process begins elsewhere.
    let start = (std::process::id() % 120) as u16 * 100;
    loop {
        let port = 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
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
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_survives_every_way_to_end_it() {
        let mut server = PostgresServer::start(&[("max_connections", "17")]).await;
        assert_eq!(server.sql("SHOW max_connections"), "17");
        server.sql("CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)");
        server.kill().await;
        server.restart().await;
        assert_eq!(server.sql("SELECT id FROM kept"), "1");
        server.stop().await;
        server.restart().await;
        assert_eq!(server.sql("SELECT id FROM kept"), "1");
        server.pause();
        server.resume();
        assert_eq!(server.sql("SELECT id FROM kept"), "1");
        server.pause();
        server.stop().await;
    }

    #[tokio::test]
    async fn a_standby_only_reads() {
        let server = PostgresServer::standby().await;
        assert_eq!(server.sql("SELECT pg_is_in_recovery()"), "t");
    }

    #[tokio::test]
    async fn a_dropped_server_is_gone() {
        let server = PostgresServer::start(&[]).await;
        let (pid, data) = (server.pid(), server.data());
        drop(server);
        assert!(!runs(pid));
        assert!(!data.exists());
    }
}
