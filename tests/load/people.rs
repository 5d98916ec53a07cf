//! Users with tokens to spend.

use futures::stream::{self, StreamExt as _};
use kernel::{EnvironmentId, WalletId};
use operation::{Body, Operation, WalletRef};
use proto::convert::operation_value;
use proto::token_issuer::AuthorizeOperationRequest;
use proto::token_issuer::step_up_service_client::StepUpServiceClient;
use tonic::transport::Channel;

use crate::support::codes::App;
use crate::support::dev::DevSuite;
use crate::support::fresh;
use crate::support::user::User;

/// How many are dealt with at a time.
const AT_ONCE: usize = 24;

/// The scope of signing, which is what is authorized here.
const SCOPE: &str = "wallet:sign";

/// A user with a factor.
pub(crate) struct Person {
    pub(crate) user: User,
    app: App,
}

/// A user's token, still to be spent.
#[derive(Clone)]
pub(crate) struct Ticket {
    user: User,
    pub(crate) token: String,
}

/// New users of an environment with a factor each.
pub(crate) async fn enrolled(
    suite: &DevSuite,
    channel: &Channel,
    environment: EnvironmentId,
    count: usize,
) -> Vec<Person> {
    let enrol = |_| async {
        let user = User::within(suite, channel.clone(), environment);
        let app = user.enrol().await.app;
        Person { user, app }
    };
    stream::iter(0..count).map(enrol).buffer_unordered(AT_ONCE).collect().await
}

/// A token for each of them.
pub(crate) async fn tokens(people: &mut [Person]) -> Vec<Ticket> {
    stream::iter(people).map(Person::token).buffer_unordered(AT_ONCE).collect().await
}

impl Person {
    async fn token(&mut self) -> Ticket {
        let user = self.user.clone();
        let token = user.token(&mut self.app, &[SCOPE], None).await;
        Ticket { user, token }
    }
}

impl Ticket {
    /// The session that goes with it.
    pub(crate) fn session(&self) -> &str {
        &self.user.token
    }

    /// The user, as stores name them.
    pub(crate) fn user(&self) -> &User {
        &self.user
    }

    fn operation(&self) -> Operation {
        let id = WalletId::random(fresh::entropy());
        // Only the issuer is asked, and it does not ask whether the wallet is there.
        let wallet = WalletRef { id, share_generation: 1 };
        self.user.operation(Body::SignMessage { wallet, message: b"a message to be signed".to_vec() })
    }

    /// Has a fresh operation authorized, paid for with the token; the receipt.
    pub(crate) async fn authorize(&self, channel: Channel) -> String {
        let request = AuthorizeOperationRequest {
            operation: Some(operation_value(&self.operation())),
            elevated_token: self.token.clone(),
            ..Default::default()
        };
        let answer = StepUpServiceClient::new(channel).authorize_operation(self.user.request(request)).await;
        match answer {
            Ok(answer) => answer.into_inner().receipt,
            Err(status) => panic!("not authorized: {:?}: {}", status.code(), status.message()),
        }
    }
}
