//! The gate of every handler: finds out who is calling, gives the use case its call, writes the end of it to the
//! audit trail and turns errors into statuses. A handler is one call of it.

use std::sync::Arc;

use kernel::audit::{Actor, Event, TraceId};
use kernel::{Clock, EnvironmentId, Error, Reason, Result, Timestamp};
use storage::{AuditLog, Trail};
use tonic::{Extensions, Request, Response, Status};
use tracing::Instrument as _;

use crate::call::{AdminCall, PeerCall, UserCall};
use crate::guard::InFlight;
use crate::identity::{Admins, PeerIdentity, Sessions};
use crate::status::to_status;

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
        work: impl FnOnce(UserCall, T) -> F + Send,
    ) -> Result<Response<U>, Status>
    where
        U: Send + 'static,
        F: Future<Output = Result<U>> + Send + 'static,
    {
        let now = self.parts.clock.now();
        let (metadata, extensions, message) = request.into_parts();
        let environment = proto::names::environment_of(name(&message));
        let authenticated = async {
            let sessions = self.parts.sessions.as_ref().ok_or_else(unwired)?;
            let environment = environment.ok_or_else(|| {
                Error::invalid(
                    "name",
                    "the resource name must begin with `environments/{environment}/`, a lower-case UUID",
                )
            })?;
            Ok((environment, sessions.authenticate(&metadata, environment, now).await?))
        };
        let (environment, session) = match authenticated.await {
            Ok(found) => found,
            Err(error) => return self.unknown(kind, environment, now, &extensions, error).await,
        };
        let trail = self.trail(kind, now, Actor::User(session.user), Some(environment), &extensions);
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
            trail: trail.clone(),
        };
        finish(trail, keep, &extensions, work(call, message)).await
    }

    /// A call by an administrator. The use case says which role it takes: [`AdminCall::require`].
    pub async fn admin<T, U, F>(
        &self,
        request: Request<T>,
        kind: &'static str,
        keep: Keep,
        work: impl FnOnce(AdminCall, T) -> F + Send,
    ) -> Result<Response<U>, Status>
    where
        U: Send + 'static,
        F: Future<Output = Result<U>> + Send + 'static,
    {
        let now = self.parts.clock.now();
        let (metadata, extensions, message) = request.into_parts();
        let admin = self
            .parts
            .admins
            .as_ref()
            .ok_or_else(unwired)
            .and_then(|admins| admins.authenticate(&metadata, now));
        let admin = match admin {
            Ok(admin) => admin,
            Err(error) => return self.unknown(kind, None, now, &extensions, error).await,
        };
        let trail = self.trail(kind, now, Actor::Admin(admin.subject.clone()), None, &extensions);
        let call = AdminCall { subject: admin.subject, grants: admin.grants, at: now, trail: trail.clone() };
        finish(trail, keep, &extensions, work(call, message)).await
    }

    /// A call by another service, whose role must be among `callers`.
    pub async fn peer<T, U, F>(
        &self,
        request: Request<T>,
        kind: &'static str,
        keep: Keep,
        callers: &'static [&'static str],
        work: impl FnOnce(PeerCall, T) -> F + Send,
    ) -> Result<Response<U>, Status>
    where
        U: Send + 'static,
        F: Future<Output = Result<U>> + Send + 'static,
    {
        let now = self.parts.clock.now();
        let (_, extensions, message) = request.into_parts();
        let role = match extensions.get::<PeerIdentity>() {
            Some(PeerIdentity(role)) if callers.contains(&role.as_str()) => role.clone(),
            _ => {
                let error = Error::new(
                    Reason::PeerNotAllowed,
                    "this method is for certain services of the suite; the caller is not one of them",
                );
                return self.unknown(kind, None, now, &extensions, error).await;
            }
        };
        let trail = self.trail(kind, now, Actor::Peer(role.clone()), None, &extensions);
        let call = PeerCall { role, at: now, trail: trail.clone() };
        finish(trail, keep, &extensions, work(call, message)).await
    }

    /// The refusal of a caller who could not be identified.
    async fn unknown<U: Send + 'static>(
        &self,
        kind: &'static str,
        environment: Option<EnvironmentId>,
        now: Timestamp,
        extensions: &Extensions,
        error: Error,
    ) -> Result<Response<U>, Status> {
        let trail = self.trail(kind, now, Actor::Unknown, environment, extensions);
        finish(trail, Keep::Refusals, extensions, std::future::ready(Err(error))).await
    }

    fn trail(
        &self,
        kind: &'static str,
        now: Timestamp,
        actor: Actor,
        environment: Option<EnvironmentId>,
        extensions: &Extensions,
    ) -> Trail {
        let mut event = Event::new(kind, now, actor);
        event.environment = environment;
        event.trace = extensions.get::<TraceId>().copied();
        Trail::new(self.parts.audit.clone(), event)
    }
}

/// Runs a use case to its end and writes the end down, in a task of its own: a caller that goes away, or whose time is
/// up, stops neither.
async fn finish<U: Send + 'static>(
    trail: Trail,
    keep: Keep,
    extensions: &Extensions,
    work: impl Future<Output = Result<U>> + Send + 'static,
) -> Result<Response<U>, Status> {
    // The call counts as in flight until it has ended, not only until its caller stops waiting.
    let in_flight = extensions.get::<InFlight>().cloned();
    let run = async move {
        let result = trail.end(work.await, keep == Keep::All).await;
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
