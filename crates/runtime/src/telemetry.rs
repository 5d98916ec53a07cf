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
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// How logs look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    #[default]
    Text,
}

/// Logs and telemetry.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
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

impl TelemetryConfig {
    /// Checks what the types do not say.
    ///
    /// # Errors
    /// `INVALID_REQUEST` naming the setting.
    pub fn check(&self) -> Result<()> {
        self.filter().map(drop)
    }

    /// Whether something is logged in every detail (`trace`), as nobody should where users are.
    pub fn is_trace(&self) -> bool {
        self.filter().is_ok_and(|filter| {
            filter.max_level_hint().is_none_or(|level| level >= tracing::level_filters::LevelFilter::TRACE)
        })
    }

    fn filter(&self) -> Result<EnvFilter> {
        EnvFilter::try_new(&self.level)
            .map_err(|error| Error::invalid("log.level", format!("is not a log filter: {error}")))
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
        let filter = config.filter()?;
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
            .with(spans.with_filter(filter_fn(may_speak)))
            .with(lines.with_filter(filter_fn(may_speak)))
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

/// Crates that write whole frames, headers or statements below this level, session tokens included. No configuration
/// makes them.
const TALKATIVE: [&str; 9] =
    ["h2", "hyper", "hyper_util", "tower", "tonic", "reqwest", "rustls", "sqlx", "sea_orm"];

fn may_speak(metadata: &tracing::Metadata<'_>) -> bool {
    let root = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= tracing::Level::INFO || !TALKATIVE.contains(&root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_directive_makes_the_http_stack_write_headers_down() {
        let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::<u8>::new()));
        let writer = seen.clone();
        let lines =
            tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || Sink(writer.clone()));
        let config = TelemetryConfig {
            level: "trace,h2::codec=trace,sqlx::query=trace".to_owned(),
            ..Default::default()
        };
        let subscriber = tracing_subscriber::registry()
            .with(config.filter().unwrap())
            .with(lines.with_filter(filter_fn(may_speak)));
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!(target: "h2::codec", "authorization: Bearer hunter2");
            tracing::trace!(target: "sqlx::query", "select hunter2");
            tracing::debug!(target: "runtime", "ours");
            tracing::warn!(target: "h2", "something is wrong");
        });
        let text = String::from_utf8(seen.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("ours") && text.contains("something is wrong"), "{text}");
    }

    struct Sink(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl std::io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
}
