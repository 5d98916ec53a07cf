//! The baselines: a bare tonic unary call over the same TLS in a process of its own, and the same with one script of
//! Redis in it.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use kernel::RequestId;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use storage::redis::{Call, Redis, RedisSettings, Script};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::support::fresh;

/// What it says when it is ready; its port follows.
pub(crate) const READY: &str = "echo ready at ";

/// What is asked for to have a script run.
pub(crate) const WITH_REDIS: &str = "redis";

/// Puts one short record, as one that is spent is put.
static SCRIPT: LazyLock<Script> =
    LazyLock::new(|| Script::writing("redis.call('SET', KEYS[1], ARGV[2], 'PX', 60000)\nreturn {'DONE'}\n"));

/// Serves until it is ended.
pub(crate) async fn serve(certificates: &Path, redis: &str) {
    let settings = RedisSettings { url: Some(redis.to_owned()), ..RedisSettings::default() };
    let redis = Redis::connect(&settings).await.unwrap();
    let tls = TlsAcceptor::from(Arc::new(server_config(certificates)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{READY}{}", listener.local_addr().unwrap().port());
    let routes = Routes::new(HealthServer::new(Echo { redis })).prepare();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (tls, routes) = (tls.clone(), routes.clone());
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(stream).await else { return };
            let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let service = TowerToHyperService::new(routes);
            // A client that goes away ends it with an error.
            let _ = connection.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// As the issuer has it on its public listener.
fn server_config(certificates: &Path) -> ServerConfig {
    let chain = CertificateDer::pem_file_iter(certificates.join("token-issuer.pem")).unwrap();
    let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(certificates.join("token-issuer.key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

struct Echo {
    redis: Redis,
}

#[tonic::async_trait]
impl Health for Echo {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if request.into_inner().service == WITH_REDIS {
            let id = RequestId::random(fresh::entropy()).to_string();
            let call = Call::new(&SCRIPT).key(self.redis.key("load", &id)).arg(&id);
            self.redis.run(&call).await.map_err(|error| runtime::status::to_status(&error))?;
        }
        Ok(Response::new(HealthCheckResponse { status: ServingStatus::Serving.into() }))
    }

    type WatchStream = futures::stream::Empty<Result<HealthCheckResponse, Status>>;

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(futures::stream::empty()))
    }
}
