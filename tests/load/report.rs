//! What was measured, as Markdown, and what of it is within its aim.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::measure::Run;
use crate::series::{Found, Level, ON_THE_WAY};
use crate::usage::Memory;

/// An authorization takes at most so many times the CPU of what it is made of.
const MOST_CPU: f64 = 1.5;

/// With 64 in flight it is answered within so many times what the bare call with Redis takes (99 of 100).
const MOST_TAIL: f64 = 2.0;

/// What a live token takes in Redis, in bytes.
const MOST_TOKEN: f64 = 400.0;

/// What a service has resident, in bytes, before its first call and after many.
const MOST_IDLE: f64 = 40.0 * MEGABYTE;
const MOST_LOADED: f64 = 120.0 * MEGABYTE;

/// How long a service takes until it is ready.
const MOST_START: Duration = Duration::from_secs(1);

const MEGABYTE: f64 = 1_000_000.0;

/// Between the client and the issuer, the issuer and the keeper of the factors, the issuer and policy. Of the first, the
/// client's end is not ours.
const SERVER_ENDS: u32 = 3;
const CLIENT_ENDS: u32 = 2;

/// All of it.
pub(crate) fn report(found: &Found) -> String {
    let mut text = String::new();
    aims(&mut text, found);
    calls(&mut text, found);
    cpu(&mut text, found);
    services(&mut text, found);
    text
}

fn aims(text: &mut String, found: &Found) {
    let last = found.levels.last().expect("a level");
    text.push_str("| what | aim | is | |\n|---|---:|---:|---|\n");
    let mut aim = |what: &str, aim: String, is: String, met: bool| {
        let met = if met { "met" } else { "**not met**" };
        let _ = writeln!(text, "| {what} | {aim} | {is} | {met} |");
    };
    let ratios: Vec<f64> = found.levels.iter().map(|level| ours(level) / sum(found, level)).collect();
    let worst = ratios.iter().copied().fold(0.0, f64::max);
    let shown: Vec<_> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
    let tail = last.single_use.within(0.99).as_secs_f64() / last.with_redis.within(0.99).as_secs_f64();
    let token = found.token.key.max(found.token.one);
    let most = |memories: &BTreeMap<&str, Memory>| {
        memories.values().map(|memory| memory.all as f64).fold(0.0, f64::max)
    };
    let slowest = found.ready.values().copied().max().unwrap_or_default();
    aim(
        "CPU of an authorization / sum of its primitives (1, 16, 64 in flight)",
        format!("≤ {MOST_CPU}"),
        shown.join(", "),
        worst <= MOST_CPU,
    );
    aim(
        "p99 with 64 in flight / bare call with Redis",
        format!("≤ {MOST_TAIL}"),
        format!("{tail:.2}"),
        tail <= MOST_TAIL,
    );
    aim("a live token in Redis", format!("< {MOST_TOKEN} B"), format!("{token:.0} B"), token < MOST_TOKEN);
    for (what, memories, limit) in [("idle", &found.idle, MOST_IDLE), ("loaded", &found.loaded, MOST_LOADED)]
    {
        let is = most(memories);
        aim(
            &format!("the largest service, {what}"),
            format!("< {:.0} MB", limit / MEGABYTE),
            format!("{:.1} MB", is / MEGABYTE),
            is < limit,
        );
    }
    aim(
        "the slowest service until ready",
        format!("≤ {} ms", MOST_START.as_millis()),
        format!("{} ms", slowest.as_millis()),
        slowest <= MOST_START,
    );
    text.push('\n');
}

fn calls(text: &mut String, found: &Found) {
    text.push_str("| in flight | call | a second | p50 | p99 |\n|---:|---|---:|---:|---:|\n");
    for level in &found.levels {
        for (name, run) in [
            ("bare", &level.bare),
            ("bare, with one script of Redis", &level.with_redis),
            ("**authorize**, single-use token", &level.single_use),
            ("authorize, time-bound token", &level.time_bound),
        ] {
            row(text, level.in_flight, name, run);
        }
    }
    text.push('\n');
}

fn row(text: &mut String, in_flight: usize, name: &str, run: &Run) {
    let _ = writeln!(
        text,
        "| {in_flight} | {name} | {:.0} | {} | {} |",
        run.per_second(),
        millis(run.within(0.5)),
        millis(run.within(0.99))
    );
}

fn cpu(text: &mut String, found: &Found) {
    text.push_str("| CPU for one authorization, µs |");
    for level in &found.levels {
        let _ = write!(text, " {} in flight |", level.in_flight);
    }
    text.push_str("\n|---|---:|---:|---:|\n");
    let mut line = |name: &str, of: &dyn Fn(&Level) -> f64| {
        let _ = write!(text, "| {name} |");
        for level in &found.levels {
            let _ = write!(text, " {:.0} |", of(level));
        }
        text.push('\n');
    };
    for name in ON_THE_WAY {
        line(name, &|level| micros(level.cpu[name]));
    }
    line("**the services**", &ours);
    for name in ["Postgres", "Redis", "client"] {
        line(name, &|level| micros(level.cpu[name]));
    }
    line("a bare call, server's end (three of them)", &|level| micros(level.hop_server));
    line("a bare call, client's end (two of them)", &|level| micros(level.hop_client));
    line("verify the session", &|_| micros(found.alone.verify_session));
    line("verify the token", &|_| micros(found.alone.verify_token));
    line("read the facts", &|level| micros(level.stored.facts));
    line("decide", &|level| micros(level.stored.decide));
    line("redeem", &|level| micros(level.stored.redeem));
    line("sign the receipt", &|_| micros(found.alone.sign_receipt));
    line("**sum of the primitives**", &|level| sum(found, level));
    line("not among them: audit, intent and end", &|level| micros(level.stored.audit));
    line("not among them: operation id tied to its digest", &|level| micros(level.stored.claim));
    text.push('\n');
}

fn services(text: &mut String, found: &Found) {
    text.push_str("| service | ready after | idle | of it heap | loaded | of it heap |\n|---|---:|---:|---:|---:|---:|\n");
    for (name, ready) in &found.ready {
        let (idle, loaded) = (found.idle[name], found.loaded[name]);
        let _ = writeln!(
            text,
            "| {name} | {} ms | {} | {} | {} | {} |",
            ready.as_millis(),
            megabytes(idle.all),
            megabytes(idle.own),
            megabytes(loaded.all),
            megabytes(loaded.own)
        );
    }
    let token = &found.token;
    let _ = writeln!(
        text,
        "\nA live token in Redis, over {} users: {:.0} B by `MEMORY USAGE` of a key with one, {:.0} B of what the server \
         has grown (with the share of its index), {:.0} B for a user's second.",
        token.users, token.key, token.one, token.second
    );
}

/// What the services take for one authorization, in microseconds.
fn ours(level: &Level) -> f64 {
    ON_THE_WAY.iter().map(|name| micros(level.cpu[name])).sum()
}

/// What it is made of takes by itself, in microseconds.
fn sum(found: &Found, level: &Level) -> f64 {
    let hops = level.hop_server * SERVER_ENDS + level.hop_client * CLIENT_ENDS;
    let alone = found.alone.verify_session + found.alone.verify_token + found.alone.sign_receipt;
    micros(hops + alone + level.stored.facts + level.stored.decide + level.stored.redeem)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

fn megabytes(octets: u64) -> String {
    format!("{:.1} MB", octets as f64 / MEGABYTE)
}
