//! A mount: the services of one listener with health, reflection and the guard around them. Mounting a service
//! registers it for both, so that neither can be forgotten.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::response::IntoResponse;
use kernel::{Clock, Error, Result};
use storage::AuditLog;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::server::NamedService;
use tonic::service::Routes;

use crate::guard::{Guard, guard};
use crate::health::Readiness;
use crate::limits;

/// The services of one listener.
#[derive(Default)]
pub struct Mount {
    routes: Routes,
    http: Option<Router>,
    names: Vec<&'static str>,
    audit: Option<(Arc<dyn AuditLog>, Arc<dyn Clock>)>,
    callers: Option<Vec<&'static str>>,
    readiness: Option<Readiness>,
}

impl std::fmt::Debug for Mount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mount").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Mount {
    /// Without services, for users and administrators.
    pub fn new() -> Self {
        Self::default()
    }

    /// Without services, for the other services: only callers of these roles get in, whatever they call. A method may
    /// let in fewer of them ([`crate::Gate::peer`]).
    pub fn for_peers(callers: &[&'static str]) -> Self {
        Self { callers: Some(callers.to_vec()), ..Self::default() }
    }

    /// With a gRPC service more.
    #[must_use]
    pub fn service<S>(mut self, service: S) -> Self
    where
        S: Service<http::Request<Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        self.routes = self.routes.add_service(service);
        self.names.push(S::NAME);
        self
    }

    /// With plain HTTP routes more.
    #[must_use]
    pub fn http(mut self, routes: Router) -> Self {
        self.http = Some(match self.http {
            Some(http) => http.merge(routes),
            None => routes,
        });
        self
    }

    /// With an audit trail for requests that do not decode.
    #[must_use]
    pub fn audit(mut self, audit: Arc<dyn AuditLog>, clock: Arc<dyn Clock>) -> Self {
        self.audit = Some((audit, clock));
        self
    }

    /// With health that says whether the process is ready. Without, it is as long as it is served.
    #[must_use]
    pub fn readiness(mut self, readiness: Readiness) -> Self {
        self.readiness = Some(readiness);
        self
    }

    /// This mount and the services of `other`, for a listener that serves several roles. Only who may call both gets in.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        let (mine, theirs) = (self.routes.into_axum_router(), other.routes.into_axum_router());
        // Each has the fallback that answers unknown methods; one of them is enough.
        self.routes = Routes::from(mine.merge(theirs.reset_fallback()));
        self.http = match (self.http, other.http) {
            (Some(mine), Some(theirs)) => Some(mine.merge(theirs)),
            (mine, theirs) => mine.or(theirs),
        };
        self.names.extend(other.names);
        self.audit = self.audit.or(other.audit);
        self.callers = match (self.callers, other.callers) {
            (Some(mine), Some(theirs)) => {
                Some(mine.into_iter().filter(|caller| theirs.contains(caller)).collect())
            }
            (mine, theirs) => mine.or(theirs),
        };
        self.readiness = self.readiness.or(other.readiness);
        self
    }

    /// The full names of the services.
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }

    /// The roles that get in, where it is for peers.
    pub fn callers(&self) -> Option<&[&'static str]> {
        self.callers.as_deref()
    }

    /// Everything as one router: services, health v1, reflection v1 and v1alpha, plain HTTP, and the guard.
    pub(crate) async fn into_router(self) -> Result<(Router, Health)> {
        let (reporter, health) = tonic_health::server::health_reporter();
        let stop = CancellationToken::new();
        let told =
            Health { reporter, names: self.names.clone(), readiness: self.readiness, stop: stop.clone() };
        told.tell().await;
        let reflection = || {
            let mut builder = tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(proto::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                .with_service_name("grpc.health.v1.Health");
            // Only what is mounted here: the listener does not tell of what others serve.
            for name in &self.names {
                builder = builder.with_service_name(*name);
            }
            builder
        };
        let (v1, v1alpha) = (reflection().build_v1(), reflection().build_v1alpha());
        let (v1, v1alpha) = (v1.map_err(Error::internal)?, v1alpha.map_err(Error::internal)?);
        let routes = self
            .routes
            .add_service(health.max_decoding_message_size(limits::MAX_STREAM_MESSAGE_BYTES))
            .add_service(v1.max_decoding_message_size(limits::MAX_STREAM_MESSAGE_BYTES))
            .add_service(v1alpha.max_decoding_message_size(limits::MAX_STREAM_MESSAGE_BYTES));
        let router = match self.http {
            Some(http) => routes.into_axum_router().merge(http),
            None => routes.into_axum_router(),
        };
        let guarded = Guard::new(self.audit, self.callers, stop);
        let router = router.layer(axum::middleware::from_fn_with_state(guarded, guard));
        Ok((router, told))
    }
}

/// What health says of the services of a mount.
#[derive(Clone)]
pub(crate) struct Health {
    reporter: tonic_health::server::HealthReporter,
    names: Vec<&'static str>,
    readiness: Option<Readiness>,
    /// Ends the streams of the listener.
    stop: CancellationToken,
}

impl Health {
    /// Says what readiness says, as long as the future runs.
    pub(crate) async fn follow(&self) {
        let Some(readiness) = &self.readiness else { return };
        let mut changes = readiness.changes();
        loop {
            self.tell().await;
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// From now on none of them takes new calls: load balancers are told before connections are cut. Streams end once
    /// they have said so.
    pub(crate) async fn stopping(&self) {
        self.set(false).await;
        self.stop.cancel();
    }

    async fn tell(&self) {
        self.set(self.readiness.as_ref().is_none_or(Readiness::is_ready)).await;
    }

    async fn set(&self, serving: bool) {
        let status = if serving {
            tonic_health::ServingStatus::Serving
        } else {
            tonic_health::ServingStatus::NotServing
        };
        for name in self.names.iter().chain(&[""]) {
            self.reporter.set_service_status(*name, status).await;
        }
    }
}

/// What a role serves: to users and administrators, and to the other services.
#[derive(Debug, Default)]
pub struct RoleMounts {
    /// For users and administrators.
    pub public: Mount,
    /// For the other services of the suite: made by [`Mount::for_peers`].
    pub peer: Mount,
}
