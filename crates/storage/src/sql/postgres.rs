//! A connection to Postgres as every one of ours has to be: the right schema, bounded waits, and a server that writes.

use kernel::secret::ExposeSecret;
use kernel::{Error, Reason, Result};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow, PgSslMode};
use sqlx::{ConnectOptions, Row};

use super::errors::{no_connection, within};
use super::location::Server;
use super::settings::{DatabaseSettings, TlsMode, check_schema_name};
use crate::guarded_file::{self, Kind};

/// The oldest version that is still looked after, as `server_version_num` says it.
const OLDEST_VERSION: i32 = 140_000;

/// A longer file is no bundle of authorities.
const MAX_AUTHORITIES: u64 = 1024 * 1024;

/// What is asked of a server before it is used.
const ASK: &str = "SELECT current_setting('server_version_num')::int4 AS version, \
    pg_is_in_recovery() AS recovering, \
    current_setting('transaction_read_only') = 'on' AS read_only, \
    current_setting('server_encoding') AS encoding, \
    current_setting('fsync') = 'on' AS fsync";

/// What is asked of every connection of a pool: after a fail-over the address may lead to another server.
///
/// What was spent must stay spent over a power cut, whatever is the habit of this server. So commits wait until they are
/// durable, and a habit that changes while the connection lasts changes nothing of that.
const ADMIT: &str = "SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AS writable, \
    current_setting('fsync') = 'on' AS fsync, \
    set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' \
        ELSE current_setting('synchronous_commit') END, false) AS commits";

/// Whether a server may be used that forgets what it acknowledged when its machine loses power (`fsync = off`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PowerCut {
    /// It may not.
    Survived,
    /// It may, with a warning.
    MayForget,
}

/// How a server is reached, with the password as it stands in its file now.
pub(super) fn options(settings: &DatabaseSettings, server: &Server, name: &str) -> Result<PgConnectOptions> {
    let mut options = PgConnectOptions::new_without_pgpass()
        .port(server.port)
        .username(&server.user)
        .database(&server.database)
        .application_name(name);
    options = if server.is_socket() { options.socket(&server.host) } else { options.host(&server.host) };
    // Each is set in any case: what is left out would be taken from the PG… variables of the environment.
    options = match &settings.password_file {
        Some(file) => options.password(guarded_file::read("database.password_file", file)?.expose_secret()),
        None => options.password(""),
    };
    options = match settings.tls.mode {
        TlsMode::Disable => options.ssl_mode(PgSslMode::Disable),
        TlsMode::VerifyFull => options.ssl_mode(PgSslMode::VerifyFull),
    };
    options = match &settings.tls.ca_file {
        Some(file) => {
            let pem = guarded_file::octets("database.tls.ca_file", file, MAX_AUTHORITIES, Kind::Anchor)?;
            if !pem.windows(BEGIN.len()).any(|window| window == BEGIN) {
                let why = format!("{} holds no certificate in PEM", file.display());
                return Err(Error::invalid("database.tls.ca_file", why));
            }
            options.ssl_root_cert_from_pem(pem.to_vec())
        }
        None => options.ssl_root_cert_from_pem(Vec::new()),
    };
    let statement = settings.statement_timeout_ms.to_string();
    options = options.options([
        ("statement_timeout", statement.as_str()),
        ("lock_timeout", &settings.lock_timeout_ms.to_string()),
        // A process that was stopped in the middle of a transaction must not hold its rows for long.
        ("idle_in_transaction_session_timeout", &statement),
        // Every compare-and-set is written for this level; the server may have another one as its default.
        ("default_transaction_isolation", "read committed"),
        // A client whose machine is gone says no goodbye. The server has to find out, or it keeps that client's locks.
        ("tcp_keepalives_idle", "10"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "3"),
    ]);
    if let Some(schema) = &settings.schema {
        check_schema_name(schema)?;
        options = options.options([("search_path", format!("\"{schema}\""))]);
    }
    Ok(options)
}

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// One connection, to a server that was found fit, and the options with which others are like it.
pub(super) async fn connect(
    settings: &DatabaseSettings,
    server: &Server,
    name: &str,
    power_cut: PowerCut,
) -> Result<(PgConnection, PgConnectOptions)> {
    let options = options(settings, server, name)?;
    let mut connection = within(server, settings.connect_timeout(), options.connect()).await?;
    let ask = sqlx::query(ASK).fetch_one(&mut connection);
    let row = within(server, settings.connect_timeout(), ask).await?;
    check_server(server, &row, power_cut).map_err(|error| match error {
        Unfit::Refused(error) => error,
        Unfit::Unknown(error) => no_connection(server, error),
    })?;
    Ok((connection, options))
}

/// Makes a new connection of a pool what every one of ours has to be, or refuses it.
pub(super) async fn admit(connection: &mut PgConnection, power_cut: PowerCut) -> sqlx::Result<()> {
    let row = sqlx::query(ADMIT).fetch_one(connection).await?;
    let refuse = |why: &str| Err(sqlx::Error::Protocol(why.to_owned()));
    if !row.try_get::<bool, _>("writable")? {
        return refuse("the server is a standby or read-only");
    }
    if power_cut == PowerCut::Survived && !row.try_get::<bool, _>("fsync")? {
        return refuse("fsync is off on the server");
    }
    Ok(())
}

enum Unfit {
    Refused(Error),
    Unknown(sqlx::Error),
}

impl From<sqlx::Error> for Unfit {
    fn from(error: sqlx::Error) -> Self {
        Self::Unknown(error)
    }
}

/// Refuses a server that cannot keep our state.
fn check_server(server: &Server, row: &PgRow, power_cut: PowerCut) -> Result<(), Unfit> {
    let refuse = |why: String| {
        Err(Unfit::Refused(Error::new(Reason::StoreUnavailable, format!("{server} cannot be used: {why}"))))
    };
    let version: i32 = row.try_get("version")?;
    if version < OLDEST_VERSION {
        return refuse(format!("its version {} is older than 14; upgrade it", version / 10_000));
    }
    if row.try_get("recovering")? {
        return refuse(
            "it is a standby, which only reads; database.url has to lead to the primary".to_owned(),
        );
    }
    if row.try_get("read_only")? {
        return refuse(
            "it is read-only (default_transaction_read_only is on, for the server, the database or the user); nothing \
             is authorized while nothing can be written down"
                .to_owned(),
        );
    }
    let encoding: String = row.try_get("encoding")?;
    if encoding != "UTF8" {
        return refuse(format!("its encoding is {encoding}; create the database with ENCODING 'UTF8'"));
    }
    if !row.try_get::<bool, _>("fsync")? {
        if power_cut == PowerCut::Survived {
            return refuse(
                "fsync is off: after a power cut it may have forgotten what was spent; set `fsync = on` in \
                 postgresql.conf (in production there is no other way)"
                    .to_owned(),
            );
        }
        tracing::warn!(%server, "fsync is off: after a power cut this server may have forgotten what was spent");
    }
    Ok(())
}
