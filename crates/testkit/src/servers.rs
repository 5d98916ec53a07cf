//! The servers that `tests/tools/servers` started for all tests.

use std::path::PathBuf;

/// The Postgres server of the tests, as a user who may create schemas.
pub(crate) fn shared_postgres_url() -> String {
    variable("COUNTERSIGN_TEST_POSTGRES")
}

/// The Redis server of the tests. What a test writes there needs keys of its own.
pub fn shared_redis_url() -> String {
    variable("COUNTERSIGN_TEST_REDIS")
}

/// The folder with what a server of one's own is made from.
pub(crate) fn servers_folder() -> PathBuf {
    PathBuf::from(variable("COUNTERSIGN_TEST_SERVERS"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "says where the servers of the tests are; no configuration of a service"
)]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set; run tests/run, or: eval \"$(tests/tools/servers start)\"")
    })
}
