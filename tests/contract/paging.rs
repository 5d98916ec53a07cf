//! Lists in pages: nothing twice, nothing missed, and a page token leads on in its own list only.

use std::collections::BTreeSet;

use kernel::Reason;
use proto::mfa_devices::ListDevicesRequest;
use proto::names;
use proto::policy::{ListEnvironmentsRequest, Preset};
use proto::waas_gateway::{ListWalletsRequest, ListWalletsResponse};
use tonic::Status;

use crate::support::admin::Admin;
use crate::support::answer::{Done as _, Outcome as _};
use crate::support::audit::Trail;
use crate::support::dev::{connect, suite};
use crate::support::user::User;

async fn wallets(
    user: &User,
    parent: String,
    page_size: i32,
    page_token: &str,
) -> Result<tonic::Response<ListWalletsResponse>, Status> {
    let request = ListWalletsRequest { parent, page_size, page_token: page_token.to_owned() };
    user.wallets().list_wallets(user.request(request)).await
}

#[tokio::test]
async fn a_list_is_read_page_by_page_without_gap_or_repetition() {
    let user = User::new(suite()).await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(user.wallet().await.name);
    }
    let (mut read, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = wallets(&user, user.name(), 2, &token).await.done();
        assert!(page.wallets.len() <= 2);
        read.extend(page.wallets.into_iter().map(|wallet| wallet.name));
        token = page.next_page_token;
        pages += 1;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(read, made, "oldest first");
    assert!(pages >= 3);
}

#[tokio::test]
async fn a_page_token_of_another_list_is_refused() {
    let (user, other) = (User::new(suite()).await, User::new(suite()).await);
    for _ in 0..2 {
        user.wallet().await;
    }
    let token = wallets(&user, user.name(), 1, "").await.done().next_page_token;
    assert!(!token.is_empty());
    wallets(&other, other.name(), 1, &token).await.refused(Reason::InvalidRequest);
    let request = ListDevicesRequest { parent: user.name(), page_token: token.clone(), ..Default::default() };
    let refused = user.devices().list_devices(user.request(request)).await;
    assert_eq!(refused.refused(Reason::InvalidRequest).fields(), ["page_token"]);
    for wrong in ["x", "🙂", "AAAA", &token[1..], &format!("{token}A"), &format!("{token}=")] {
        let refused = wallets(&user, user.name(), 1, wrong).await;
        assert!(refused.is_err(), "{wrong} was taken");
        assert_eq!(refused.refused(Reason::InvalidRequest).fields(), ["page_token"]);
    }
    // It leads on in its own list, however the user is named.
    let me = format!("{}/users/me", names::environment(user.environment));
    wallets(&user, me, 1, &token).await.done();
}

#[tokio::test]
async fn page_sizes_are_bounded() {
    let user = User::new(suite()).await;
    for size in [-1, i32::MIN] {
        let refused = wallets(&user, user.name(), size, "").await;
        assert_eq!(refused.refused(Reason::InvalidRequest).fields(), ["page_size"]);
    }
    for size in [0, 1, 100, i32::MAX] {
        wallets(&user, user.name(), size, "").await.done();
    }
    let admin = Admin::owner(suite()).await;
    let (events, _) = Trail::Issuer.page(&admin, "", i32::MAX, "").await.unwrap();
    assert!(events.len() <= 200);
    Trail::Issuer.page(&admin, "", -1, "").await.refused(Reason::InvalidRequest);
}

#[tokio::test]
async fn environments_are_listed_in_pages_and_only_those_one_may_see() {
    let owner = Admin::owner(suite()).await;
    let (one, other) =
        (owner.environment(suite(), Preset::Strict).await, owner.environment(suite(), Preset::Strict).await);
    let viewer = Admin::with(suite(), &[&format!("viewer@{}", one.id)]).await;
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let request = ListEnvironmentsRequest { page_size: 1, page_token: token };
        let page = viewer.policy().list_environments(viewer.request(request)).await.done();
        seen.extend(page.environments.into_iter().map(|environment| environment.name));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, [names::environment(one.id)]);
    let request = ListEnvironmentsRequest { page_size: 100, page_token: String::new() };
    let page = owner.policy().list_environments(owner.request(request)).await.done();
    let all: BTreeSet<_> = page.environments.into_iter().map(|environment| environment.name).collect();
    assert!(all.contains(&names::environment(one.id)) && all.contains(&names::environment(other.id)));
}

#[tokio::test]
async fn the_audit_trail_is_read_page_by_page_newest_first() {
    let admin = Admin::owner(suite()).await;
    let place = admin.environment(suite(), Preset::Strict).await;
    for _ in 0..3 {
        let user = place.user(suite());
        let wallet = user.wallet().await;
        user.sign(&user.signing(&wallet, b"audited"), "").await.done();
    }
    let parent = names::environment(place.id);
    for trail in [Trail::Issuer, Trail::Gateway] {
        let whole = trail.newest(&admin, place.id).await;
        assert!(whole.len() >= 6, "{whole:#?}");
        assert!(whole.iter().all(|event| event.environment == parent), "{whole:#?}");
        let ids: Vec<u64> = whole.iter().map(|event| event.event_id.parse().unwrap()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] > pair[1]), "{ids:?}");
        let (mut read, mut token) = (Vec::new(), String::new());
        loop {
            let (events, next) = trail.page(&admin, &parent, 2, &token).await.unwrap();
            assert!(events.len() <= 2);
            read.extend(events);
            token = next;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(read, whole);
        // Not in another environment's list, nor in that of all.
        let (_, token) = trail.page(&admin, &parent, 1, "").await.unwrap();
        let elsewhere = names::environment(suite().environment());
        trail.page(&admin, &elsewhere, 1, &token).await.refused(Reason::InvalidRequest);
        trail.page(&admin, "", 1, &token).await.refused(Reason::InvalidRequest);
    }
}

#[tokio::test]
async fn every_node_has_written_down_what_it_took_part_in() {
    let admin = Admin::owner(suite()).await;
    let place = admin.environment(suite(), Preset::Strict).await;
    let user = place.user(suite());
    let wallet = user.wallet().await;
    let operation = user.signing(&wallet, b"at two of three");
    user.sign(&operation, "").await.done();
    let (mut made, mut signed) = (0, 0);
    for endpoint in &suite().file.node_endpoints {
        let channel = connect(endpoint).await;
        let parent = names::environment(place.id);
        let (events, _) = Trail::Signer.page_from(channel, &admin, &parent, 200, "").await.unwrap();
        made += usize::from(events.iter().any(|event| event.kind == "mpc.wallet.activate"));
        let shared = |event: &proto::types::AuditEvent| {
            event.kind == "mpc.sign.share" && event.operation_id == operation.id.to_string()
        };
        signed += usize::from(events.iter().any(shared));
    }
    assert_eq!((made, signed), (3, 2));
}
