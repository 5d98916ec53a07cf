//! What an administrator may do, by role and place.

use kernel::Reason;
use proto::policy::{CreateEnvironmentRequest, GetEnvironmentRequest, Preset};
use proto::{names, policy};

use crate::support::admin::{Admin, Place};
use crate::support::answer::Outcome as _;
use crate::support::audit::Trail;
use crate::support::dev::suite;
use crate::support::fresh;

/// What an administrator tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Read,
    Change,
    Audit,
    Create,
    AuditAll,
}

const ALL: [Deed; 5] = [Deed::Read, Deed::Change, Deed::Audit, Deed::Create, Deed::AuditAll];

/// Tries it, in an environment where there is one to it. Changes nothing.
async fn attempt(deed: Deed, admin: &Admin, place: &Place) -> Result<(), crate::support::answer::Refusal> {
    let name = names::environment(place.id);
    match deed {
        Deed::Read => {
            let request = GetEnvironmentRequest { name, version: 0 };
            admin.policy().get_environment(admin.request(request)).await.outcome().map(drop)
        }
        Deed::Change => {
            let environment = place.read().await;
            let own = Place { id: place.id, admin: admin.clone() };
            own.send(environment, &["display_name"], true).await.outcome().map(drop)
        }
        Deed::Audit => {
            for trail in [Trail::Policy, Trail::Devices, Trail::Issuer, Trail::Gateway] {
                trail.page(admin, &name, 10, "").await.outcome()?;
            }
            Ok(())
        }
        Deed::Create => {
            let request = CreateEnvironmentRequest {
                environment: Some(policy::Environment::default()),
                preset: 0,
                validate_only: true,
            };
            admin.policy().create_environment(admin.request(request)).await.outcome().map(drop)
        }
        Deed::AuditAll => Trail::Gateway.page(admin, "", 10, "").await.outcome().map(drop),
    }
}

/// Whether any of the roles holds in an environment.
fn sees(roles: &[String], here: &str) -> bool {
    let known = ["viewer", "editor", "auditor", "owner"];
    roles.iter().any(|role| {
        role.split_once('@')
            .is_some_and(|(role, place)| known.contains(&role) && (place == "*" || place == here))
    })
}

#[tokio::test]
async fn a_role_opens_what_it_is_for_where_it_holds_and_nothing_else() {
    let owner = Admin::owner(suite()).await;
    let place = owner.environment(suite(), Preset::Strict).await;
    let (here, elsewhere) = (place.id.to_string(), fresh::uuid());
    let at = |role: &str, place: &str| format!("{role}@{place}");
    use Deed::{Audit, AuditAll, Change, Create, Read};
    let table: Vec<(Vec<String>, &[Deed])> = vec![
        (vec![at("viewer", &here)], &[Read]),
        (vec![at("editor", &here)], &[Read, Change]),
        (vec![at("auditor", &here)], &[Audit]),
        (vec![at("owner", &here)], &[Read, Change, Audit]),
        (vec![at("viewer", &here), at("auditor", &here)], &[Read, Audit]),
        (vec![at("viewer", "*")], &[Read]),
        (vec![at("editor", "*")], &[Read, Change, Create]),
        (vec![at("auditor", "*")], &[Audit, AuditAll]),
        (vec![at("owner", "*")], &ALL),
        (vec![at("owner", &elsewhere)], &[]),
        (vec![at("editor", &elsewhere), at("auditor", &elsewhere)], &[]),
        (vec![], &[]),
        (vec!["owner".to_owned()], &[]),
        (vec!["owner@".to_owned()], &[]),
        (vec!["owner@**".to_owned()], &[]),
        (vec!["Owner@*".to_owned()], &[]),
        (vec!["root@*".to_owned()], &[]),
        (vec![format!("owner@{}", here.to_uppercase())], &[]),
        (vec![format!(" owner@{here}")], &[]),
        (vec![format!("owner@{here} owner@*")], &[]),
    ];
    for (roles, allowed) in table {
        let admin = Admin::with(suite(), &roles.iter().map(String::as_str).collect::<Vec<_>>()).await;
        for deed in ALL {
            let outcome = attempt(deed, &admin, &place).await;
            match outcome {
                Ok(()) => assert!(allowed.contains(&deed), "{roles:?} opened {deed:?}"),
                Err(refusal) => {
                    assert!(!allowed.contains(&deed), "{roles:?} did not open {deed:?}: {refusal:?}");
                    // Who has no role at all in an environment is not told that it is there.
                    let hidden = matches!(deed, Read | Change) && !sees(&roles, &here);
                    let reason = if hidden { Reason::ResourceNotFound } else { Reason::AdminRoleMissing };
                    assert_eq!(refusal.reason, reason, "{roles:?} {deed:?}");
                }
            }
        }
    }
    let actor = format!("admin:{}#tests", suite().file.admin.issuer);
    for reason in [Reason::AdminRoleMissing, Reason::ResourceNotFound] {
        Trail::Policy.has_refusal(&owner, place.id, &actor, "environment.update", reason).await;
    }
}
