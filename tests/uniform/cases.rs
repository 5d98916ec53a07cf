//! Codes that are refused, each for another cause.
#![expect(clippy::disallowed_methods, reason = "durations are what is measured here")]

use std::time::Instant;

use futures::stream::{self, StreamExt as _};
use kernel::Reason;
use proto::token_issuer::{AuthenticateTotpRequest, CheckStepUpRequest};
use proto::types::Action;
use runtime::status;

use crate::support::dev::DevSuite;
use crate::support::fresh;
use crate::support::user::User;

/// How many users are made at a time.
const AT_ONCE: usize = 16;

/// Why a code is refused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// It is wrong.
    Wrong,
    /// It was right once.
    Used,
    /// It is for a device there is not.
    Device,
    /// The user has no device.
    User,
    /// The user has no device, and was never seen before: that is written down first.
    Stranger,
}

impl Case {
    /// All, the one that the others are compared with first.
    pub(crate) const ALL: [Self; 5] = [Self::Wrong, Self::Used, Self::Device, Self::User, Self::Stranger];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Wrong => "the code is wrong",
            Self::Used => "the code was used before",
            Self::Device => "there is no such device",
            Self::User => "the user has no device",
            Self::Stranger => "the user was never seen before",
        }
    }
}

/// A call to be made once, by a user who made none that was refused.
struct Call {
    case: Case,
    user: User,
    code: String,
    device: String,
}

impl Call {
    async fn new(user: User, case: Case) -> Self {
        let device = match case {
            Case::Device => format!("{}/devices/{}", user.name(), fresh::request_id()),
            Case::Wrong | Case::Used | Case::User | Case::Stranger => String::new(),
        };
        let code = match case {
            // Any code is wrong for who has no device.
            Case::Stranger => "000000".to_owned(),
            Case::User => {
                user.step_up().check_step_up(user.request(check(&user))).await.unwrap();
                "000000".to_owned()
            }
            Case::Used => user.enrol().await.app.again(),
            Case::Wrong | Case::Device => user.enrol().await.app.wrong(),
        };
        Self { case, user, code, device }
    }

    /// How long the refusal takes, in microseconds.
    async fn time(self) -> f64 {
        let request = self.user.request(AuthenticateTotpRequest {
            user: self.user.name(),
            code: self.code,
            device: self.device,
            requested_scopes: vec!["wallet:sign".to_owned()],
            operation: None,
            request_id: fresh::request_id(),
            ..Default::default()
        });
        let mut client = self.user.step_up();
        let began = Instant::now();
        let refused = client.authenticate_totp(request).await.unwrap_err();
        let took = began.elapsed();
        assert_eq!(status::from_status(&refused).reason(), Reason::CodeRejected, "{}", self.case.name());
        took.as_secs_f64() * 1e6
    }
}

/// Asks what signing takes, which makes the user one who was seen.
fn check(user: &User) -> CheckStepUpRequest {
    CheckStepUpRequest { user: user.name(), action: Action::WalletSign.into(), scope: String::new() }
}

/// The times of so many calls of each case, made one after the other, the cases taking turns.
pub(crate) async fn measure(suite: &DevSuite, calls: usize) -> [Vec<f64>; Case::ALL.len()] {
    let channel = suite.connect().await;
    let make = |number: usize| {
        let user = User::within(suite, channel.clone(), suite.environment());
        // Not always after the same one.
        let case = Case::ALL[(number + number / Case::ALL.len()) % Case::ALL.len()];
        Call::new(user, case)
    };
    let ready: Vec<Call> =
        stream::iter(0..calls * Case::ALL.len()).map(make).buffer_unordered(AT_ONCE).collect().await;
    let mut times = [const { Vec::new() }; Case::ALL.len()];
    for call in ready {
        let place = Case::ALL.iter().position(|case| *case == call.case).unwrap();
        times[place].push(call.time().await);
    }
    times
}
