//! No kind of token passes for another: every kind in the place of every other one.

use jose::{Algorithm, KeySet, KeyStatement, Kind, SigningKey};
use kernel::Reason;
use operation::Body;
use proto::mfa_devices::DeleteDeviceRequest;
use proto::token_issuer::IntrospectTokenRequest;

use crate::support::answer::{Done as _, Outcome as _};
use crate::support::catalogue::{About, of_administrators, of_users};
use crate::support::dev::suite;
use crate::support::exports;
use crate::support::fresh::{self, now};
use crate::support::secrets::secret;
use crate::support::tokens::{admin, admin_claims, session_claims};
use crate::support::user::{Enrolled, User};

/// A user with a factor and a wallet, and one good token of each kind.
struct Holder {
    user: User,
    factor: Enrolled,
    wallet: proto::waas_gateway::Wallet,
    tokens: Vec<(Kind, String)>,
}

impl Holder {
    async fn new() -> Self {
        let user = User::new(suite()).await;
        let wallet = user.wallet().await;
        let mut factor = user.enrol().await;
        let elevated = user.token(&mut factor.app, &["wallet:sign"], None).await;
        let spent = user.token(&mut factor.app, &["wallet:sign"], None).await;
        let receipt = user.receipt(&user.signing(&wallet, b"hello"), &spent).await;
        let tokens = vec![
            (Kind::Session, user.token.clone()),
            (Kind::Admin, admin(suite(), &["owner@*"])),
            (Kind::Elevated, elevated),
            (Kind::Receipt, receipt),
            (Kind::KeyStatement, statement()),
        ];
        Self { user, factor, wallet, tokens }
    }

    /// The tokens of all kinds but one.
    fn others(&self, kind: Kind) -> impl Iterator<Item = &(Kind, String)> {
        self.tokens.iter().filter(move |(other, _)| *other != kind)
    }
}

/// A statement of receipt keys, of somebody's own root: the suite's own leaves its process nowhere.
fn statement() -> String {
    let root = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let statement = KeyStatement {
        sequence: 1,
        issuer: "https://issuer.countersign-dev.invalid".to_owned(),
        not_before: now().seconds(),
        not_after: now().seconds() + 3600,
        keys: KeySet::from_keys(vec![root.public_jwk()]).unwrap(),
    };
    secret(jose::sign_statement(&statement, &root).unwrap())
}

#[tokio::test]
async fn case_18_nothing_but_a_session_signs_a_user_in() {
    let holder = Holder::new().await;
    for rpc in of_users(&About::nothing(suite().environment())) {
        for (kind, token) in holder.others(Kind::Session) {
            let answer = rpc.bearing(&holder.user.channel, token).await;
            assert!(answer.is_err(), "{} took a {kind:?}", rpc.method);
            answer.refused(Reason::SessionInvalid);
        }
    }
}

#[tokio::test]
async fn case_18_nothing_but_an_administrators_token_administers() {
    let holder = Holder::new().await;
    for rpc in of_administrators(&About::nothing(suite().environment())) {
        for (kind, token) in holder.others(Kind::Admin) {
            let answer = rpc.bearing(&holder.user.channel, token).await;
            assert!(answer.is_err(), "{} took a {kind:?}", rpc.method);
            answer.refused(Reason::AdminTokenInvalid);
        }
    }
}

#[tokio::test]
async fn case_18_the_right_claims_and_the_right_key_under_another_type_are_not_enough() {
    let channel = suite().connect().await;
    let session = session_claims(suite(), suite().environment(), "alice", "session-1");
    let admin = admin_claims(suite(), &["owner@*"]);
    let about = About::nothing(suite().environment());
    let (as_user, as_admin) = (&of_users(&about)[0], &of_administrators(&about)[1]);
    let good = suite().file.provider.sign(Kind::Session, &session);
    as_user.bearing(&channel, &good).await.done();
    for kind in Kind::ALL {
        if kind != Kind::Session {
            let token = suite().file.provider.sign(kind, &session);
            as_user.bearing(&channel, &token).await.refused(Reason::SessionInvalid);
        }
        if kind != Kind::Admin {
            let token = suite().file.admin.sign(kind, &admin);
            as_admin.bearing(&channel, &token).await.refused(Reason::AdminTokenInvalid);
        }
    }
}

#[tokio::test]
async fn case_18_nothing_but_an_elevated_token_pays() {
    let holder = Holder::new().await;
    let operation = holder.user.signing(&holder.wallet, b"paid for");
    for (_, token) in holder.others(Kind::Elevated) {
        holder.user.authorize(&operation, token).await.refused(Reason::TokenInvalid);
        let request = IntrospectTokenRequest { user: holder.user.name(), token: token.clone() };
        let told = holder.user.introspection().introspect_token(holder.user.request(request)).await.done();
        assert_eq!(told, proto::token_issuer::IntrospectTokenResponse::default());
    }
    let (_, elevated) = holder.tokens.iter().find(|(kind, _)| *kind == Kind::Elevated).unwrap();
    holder.user.authorize(&operation, elevated).await.done();
}

#[tokio::test]
async fn case_18_nothing_but_a_receipt_opens_an_operation() {
    let holder = Holder::new().await;
    let user = &holder.user;
    for (_, token) in holder.others(Kind::Receipt) {
        let signing = user.signing(&holder.wallet, b"hello");
        user.sign(&signing, token).await.refused(Reason::ReceiptInvalid);
        let exporting = user.exporting(&holder.wallet, exports::recipient().public());
        user.export(&exporting, token).await.refused(Reason::ReceiptInvalid);
        let refused = user.register(Some((fresh::operation_id(), token))).await;
        refused.refused(Reason::ReceiptInvalid);
        let request = DeleteDeviceRequest {
            name: holder.factor.device.name.clone(),
            operation_id: fresh::uuid(),
            receipt: token.clone(),
        };
        user.devices().delete_device(user.request(request)).await.refused(Reason::ReceiptInvalid);
    }
}

#[tokio::test]
async fn case_18_a_receipt_for_the_nodes_does_not_open_the_factors_and_the_other_way_round() {
    let user = User::new(suite()).await;
    let wallet = user.wallet().await;
    let mut factor = user.enrol().await;
    let device = proto::names::parse_device("name", &factor.device.name).unwrap().id;
    let unlink = user.operation(Body::UnlinkCredential { device });
    let token = user.token(&mut factor.app, &[], Some(&unlink)).await;
    let for_factors = user.receipt(&unlink, &token).await;
    let signing = user.signing(&wallet, b"hello");
    user.sign(&signing, &for_factors).await.refused(Reason::ReceiptInvalid);

    let token = user.token(&mut factor.app, &["wallet:sign"], None).await;
    let for_nodes = user.receipt(&signing, &token).await;
    let request = |operation_id: String, receipt: &str| DeleteDeviceRequest {
        name: factor.device.name.clone(),
        operation_id,
        receipt: receipt.to_owned(),
    };
    let wrong = request(signing.id.to_string(), &for_nodes);
    user.devices().delete_device(user.request(wrong)).await.refused(Reason::ReceiptInvalid);
    // Nothing was consumed by any of this.
    user.sign(&signing, &for_nodes).await.done();
    let right = request(unlink.id.to_string(), &for_factors);
    user.devices().delete_device(user.request(right)).await.done();
}
