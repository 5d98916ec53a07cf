//! Logs, traces and metrics. Logs are JSON lines with the trace id, or plain text for people; traces and metrics go
//! to an OTLP endpoint when one is configured. Trace ids are made in any case.

use std::io::IsTerminal as _;
use std::time::Duration;

use kernel::{Error, Result};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde::{Deserialize, Serialize};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// How logs look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    #[default]
    Text,
}

/// Logs and telemetry.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// What is logged: `error`, `warn`, `info`, `debug`, or directives such as `info,token_issuer=debug`.
    pub level: String,
    /// `json` or `text`.
    pub format: LogFormat,
    /// Where traces and metrics go: an OTLP/gRPC endpoint such as `http://127.0.0.1:4317`. None by default.
    pub otlp_endpoint: Option<String>,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Text, otlp_endpoint: None }
    }
}

/// Keeps telemetry going; what is not yet sent is sent when it is shut down.
#[derive(Debug)]
pub struct Telemetry {
    tracer: SdkTracerProvider,
    meter: Option<SdkMeterProvider>,
}

impl Telemetry {
    /// Installs logs and telemetry for this process, whose name is `service`. Once a process.
    pub fn install(config: &TelemetryConfig, service: &'static str) -> Result<Self> {
        let filter = EnvFilter::try_new(&config.level)
            .map_err(|error| Error::invalid("log.level", format!("is not a log filter: {error}")))?
            // These write whole frames and headers at debug level, session tokens included.
            .add_directive(quiet("h2=info")?)
            .add_directive(quiet("hyper=info")?)
            .add_directive(quiet("hyper_util=info")?)
            .add_directive(quiet("tower=info")?)
            .add_directive(quiet("reqwest=info")?)
            .add_directive(quiet("rustls=info")?)
            .add_directive(quiet("sqlx=warn")?)
            .add_directive(quiet("sea_orm=info")?)
            .add_directive(quiet("sea_orm_migration=warn")?)
            .add_directive(quiet("opentelemetry=warn")?);
        let resource = Resource::builder()
            .with_service_name(service)
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let mut tracer = SdkTracerProvider::builder().with_resource(resource.clone());
        let mut meter = None;
        if let Some(endpoint) = &config.otlp_endpoint {
            let unusable = |error: &dyn std::fmt::Display| {
                Error::invalid("log.otlp_endpoint", format!("is not usable: {error}"))
            };
            let spans = opentelemetry_otlp::SpanExporter::builder()
                .with_tonic()
                .with_endpoint(endpoint)
                .with_timeout(Duration::from_secs(5))
                .build()
                .map_err(|error| unusable(&error))?;
            tracer = tracer.with_batch_exporter(spans);
            let metrics = opentelemetry_otlp::MetricExporter::builder()
                .with_tonic()
                .with_endpoint(endpoint)
                .with_timeout(Duration::from_secs(5))
                .build()
                .map_err(|error| unusable(&error))?;
            let provider =
                SdkMeterProvider::builder().with_resource(resource).with_periodic_exporter(metrics).build();
            global::set_meter_provider(provider.clone());
            meter = Some(provider);
        }
        let tracer = tracer.build();
        let spans = tracing_opentelemetry::layer().with_tracer(tracer.tracer("countersign"));
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal());
        let lines = match config.format {
            LogFormat::Json => {
                lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
            }
            LogFormat::Text => lines.with_target(false).boxed(),
        };
        tracing_subscriber::registry()
            .with(filter)
            .with(spans)
            .with(lines)
            .try_init()
            .map_err(|error| Error::internal(format!("telemetry is installed already: {error}")))?;
        Ok(Self { tracer, meter })
    }

    /// Sends what is not yet sent. Blocks; call it last.
    pub fn shutdown(self) {
        let _ = self.tracer.shutdown();
        if let Some(meter) = self.meter {
            let _ = meter.shutdown();
        }
    }
}

fn quiet(directive: &str) -> Result<tracing_subscriber::filter::Directive> {
    directive.parse().map_err(Error::internal)
}
