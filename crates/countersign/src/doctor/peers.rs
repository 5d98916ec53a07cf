//! The services that this one calls: whether they are there, and know us by our certificate.

use std::sync::Arc;
use std::time::Duration;

use kernel::{Error, Reason, Result};
use runtime::channel::{self, ChannelSettings};
use runtime::status;
use runtime::tls::Credentials;
use tonic::Status;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::report::Report;
use crate::settings::{RoleSettings, Settings};

/// How long one may take to answer.
const DEADLINE: Duration = Duration::from_secs(5);

/// What to do about one that does not answer.
const REACH: &str = "is it running, is the address right, and does it know this certificate's authority?";

pub(super) async fn examine<R: RoleSettings>(
    settings: &Settings<R>,
    credentials: &Arc<Credentials>,
    report: &mut Report,
) {
    for (key, name, endpoint) in settings.own.endpoints() {
        let thing = format!("{name} at {}", endpoint.url);
        let setting = format!("{}.{key}", R::ROLE);
        match tokio::time::timeout(DEADLINE, ask(&setting, endpoint, credentials)).await {
            Ok(Ok(ServingStatus::Serving)) => report.ok(&thing, "is ready, and knows this certificate"),
            Ok(Ok(_)) => report.warn(&thing, "answers and is not ready", "ask its `/readyz` why"),
            Ok(Err(error)) if error.reason() == Reason::PeerNotAllowed => {
                let names = credentials.names().join(", ");
                let what = format!("does not let {names} in");
                report.wrong(
                    &thing,
                    what,
                    format!("list the name there: `peer.callers` = {{ \"…\" = \"{}\" }}", R::ROLE),
                );
            }
            Ok(Err(error)) => {
                let why =
                    error.internal_cause().map_or_else(|| error.message().to_owned(), ToString::to_string);
                report.wrong(&thing, format!("cannot be asked ({why})"), REACH);
            }
            Err(_) => report.wrong(&thing, format!("does not answer within {} s", DEADLINE.as_secs()), REACH),
        }
    }
}

async fn ask(
    setting: &str,
    endpoint: &ChannelSettings,
    credentials: &Arc<Credentials>,
) -> Result<ServingStatus> {
    let channel = channel::connect(setting, endpoint, credentials.clone())?;
    match HealthClient::new(channel).check(HealthCheckRequest::default()).await {
        Ok(answer) => ServingStatus::try_from(answer.into_inner().status).map_err(Error::internal),
        // To a caller this would be a defect of ours; here it is what is looked for.
        Err(refusal) if status::reason_of(&refusal) == Some(Reason::PeerNotAllowed) => {
            Err(Error::new(Reason::PeerNotAllowed, refusal.message().to_owned()))
        }
        Err(refusal) => Err(status::from_status(&refusal).cause(innermost(&refusal))),
    }
}

/// What a connection failed by: the last cause says it, the others that there was one.
fn innermost(refusal: &Status) -> String {
    let mut cause: &dyn std::error::Error = refusal;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
