//! What is found out about a server before it is used.

use std::sync::LazyLock;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, RedisError, RedisResult, Value, cmd};

use super::address::Address;
use super::call::{Answer, Call, Script};
use super::failure::{RULES, is_forbidden};
use super::finding::{Finding, Severity};
use super::info::Info;
use super::judge::{self, Expected};

static PROBE: LazyLock<Script> = LazyLock::new(|| Script::reading(include_str!("lua/probe.lua")));

/// How often the replication id is compared, since it may change just in between.
const ROUNDS: u32 = 3;

/// The replication id of a server that is fit to be used.
pub(super) async fn probe(
    connection: &mut MultiplexedConnection,
    address: &Address,
    expected: &Expected,
) -> Result<String, Finding> {
    for _ in 0..ROUNDS {
        let info = info(connection, address).await?;
        if let Some(finding) = judge::refusals(&info, address, expected).into_iter().next() {
            return Err(finding);
        }
        let seen = seen_by_script(connection, address).await?;
        // `refusals` has looked whether there is one.
        if info.replication_id() == Some(&seen) {
            return Ok(seen);
        }
    }
    Err(Finding::refused(
        address,
        "tells scripts another replication id than its clients",
        "nothing can be fenced by it; use Redis 7, or Valkey 7.2 or 8",
    ))
}

/// Everything that there is to say about a server, the worst first.
pub(super) async fn examine(
    connection: &mut MultiplexedConnection,
    address: &Address,
    expected: &Expected,
) -> Vec<Finding> {
    let info = match info(connection, address).await {
        Ok(info) => info,
        Err(finding) => return vec![finding],
    };
    let mut findings = judge::refusals(&info, address, expected);
    if findings.is_empty()
        && let Err(finding) = probe(connection, address, expected).await
    {
        findings.push(finding);
    }
    findings.extend(judge::advice(&info, address));
    findings.extend(configuration(connection, address).await);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

async fn info(connection: &mut MultiplexedConnection, address: &Address) -> Result<Info, Finding> {
    let text: String =
        query(connection, &cmd("INFO")).await.map_err(|error| not_allowed(address, "INFO", &error))?;
    Ok(Info::parse(&text))
}

async fn seen_by_script(
    connection: &mut MultiplexedConnection,
    address: &Address,
) -> Result<String, Finding> {
    let command = Call::new(&PROBE).command("", true);
    let value: Value =
        query(connection, &command).await.map_err(|error| not_allowed(address, "EVAL", &error))?;
    let unfit = || {
        Finding::refused(
            address,
            "runs scripts in another way than Redis",
            "nothing can be fenced on it; use Redis 7, or Valkey 7.2 or 8",
        )
    };
    let answer = Answer::of(value).map_err(|_| unfit())?;
    match (answer.word(), answer.octets(0), answer.octets(1)) {
        ("PROBED", Ok(epoch), Ok(b"EXACT")) => String::from_utf8(epoch.to_vec()).map_err(|_| unfit()),
        _ => Err(unfit()),
    }
}

/// What the server is set to, if it lets us know. Only ever advice.
async fn configuration(connection: &mut MultiplexedConnection, address: &Address) -> Vec<Finding> {
    let mut get = cmd("CONFIG");
    get.arg("GET").arg("repl-backlog-ttl");
    match query::<Vec<String>>(connection, &get).await {
        Ok(pair) => match pair.get(1).map(String::as_str) {
            Some("0") | None => Vec::new(),
            Some(ttl) => vec![Finding::advice(
                address,
                format!(
                    "forgets its replication history {ttl} seconds after its last replica is gone (repl-backlog-ttl), \
                     and every live token with it"
                ),
                "CONFIG SET repl-backlog-ttl 0, and in redis.conf",
            )],
        },
        Err(_) => vec![Finding::advice(
            address,
            "does not let this user read its configuration (CONFIG GET)",
            "see by yourself that repl-backlog-ttl is 0, or allow +config|get while you look",
        )],
    }
}

async fn query<T: ::redis::FromRedisValue>(
    connection: &mut MultiplexedConnection,
    command: &Cmd,
) -> RedisResult<T> {
    command.query_async(connection).await
}

/// The finding for a command that failed.
pub(super) fn not_allowed(address: &Address, command: &str, error: &RedisError) -> Finding {
    if error.code() == Some("NOAUTH") {
        return Finding::refused(
            address,
            "wants a password",
            "set `redis.password_file`, and `redis.username` if it is not the default user's",
        );
    }
    if is_forbidden(error) {
        return Finding::refused(address, format!("does not let this user run {command} ({error})"), RULES);
    }
    if error.code() == Some("LOADING") {
        return Finding::refused(address, "is still loading its data", "wait until it has");
    }
    if address.tls && error.is_io_error() {
        return Finding::refused(
            address,
            format!("ends the connection ({error})"),
            "see whether it wants a certificate of this client (`redis.tls.certificate_file`) and knows its authority",
        );
    }
    Finding::refused(
        address,
        format!("does not answer {command} as Redis does ({error})"),
        "see that this is a Redis 7, or Valkey 7.2 or 8, and look into its log",
    )
}

/// Whether any of the findings makes a server unfit.
pub(super) fn unfit(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Refused)
}
