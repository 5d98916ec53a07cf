//! The servers that tests/run started: a database in one, and places in the other, that nothing else has.

use super::fresh;
use super::tools::{prepared, program, run_well, said};

/// Where the state of one suite is.
#[derive(Clone, Debug)]
pub(crate) struct Servers {
    /// A user who may do everything, in a database of its own.
    pub(crate) postgres: String,
    /// A server. What a suite keeps there is named by ids that no other suite has.
    pub(crate) redis: String,
}

/// For a suite of its own.
pub(crate) fn fresh() -> Servers {
    let server = needed("COUNTERSIGN_TEST_POSTGRES");
    let database = format!("suite_{}", fresh::uuid().replace('-', ""));
    sql(&server, &format!("CREATE DATABASE {database}"));
    let (start, _) = server.rsplit_once('/').expect("postgres://user@host:port/database");
    Servers { postgres: format!("{start}/{database}"), redis: needed("COUNTERSIGN_TEST_REDIS") }
}

/// Runs a statement in a database.
pub(crate) fn sql(database: &str, statement: &str) {
    let mut psql = program(prepared("COUNTERSIGN_TEST_SERVERS").join("postgres-bin/psql"));
    psql.args(["--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement]);
    run_well(psql);
}

fn needed(name: &str) -> String {
    said(name).unwrap_or_else(|| {
        panic!("{name} is not set: run `tests/run`, which starts the servers of the tests")
    })
}
