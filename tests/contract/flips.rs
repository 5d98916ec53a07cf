//! Nothing of an operation can be changed on its way to the issuer: any octet of the message that is another makes it
//! another operation, or none.

use kernel::FactorKind;
use operation::{Body, Operation};
use prost::Message as _;
use proto::convert::operation_value;
use proto::token_issuer::{AuthorizeOperationRequest, AuthorizeOperationResponse};
use proto::types;

use crate::support::answer::{Done as _, Outcome as _};
use crate::support::dev::suite;
use crate::support::exports::recipient;
use crate::support::raw::Rpc;
use crate::support::user::{Enrolled, User};

const METHOD: &str = "countersign.token_issuer.v1.StepUpService/AuthorizeOperation";

/// A field of a message that holds octets.
fn field(number: u8, octets: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    prost::encoding::encode_varint(octets.len() as u64, &mut out);
    out.extend(octets);
    out
}

/// A request with these octets for an operation.
fn request(operation: &[u8], token: &str) -> Rpc {
    let empty = AuthorizeOperationRequest::default();
    Rpc::new(METHOD, &empty).with_body([field(1, operation), field(2, token.as_bytes())].concat())
}

/// An operation of each kind that a token can be bound to.
fn orders(user: &User, wallet: &proto::waas_gateway::Wallet, factor: &Enrolled) -> [Operation; 4] {
    let device = proto::names::parse_device("name", &factor.device.name).unwrap().id;
    [
        user.signing(wallet, b"pay 1 to bob"),
        user.exporting(wallet, recipient().public()),
        user.operation(Body::LinkCredential { factor: FactorKind::Totp }),
        user.operation(Body::UnlinkCredential { device }),
    ]
}

#[tokio::test]
async fn case_29_no_octet_of_a_request_can_be_flipped_behind_a_bound_token() {
    for kind in 0..4 {
        let user = User::new(suite()).await;
        let (wallet, mut factor) = (user.wallet().await, user.enrol().await);
        let order = &orders(&user, &wallet, &factor)[kind];
        let token = user.token(&mut factor.app, &[], Some(order)).await;
        let octets = operation_value(order).encode_to_vec();
        for place in 0..octets.len() {
            let mut other = octets.clone();
            other[place] ^= 1 << (place % 8);
            let answer = request(&other, &token).bearing(&user.channel, &user.token).await;
            let Err(refusal) = answer.outcome() else {
                panic!("octet {place} of {order:?} was flipped and it was authorized")
            };
            assert_ne!(refusal.reason, kernel::Reason::Internal, "octet {place} of {order:?}: {refusal:?}");
        }
        // None of that has spent anything.
        let answer = request(&octets, &token).bearing(&user.channel, &user.token).await.done();
        assert!(AuthorizeOperationResponse::decode(answer).unwrap().token_redeemed);
    }
}

#[tokio::test]
async fn case_29_one_operation_has_one_digest_however_its_message_is_written() {
    let user = User::new(suite()).await;
    let wallet = user.wallet().await;
    let order = user.signing(&wallet, b"hello");
    let value = operation_value(&order);
    let digest = order.clone().check().unwrap().digest();
    let only = |value: types::Operation| value.encode_to_vec();
    let (user_field, id_field, kind_field) = (
        only(types::Operation { user: value.user.clone(), ..Default::default() }),
        only(types::Operation { operation_id: value.operation_id.clone(), ..Default::default() }),
        only(types::Operation { kind: value.kind.clone(), ..Default::default() }),
    );
    let another_id = only(types::Operation { operation_id: "x".to_owned(), ..Default::default() });
    for (what, octets) in [
        ("as it is", only(value)),
        ("in another order", [&*kind_field, &*id_field, &*user_field].concat()),
        (
            "with a field that nobody knows",
            [&*user_field, &*id_field, &*kind_field, &field(15, b"x")].concat(),
        ),
        (
            "with a field twice, of which the last counts",
            [&*another_id, &*user_field, &*id_field, &*kind_field].concat(),
        ),
    ] {
        let answer = request(&octets, "").bearing(&user.channel, &user.token).await;
        let answer = answer.unwrap_or_else(|status| panic!("{what}: {status:?}")).into_inner();
        let answer = AuthorizeOperationResponse::decode(answer).unwrap();
        assert_eq!(answer.operation_digest, digest.as_bytes(), "{what}");
    }
    // What is left out is not taken for what was meant.
    for octets in [[&*user_field, &*kind_field].concat(), [&*user_field, &*id_field].concat()] {
        let answer = request(&octets, "").bearing(&user.channel, &user.token).await;
        answer.refused(kernel::Reason::InvalidRequest);
    }
}
