//! Reading the audit trail, the same in every service.

use kernel::audit::Outcome;
use kernel::{Error, Result};
use proto::{convert, names, types};
use storage::AuditLog;
use storage::audit::Row;

use crate::call::{AdminCall, AdminRole};
use crate::paging;

/// The answer to a service's `ListAuditEvents`: the events of a page, newest first, and the token of the next.
pub async fn events(
    call: &AdminCall,
    log: &dyn AuditLog,
    parent: &str,
    page_size: i32,
    page_token: &str,
) -> Result<(Vec<types::AuditEvent>, String)> {
    let environment =
        if parent.is_empty() { None } else { Some(names::parse_environment("parent", parent)?) };
    // Whose trail was asked for: so that its own auditors see who asked.
    if let Some(environment) = environment {
        call.trail.environment(environment).await;
    }
    call.require(AdminRole::Auditor, environment)?;
    let limit = paging::page_size("page_size", page_size, 50, 200)?;
    let scope = format!("audit/{parent}");
    let before = paging::decode_token(&scope, page_token)?
        .map(|cursor| {
            cursor.parse().map_err(|_| Error::invalid("page_token", "is not from an earlier answer"))
        })
        .transpose()?;
    let rows = log.list(environment, before, limit).await?;
    let full = u64::try_from(rows.len()).unwrap_or(u64::MAX) == limit;
    let next = match rows.last() {
        Some(last) if full => paging::encode_token(&scope, &last.id.to_string()),
        _ => String::new(),
    };
    Ok((rows.into_iter().map(event).collect(), next))
}

fn event(row: Row) -> types::AuditEvent {
    let outcome = match row.outcome {
        Outcome::Intended => types::AuditOutcome::Intended,
        Outcome::Succeeded => types::AuditOutcome::Succeeded,
        Outcome::Refused(_) => types::AuditOutcome::Refused,
    };
    types::AuditEvent {
        event_id: row.id.to_string(),
        kind: row.kind,
        event_time: Some(convert::timestamp(row.time)),
        environment: row.environment.map(names::environment).unwrap_or_default(),
        actor: row.actor,
        resource: row.resource,
        operation_id: row.operation,
        operation_digest: row.digest,
        outcome: outcome.into(),
        reason: row.outcome.reason().map(|reason| reason.as_str().to_owned()).unwrap_or_default(),
        count: u32::try_from(row.count).unwrap_or(u32::MAX),
        trace_id: row.trace,
    }
}
