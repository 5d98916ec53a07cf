use kernel::Reason;
use kernel::audit::Outcome;
use proto::policy as pb;
use proto::types;

use super::bench::{Bench, HERE, THERE, anonymous, name, outcome, wanted};

#[tokio::test]
async fn changes_and_refusals_are_written_down_and_reads_are_not() {
    let bench = Bench::new().await;
    let first = bench.created(HERE, "wallet").await;
    bench.read(HERE).await.unwrap();
    let update = |etag: &str, validate_only| pb::UpdateEnvironmentRequest {
        environment: Some(pb::Environment { etag: etag.to_owned(), ..first.clone() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["display_name".to_owned()] }),
        validate_only,
    };
    let call = async |request| {
        outcome(bench.admin().update_environment(bench.by(&["editor@*"], request)).await)
            .map_err(|error| error.reason())
    };
    call(update(&first.etag, true)).await.unwrap();
    call(update(&first.etag, false)).await.unwrap();
    assert_eq!(call(update(&first.etag, false)).await, Err(Reason::EtagMismatch));
    assert!(bench.create(wanted(THERE, "wallet")).await.is_err());
    assert!(bench.read(THERE).await.is_err());

    let rows = bench.audit.rows();
    let events: Vec<_> = rows.iter().map(|row| (row.kind.as_str(), row.outcome)).collect();
    assert_eq!(
        events,
        [
            ("environment.create", Outcome::Succeeded),
            ("environment.update", Outcome::Succeeded),
            ("environment.update", Outcome::Refused(Reason::EtagMismatch)),
            ("environment.create", Outcome::Refused(Reason::InvalidRequest)),
            ("environment.read", Outcome::Refused(Reason::ResourceNotFound)),
        ]
    );
    for row in &rows[..3] {
        assert_eq!(row.resource, name(HERE));
        assert_eq!(row.environment.map(|id| id.to_string()).as_deref(), Some(HERE));
        assert_eq!(row.actor, "admin:https://admin.example#ada");
    }
}

#[tokio::test]
async fn nothing_is_changed_that_cannot_be_written_down() {
    let bench = Bench::new().await;
    bench.audit.break_down();
    let refused = bench.create(wanted(HERE, "wallet")).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::AuditUnavailable);
    let read = pb::ReadSettingsRequest { name: name(HERE) };
    let read = bench.peer("token-issuer").read_settings(anonymous(read)).await.unwrap_err();
    assert_eq!(runtime::status::from_status(&read).reason(), Reason::AuditUnavailable);
}

#[tokio::test]
async fn auditors_read_the_trail_of_their_environments() {
    let bench = Bench::new().await;
    bench.created(HERE, "wallet").await;
    bench.created(THERE, "other").await;
    let list = async |roles: &[&str], parent: &str| {
        let request = pb::ListAuditEventsRequest { parent: parent.to_owned(), ..Default::default() };
        outcome(bench.admin().list_audit_events(bench.by(roles, request)).await)
            .map(|answer| answer.events)
            .map_err(|error| error.reason())
    };
    let mine = list(&[&format!("auditor@{HERE}")], &name(HERE)).await.unwrap();
    assert_eq!(mine.len(), 1);
    assert_eq!((mine[0].kind.as_str(), mine[0].environment.clone()), ("environment.create", name(HERE)));
    assert_eq!(mine[0].outcome(), types::AuditOutcome::Succeeded);
    assert_eq!(list(&[&format!("auditor@{HERE}")], &name(THERE)).await, Err(Reason::AdminRoleMissing));
    assert_eq!(list(&[&format!("auditor@{HERE}")], "").await, Err(Reason::AdminRoleMissing));
    assert_eq!(list(&[&format!("editor@{HERE}")], &name(HERE)).await, Err(Reason::AdminRoleMissing));
    assert!(list(&["auditor@*"], "").await.unwrap().len() >= 2);
}
