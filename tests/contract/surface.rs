//! What the public listener shows of itself, and what it does not have.

use std::collections::BTreeSet;

use futures::stream;
use kernel::Reason;
use prost::Message as _;
use proto::token_issuer::GetJsonWebKeySetRequest;
use proto::token_issuer::token_service_client::TokenServiceClient;
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::answer::{Done as _, Outcome as _, Refusal};
use crate::support::catalogue::{About, of_administrators, of_everybody, of_peers, of_users};
use crate::support::dev::{connect, suite};
use crate::support::raw::Rpc;

const HEALTH: &str = "grpc.health.v1.Health";

/// The methods of the public listener.
fn public() -> Vec<Rpc> {
    let about = About::nothing(suite().environment());
    [of_users(&about), of_administrators(&about), of_everybody()].concat()
}

fn services(rpcs: &[Rpc]) -> BTreeSet<String> {
    rpcs.iter().map(|rpc| rpc.method.split('/').next().unwrap().to_owned()).collect()
}

/// All methods that the protocol has.
fn described() -> BTreeSet<String> {
    let files = prost_types::FileDescriptorSet::decode(proto::FILE_DESCRIPTOR_SET).unwrap();
    let mut found = BTreeSet::new();
    for file in files.file.iter().filter(|file| file.package().starts_with("countersign.")) {
        for service in &file.service {
            for method in &service.method {
                found.insert(format!("{}.{}/{}", file.package(), service.name(), method.name()));
            }
        }
    }
    found
}

#[test]
fn the_catalogue_of_these_tests_has_every_method_of_the_protocol() {
    let mut known: BTreeSet<String> = public().iter().map(|rpc| rpc.method.to_owned()).collect();
    known.extend(of_peers().iter().map(|rpc| rpc.method.to_owned()));
    // The nodes' audit trails have listeners of their own.
    known.insert("countersign.mpc_signer.v1.MpcSignerAdminService/ListAuditEvents".to_owned());
    assert_eq!(known, described());
}

/// The services that a version of the reflection protocol lists.
macro_rules! reflected {
    ($version:ident, $channel:expr) => {{
        use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
        use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
        use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;
        let ask = tonic_reflection::pb::$version::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut client = ServerReflectionClient::new($channel);
        let answers = client.server_reflection_info(stream::iter([ask])).await.unwrap();
        match answers.into_inner().message().await.unwrap().unwrap().message_response {
            Some(MessageResponse::ListServicesResponse(list)) => {
                list.service.into_iter().map(|service| service.name).collect::<BTreeSet<_>>()
            }
            other => panic!("{other:?}"),
        }
    }};
}

#[tokio::test]
async fn both_versions_of_reflection_list_exactly_what_is_mounted() {
    for listener in suite().listeners() {
        let mut expected = services(&public());
        expected.retain(|service| listener.has(service));
        expected.insert(HEALTH.to_owned());
        assert_eq!(reflected!(v1, listener.connect()), expected);
        assert_eq!(reflected!(v1alpha, listener.connect()), expected);
    }
}

#[tokio::test]
async fn a_nodes_own_listener_has_its_audit_trail_and_nothing_else() {
    let expected =
        BTreeSet::from([HEALTH.to_owned(), "countersign.mpc_signer.v1.MpcSignerAdminService".to_owned()]);
    assert_eq!(suite().file.node_endpoints.len(), 3);
    for endpoint in &suite().file.node_endpoints {
        let channel = connect(endpoint).await;
        assert_eq!(reflected!(v1, channel.clone()), expected);
        for rpc in of_peers() {
            assert_unreachable(&rpc, &channel).await;
        }
    }
}

async fn health(channel: &Channel, service: &str) -> Result<ServingStatus, Code> {
    let request = HealthCheckRequest { service: service.to_owned() };
    let answer = HealthClient::new(channel.clone()).check(request).await;
    answer.map(|answer| answer.into_inner().status()).map_err(|status| status.code())
}

#[tokio::test]
async fn health_is_told_of_every_service_and_of_no_other() {
    for listener in suite().listeners() {
        let channel = listener.connect();
        let (here, mut absent): (BTreeSet<_>, BTreeSet<_>) =
            services(&public()).into_iter().partition(|service| listener.has(service));
        for service in here {
            assert_eq!(health(&channel, &service).await, Ok(ServingStatus::Serving), "{service}");
            assert_watched(&channel, service).await;
        }
        assert_eq!(health(&channel, "").await, Ok(ServingStatus::Serving), "the whole listener");
        absent.extend(services(&of_peers()));
        absent.insert("countersign.novelty.v1.NoService".to_owned());
        for service in absent {
            assert_eq!(health(&channel, &service).await, Err(Code::NotFound), "{service}");
        }
    }
}

async fn assert_watched(channel: &Channel, service: String) {
    let request = HealthCheckRequest { service };
    let mut watched = HealthClient::new(channel.clone()).watch(request).await.unwrap().into_inner();
    let first = watched.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
}

async fn assert_unreachable(rpc: &Rpc, channel: &Channel) {
    let refusal = Refusal::of(rpc.call(channel, None).await.unwrap_err());
    assert!(
        [Reason::MethodUnknown, Reason::PeerNotAllowed].contains(&refusal.reason),
        "{}: {refusal:?}",
        rpc.method
    );
}

#[tokio::test]
async fn case_30_what_the_services_ask_of_each_other_cannot_be_reached_from_outside() {
    let channel = suite().connect().await;
    for rpc in of_peers() {
        assert_unreachable(&rpc, &channel).await;
    }
}

#[tokio::test]
async fn a_method_that_is_not_there_says_how_to_find_those_that_are() {
    let channel = suite().connect().await;
    for method in ["countersign.token_issuer.v1.StepUpService/GetSessions", "countersign.Nothing/At"] {
        let rpc = Rpc { method, body: Vec::new().into() };
        let refusal = rpc.call(&channel, None).await.refused(Reason::MethodUnknown);
        assert!(refusal.message().contains("grpcurl -plaintext"), "{refusal:?}");
    }
}

#[tokio::test]
async fn the_keys_are_the_same_over_rpc_and_over_http_and_have_no_private_part() {
    let mut service = TokenServiceClient::new(suite().connect().await);
    let told = service.get_json_web_key_set(GetJsonWebKeySetRequest {}).await.done();
    assert!(told.max_age_seconds > 0);
    let address = format!("{}/.well-known/jwks.json", suite().file.endpoint);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(address).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.contains("json"), "{kind}");
    let over_http: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let over_rpc: serde_json::Value = serde_json::from_str(&told.jwks).unwrap();
    assert_eq!(over_rpc, over_http);
    let keys = over_rpc["keys"].as_array().unwrap();
    // One key set a kind of token: elevated tokens and receipts never share a key.
    assert!(keys.len() >= 2, "{over_rpc}");
    for key in keys {
        assert_eq!(key["alg"], "ES256");
        for private in ["d", "k", "p", "q", "dp", "dq", "qi", "oth"] {
            assert!(key.get(private).is_none(), "{key}");
        }
    }
}
