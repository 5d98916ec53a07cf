//! Traces and metrics reach an OpenTelemetry collector, and a call joins the trace of its caller.

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use proto::token_issuer::GetJsonWebKeySetRequest;
use proto::token_issuer::token_service_client::TokenServiceClient;
use runtime::Mount;
use runtime::server::Bound;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::support::dev::{DevSuite, Options};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A collector that keeps what it is sent.
#[derive(Clone, Default)]
struct Collector {
    /// Trace id and name of each span.
    spans: Arc<Mutex<Vec<(String, String)>>>,
    metrics: Arc<Mutex<Vec<String>>>,
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut spans = self.spans.lock().unwrap();
        for scope in request.into_inner().resource_spans.into_iter().flat_map(|resource| resource.scope_spans)
        {
            spans.extend(
                scope
                    .spans
                    .into_iter()
                    .map(|span| (data_encoding::HEXLOWER.encode(&span.trace_id), span.name)),
            );
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let mut metrics = self.metrics.lock().unwrap();
        for scope in
            request.into_inner().resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics)
        {
            metrics.extend(scope.metrics.into_iter().map(|metric| metric.name));
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_is_told_of_calls_and_their_traces() {
    let collector = Collector::default();
    let bound = Bound::to("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let endpoint = format!("http://{}", bound.address());
    let mount = Mount::new()
        .service(TraceServiceServer::new(collector.clone()))
        .service(MetricsServiceServer::new(collector.clone()));
    let stop = CancellationToken::new();
    let server = tokio::spawn(bound.serve(mount, stop.clone()));

    let variables = [("COUNTERSIGN__LOG__OTLP_ENDPOINT", endpoint.as_str())];
    let options = Options { variables: &variables, ..Options::default() };
    let mut suite = DevSuite::start("telemetry", &options);
    let mut request = Request::new(GetJsonWebKeySetRequest {});
    request.metadata_mut().insert("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01").parse().unwrap());
    let answer = TokenServiceClient::new(suite.connect().await).get_json_web_key_set(request).await.unwrap();
    assert_eq!(answer.metadata().get("countersign-trace-id").unwrap(), TRACE);

    // What has not been sent is sent before the process ends.
    assert!(tokio::task::spawn_blocking(move || suite.process().stop()).await.unwrap().success());
    stop.cancel();
    server.await.unwrap().unwrap();
    let spans = collector.spans.lock().unwrap().clone();
    assert!(spans.contains(&(TRACE.to_owned(), "call".to_owned())), "{spans:?}");
    let metrics = collector.metrics.lock().unwrap().clone();
    for name in ["countersign.calls", "countersign.call.duration"] {
        assert!(metrics.iter().any(|metric| metric == name), "{name} in {metrics:?}");
    }
}
