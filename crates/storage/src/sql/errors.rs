//! What a failed statement means to a caller.

use kernel::{Error, Reason, Result};
use sea_orm::{DbErr, RuntimeErr, SqlErr};
use sqlx::error::DatabaseError;

use super::location::Server;

/// A failed statement, as a caller is told of it: `STORE_UNAVAILABLE` where the same call may go through later, and
/// `INTERNAL` where it never will. What the database said goes to the log alone.
///
/// A function rather than a `From`, so that a unique violation, which usually means something to the use case, is
/// looked at first: see [`is_unique_violation`].
pub fn unavailable(error: DbErr) -> Error {
    if is_transient(&error) { Error::store_unavailable(error) } else { Error::internal(error) }
}

/// Whether the statement failed because the row exists already.
pub fn is_unique_violation(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}

/// A value read from our own tables that does not parse: the database was written by something else.
pub fn corrupt(what: &'static str) -> Error {
    Error::internal(format!("the database holds a {what} that does not parse"))
}

/// Whether the same call may go through later.
fn is_transient(error: &DbErr) -> bool {
    matches!(error, DbErr::ConnectionAcquire(_)) || of_sqlx(error).is_some_and(is_transient_sqlx)
}

/// What the driver said.
fn of_sqlx(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

fn is_transient_sqlx(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        // The server said something out of turn: the connection was cut in the middle of a message.
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => true,
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            if of_postgres(error.as_ref()) { is_transient_sqlstate(&code) } else { is_transient_sqlite(&code) }
        }
        _ => false,
    }
}

fn of_postgres(error: &dyn DatabaseError) -> bool {
    error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some()
}

/// PostgreSQL manual, appendix A.
fn is_transient_sqlstate(code: &str) -> bool {
    // Whole classes: connections, log-in (a password is being changed), rolled back transactions (serialization,
    // deadlock), resources (disk full, too many connections), an operator's or a timeout's intervention, the system.
    const CLASSES: [&str; 6] = ["08", "28", "40", "53", "57", "58"];
    const CODES: [&str; 6] = [
        "23505", // unique_violation that the use case did not expect: another transaction was first
        "25006", // read_only_sql_transaction: a standby, or a server that was made read-only
        "25P03", // idle_in_transaction_session_timeout
        "55006", // object_in_use
        "55P03", // lock_not_available
        "3D000", // invalid_catalog_name: the database is gone, or not yet there
    ];
    CLASSES.iter().any(|class| code.starts_with(class)) || CODES.contains(&code)
}

/// SQLite's result codes, of which the lowest octet is the kind (sqlite.org/rescode.html).
fn is_transient_sqlite(code: &str) -> bool {
    const BUSY: u32 = 5;
    const LOCKED: u32 = 6;
    const NO_MEMORY: u32 = 7;
    const READ_ONLY: u32 = 8;
    const INTERRUPTED: u32 = 9;
    const IO: u32 = 10;
    const FULL: u32 = 13;
    const CANNOT_OPEN: u32 = 14;
    const PROTOCOL: u32 = 15;
    const UNIQUE: u32 = 2067;
    const PRIMARY_KEY: u32 = 1555;
    let Ok(code) = code.parse::<u32>() else { return false };
    matches!(code, UNIQUE | PRIMARY_KEY)
        || matches!(
            code & 0xff,
            BUSY | LOCKED | NO_MEMORY | READ_ONLY | INTERRUPTED | IO | FULL | CANNOT_OPEN | PROTOCOL
        )
}

/// Whether a statement gave up waiting for a lock.
pub(super) fn is_lock_timeout(error: &DbErr) -> bool {
    let Some(sqlx::Error::Database(error)) = of_sqlx(error) else { return false };
    let code = error.code().unwrap_or_default();
    if of_postgres(error.as_ref()) {
        code == "55P03"
    } else {
        code.parse::<u32>().is_ok_and(|code| code & 0xff == 5)
    }
}

/// Why there is no connection to the server, for the operator who starts the service.
pub(super) fn no_connection(server: &Server, error: sqlx::Error) -> Error {
    let user = &server.user;
    let message = match &error {
        sqlx::Error::Database(refusal) => match refusal.code().unwrap_or_default().as_ref() {
            "28P01" => format!(
                "{server} does not accept the password of the user `{user}`; see database.password_file"
            ),
            "28000" => format!(
                "{server} does not let the user `{user}` in from here; see its pg_hba.conf, and database.password_file"
            ),
            "3D000" => {
                format!("{server} has no database `{}`; create it, or mend database.url", server.database)
            }
            "42501" => {
                format!("{server} does not let the user `{user}` into the database `{}`", server.database)
            }
            "53300" => format!(
                "{server} has no connection to spare; raise its max_connections or lower database.max_connections"
            ),
            "57P03" => format!("{server} is starting up or shutting down; try again"),
            _ => format!("{server} refused the connection; the log has what it said"),
        },
        sqlx::Error::Tls(_) => no_tls(server),
        // What rustls finds wrong comes through the socket.
        sqlx::Error::Io(wrong) if wrong.kind() == std::io::ErrorKind::InvalidData => no_tls(server),
        sqlx::Error::Configuration(_) => {
            format!("the certificates for {server} cannot be used; see database.tls.ca_file")
        }
        _ => format!("{server} does not answer; is it running, and are host and port of database.url right?"),
    };
    Error::new(Reason::StoreUnavailable, message).cause(error)
}

fn no_tls(server: &Server) -> String {
    format!(
        "there is no TLS connection to {server}: it has none to offer, or its certificate is not valid for this name, \
         or not by an authority in database.tls.ca_file"
    )
}

/// The answer of a future that has to come within `limit`.
pub(super) async fn within<T>(
    server: &Server,
    limit: std::time::Duration,
    future: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T> {
    match tokio::time::timeout(limit, future).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(no_connection(server, error)),
        Err(_) => Err(Error::new(
            Reason::StoreUnavailable,
            format!(
                "{server} did not answer within {} ms; is it running, and is it not overloaded?",
                limit.as_millis()
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_go_through_later_is_told_from_what_never_will() {
        for code in [
            "08006", "28P01", "40001", "40P01", "53100", "53300", "55P03", "57014", "57P01", "25006", "25P03",
        ] {
            assert!(is_transient_sqlstate(code), "{code}");
        }
        for code in ["42P01", "42703", "22001", "23503", "23514", "XX001", "0A000", ""] {
            assert!(!is_transient_sqlstate(code), "{code}");
        }
        for code in ["5", "517", "10", "3850", "13", "8", "1032", "14"] {
            assert!(is_transient_sqlite(code), "{code}");
        }
        for code in ["1", "11", "26", "19", "275", "x", ""] {
            assert!(!is_transient_sqlite(code), "{code}");
        }
    }
}
