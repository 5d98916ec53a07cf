//! The commands as they are typed.

mod files;
mod issuer;
mod marked;
mod rewrapping;
mod statements;

use std::path::{Path, PathBuf};

use clap::{CommandFactory as _, Parser as _};
use kernel::{Clock as _, Error, Result};
use runtime::SystemClock;
use sea_orm::DatabaseConnection;
use storage::sql::TlsMode;
use storage::{FileWitness, mark};
use testkit::Scratch;

use crate::cli::{Cli, Command};
use crate::settings::{RoleSettings, Settings};

/// A deployment of which only files and databases are there.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Types a command. Words that begin with `@` are files of the place.
    async fn type_in(&self, line: &str) -> Result<()> {
        let words = line.split_whitespace().map(|word| match word.strip_prefix('@') {
            Some(name) => self.path(name).into_os_string(),
            None => word.into(),
        });
        run(std::iter::once("countersign".into()).chain(words)).await
    }

    async fn refused(&self, line: &str) -> String {
        self.type_in(line).await.unwrap_err().message().to_owned()
    }

    /// Writes the configuration of a role on a database, in dev mode.
    fn configure(&self, role: &str, scratch: &Scratch) -> PathBuf {
        let folder = self.folder.path().display();
        let database = scratch.settings();
        let mut text = format!(
            r#"mode = "dev"
deployment = "main"
[[admins]]
issuer = "https://admin.example"
audience = "countersign"
jwks_file = "{folder}/admins.jwks.json"
[witness]
folder = "{folder}/witness"
[{role}]
public.listen = "127.0.0.1:0"
health.listen = "127.0.0.1:0"
peer.listen = "127.0.0.1:0"
tls = {{ certificate_file = "{folder}/a.pem", key_file = "{folder}/a.key.pem", authorities_file = "{folder}/ca.pem" }}
database.url = "{}"
"#,
            database.url
        );
        if let Some(schema) = &database.schema {
            text += &format!("database.schema = \"{schema}\"\n");
        }
        if database.tls.mode == TlsMode::Disable && database.is_postgres() {
            text += "database.tls.mode = \"disable\"\n";
        }
        text += &match role {
            "mfa-devices" => format!(
                r#"keys_file = "{folder}/mfa.json"
peer.callers = {{ "token-issuer.example" = "token-issuer" }}
policy.url = "https://policy.example:1"
receipts.issuer = "https://issuer.example"
receipts.operator_root_file = "{folder}/root.pub.json"
receipts.statement_file = "{folder}/statement.jwt"
"#
            ),
            "token-issuer" => format!(
                r#"keys_file = "{folder}/issuer.json"
peer.callers = {{ "gateway.example" = "waas-gateway" }}
policy.url = "https://policy.example:1"
mfa_devices.url = "https://mfa.example:1"
issuer = "https://issuer.example"
node_group = "main"
"#
            ),
            _ => "peer.callers = { \"gateway.example\" = \"waas-gateway\" }\n".to_owned(),
        };
        let path = self.path(&format!("{role}.toml"));
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The database of a role, as its configuration says: migrated, and of nobody yet.
    async fn nobodys<R: RoleSettings>(&self, scratch: &Scratch) -> (Settings<R>, DatabaseConnection) {
        let config = self.configure(R::ROLE.name(), scratch);
        std::fs::create_dir_all(self.path("witness")).unwrap();
        let settings = Settings::<R>::load(Some(&config)).unwrap();
        let database = settings.open_database().await.unwrap();
        storage::sql::migrate::<R::Migrator>(&database).await.unwrap();
        (settings, database)
    }

    /// The same after the first start of the role.
    async fn database<R: RoleSettings>(&self, scratch: &Scratch) -> DatabaseConnection {
        let (settings, database) = self.nobodys::<R>(scratch).await;
        mark::claim(&database, &settings.owner().unwrap(), SystemClock.now()).await.unwrap();
        database
    }

    fn witness(&self) -> FileWitness {
        FileWitness::new(self.path("witness"))
    }
}

/// Runs what is typed, as `main` does.
async fn run(words: impl IntoIterator<Item = std::ffi::OsString>) -> Result<()> {
    let cli =
        Cli::try_parse_from(words).map_err(|error| Error::invalid("command line", error.to_string()))?;
    match cli.command {
        Command::Keys { action } => super::run(action).await,
        Command::Migrate(options) => crate::commands::migrate::run(&options).await,
        Command::Restore { action } => crate::commands::restore::run(&action).await,
        _ => Err(Error::invalid("command line", "is another")),
    }
}

/// A scratch database on each backend.
fn backends() -> [(&'static str, Scratch); 2] {
    [("sqlite", Scratch::sqlite()), ("postgres", Scratch::postgres())]
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_command_line_is_whole_and_dev_is_what_it_was() {
    Cli::command().debug_assert();
    for line in [
        "dev",
        "dev --listen 127.0.0.1:0 --data x",
        "dev certs --deployment main --out certs --days 7 --node a",
    ] {
        Cli::try_parse_from(format!("countersign {line}").split_whitespace()).unwrap();
    }
    let both = "countersign dev --listen 127.0.0.1:0 certs --deployment main --out certs";
    assert!(Cli::try_parse_from(both.split_whitespace()).is_err());
    for line in [
        "keys encryption new --role policy --deployment main --out x",
        "keys issuer prepare --purpose session",
    ] {
        assert!(Cli::try_parse_from(format!("countersign {line}").split_whitespace()).is_err(), "{line}");
    }
}
