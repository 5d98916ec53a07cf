//! The gate of every handler: finds out who is calling, gives the use case its call, writes the end of it to the
//! audit trail and turns errors into statuses. A handler is one call of it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;
use kernel::audit::{Actor, Event, TraceId};
use kernel::{Clock, Error, Result, Timestamp};
use storage::{AuditLog, Trail};
use tonic::{Extensions, Request, Response, Status};
use tracing::Instrument as _;

use crate::call::{AdminCall, PeerCall, UserCall};
use crate::guard::InFlight;
use crate::identity::{Admins, PeerIdentity, Sessions};
use crate::limits;
use crate::status::{not_a_caller, to_status};

/// What of a call the audit trail keeps. What was intended before something was consumed is always kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Refusals only: for reads.
    Refusals,
    /// Successes too: for changes.
    All,
}

/// What a gate is made of. A service leaves out the kinds of callers it does not have.
#[derive(Clone)]
pub struct GateParts {
    /// For calls by users.
    pub sessions: Option<Sessions>,
    /// For calls by administrators.
    pub admins: Option<Admins>,
    /// Where calls are written down.
    pub audit: Arc<dyn AuditLog>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// See the module.
#[derive(Clone)]
pub struct Gate {
    parts: Arc<GateParts>,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}

impl Gate {
    /// From its parts.
    pub fn new(parts: GateParts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// A call by a user. `name` gives the resource name in the request, from which the environment is read; `kind`
    /// is the kind of audit event.
    pub async fn user<T, U, F>(
        &self,
        request: Request<T>,
        kind: &'static str,
        keep: Keep,
        name: fn(&T) -> &str,
        work: impl FnOnce(UserCall, T) -> F + Send + 'static,
    ) -> Result<Response<U>, Status>
    where
        T: Send + 'static,
        U: Send + 'static,
        F: Future<Output = Result<U>> + Send + 'static,
    {
        let now = self.parts.clock.now();
        let (metadata, extensions, message) = request.into_parts();
        let environment = proto::names::environment_of(name(&message));
        let trail = self.trail(kind, now, &extensions);
        let (sessions, called) = (self.parts.sessions.clone(), trail.clone());
        let audit = self.parts.audit.clone();
        let run = async move {
            audit.check_standing()?;
            let sessions = sessions.ok_or_else(unwired)?;
            let environment = environment.ok_or_else(|| {
                Error::invalid(
                    "name",
                    "the resource name must begin with `environments/{environment}/`, a lower-case UUID",
                )
            })?;
            let session = match sessions.authenticate(&metadata, environment, now).await {
                Ok(session) => session,
                Err(refused) => {
                    if let Some(environment) = refused.environment {
                        called.environment(environment).await;
                    }
                    return Err(refused.error);
                }
            };
            called.environment(environment).await;
            called.actor(Actor::User(session.user)).await;
            let call = UserCall {
                environment,
                user: session.user,
                session: session.id,
                provider_id: session.provider_id,
                auth_time: session.auth_time,
                session_expires: session.expires,
                settings: session.settings,
                bearer: session.bearer,
                at: now,
                trail: called,
            };
            work(call, message).await
        };
        finish(trail, keep, &extensions, run).await
    }

    /// A call by an administrator. The use case says which role it takes: [`AdminCall::require`].
    ///
    /// Answered also while the service has halted, so that its auditors can look: what would change something is
    /// refused by the audit trail.
    pub async fn admin<T, U, F>(
        &self,
        request: Request<T>,
        kind: &'static str,
        keep: Keep,
        work: impl FnOnce(AdminCall, T) -> F + Send + 'static,
    ) -> Result<Response<U>, Status>
    where
        T: Send + 'static,
        U: Send + 'static,
        F: Future<Output = Result<U>> + Send + 'static,
    {
        let now = self.parts.clock.now();
        let (metadata, extensions, message) = request.into_parts();
        let trail = self.trail(kind, now, &extensions);
        let (admins, called) = (self.parts.admins.clone(), trail.clone());
        let run = async move {
            let admin = admins.ok_or_else(unwired)?.authenticate(&metadata, now)?;
            called.actor(Actor::Admin(admin.subject.clone())).await;
            let call = AdminCall { subject: admin.subject, grants: admin.grants, at: now, trail: called };
            work(call, message).await
        };
        finish(trail, keep, &extensions, run).await
    }

    /// A call by another service, whose role must be among `callers`.
    pub async fn peer<T, U, F>(
        &self,
        request: Request<T>,
        kind: &'static str,
        keep: Keep,
        callers: &'static [&'static str],
        work: impl FnOnce(PeerCall, T) -> F + Send + 'static,
    ) -> Result<Response<U>, Status>
    where
        T: Send + 'static,
        U: Send + 'static,
        F: Future<Output = Result<U>> + Send + 'static,
    {
        let now = self.parts.clock.now();
        let (_, extensions, message) = request.into_parts();
        let role = match extensions.get::<PeerIdentity>() {
            Some(PeerIdentity(role)) if callers.contains(&role.as_str()) => Some(role.clone()),
            _ => None,
        };
        let trail = self.trail(kind, now, &extensions);
        let called = trail.clone();
        let audit = self.parts.audit.clone();
        let run = async move {
            let role = role.ok_or_else(not_a_caller)?;
            // Also for what is only read: another service may allow something because of the answer.
            audit.check_standing()?;
            called.actor(Actor::Peer(role.clone())).await;
            work(PeerCall { role, at: now, trail: called }, message).await
        };
        finish(trail, keep, &extensions, run).await
    }

    /// The trail of a call whose caller is not known yet.
    fn trail(&self, kind: &'static str, now: Timestamp, extensions: &Extensions) -> Trail {
        let mut event = Event::new(kind, now, Actor::Unknown);
        event.trace = extensions.get::<TraceId>().copied();
        Trail::new(self.parts.audit.clone(), event)
    }
}

/// Runs a use case to its end and writes the end down, in a task of its own: a caller that goes away, or whose time is
/// up, stops neither. What hangs, because a store's machine vanished without a word, is cut: it would keep its place
/// among the calls in flight for ever.
async fn finish<U: Send + 'static>(
    trail: Trail,
    keep: Keep,
    extensions: &Extensions,
    work: impl Future<Output = Result<U>> + Send + 'static,
) -> Result<Response<U>, Status> {
    // The call counts as in flight until it has ended, not only until its caller stops waiting.
    let in_flight = extensions.get::<InFlight>().cloned();
    let run = async move {
        // A defect that panics is an end too, and one to write down.
        let work = AssertUnwindSafe(work).catch_unwind();
        let result = match tokio::time::timeout(limits::MAX_WORK_TIME, work).await {
            Ok(ended) => ended.unwrap_or_else(|_| Err(Error::internal("a use case panicked"))),
            Err(_) => Err(Error::store_unavailable("a use case took too long and was cut")),
        };
        let result = trail.end(result, keep == Keep::All).await;
        drop(in_flight);
        result
    };
    let result =
        tokio::spawn(run.in_current_span()).await.unwrap_or_else(|error| Err(Error::internal(error)));
    match result {
        Ok(answer) => Ok(Response::new(answer)),
        Err(error) => {
            tracing::info!(reason = %error.reason(), "refused");
            Err(to_status(&error))
        }
    }
}

fn unwired() -> Error {
    Error::internal("this role was composed without the kind of caller that the method is for")
}
