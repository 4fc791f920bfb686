//! Logs to standard error and metrics for Prometheus.
//!
//! No patient name, id or UID is a label, and none is logged at info level and above.

use crate::config::{LogFormat, LogSettings};
use metrics::{Key, KeyName, Level, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::sync::Arc;

/// Every metric that lungcad has. A name that is not here does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    /// Series in the archive, by `state`.
    Series,
    /// Jobs that wait or run, by `kind` and `state`.
    Jobs,
    /// Jobs given up.
    JobsDead,
    /// Deliveries, by `state`.
    Deliveries,
    /// Instances in the archive.
    InstancesStored,
    /// Bytes of instances in the archive.
    BytesStored,
    /// DICOM associations open now, in all processes on this archive.
    AssociationsOpen,
    /// Associations rejected.
    AssociationsRejected,
    /// Instances received, by what became of them (`status`).
    InstancesReceived,
    /// Bytes of data sets received.
    BytesReceived,
    /// Population stability index against the reference, by `signal`.
    DriftPsi,
    /// Kolmogorov-Smirnov distance from the reference, by `signal`.
    DriftKs,
    /// 0 stable, 1 look, 2 act, by `signal`.
    DriftLevel,
    /// HTTP answers, by `route`, `method` and `status`.
    HttpRequests,
    /// Seconds of HTTP answers, by `route`.
    HttpSeconds,
}

/// What a metric counts like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Gauge,
    Counter,
    Histogram,
}

impl Metric {
    /// Every metric.
    pub(crate) const ALL: [Self; 15] = [
        Self::Series,
        Self::Jobs,
        Self::JobsDead,
        Self::Deliveries,
        Self::InstancesStored,
        Self::BytesStored,
        Self::AssociationsOpen,
        Self::AssociationsRejected,
        Self::InstancesReceived,
        Self::BytesReceived,
        Self::DriftPsi,
        Self::DriftKs,
        Self::DriftLevel,
        Self::HttpRequests,
        Self::HttpSeconds,
    ];

    /// Name, shape and help text.
    fn described(self) -> (&'static str, Shape, &'static str) {
        use Shape::{Counter, Gauge, Histogram};
        match self {
            Self::Series => ("lungcad_series", Gauge, "Series in the archive by state"),
            Self::Jobs => ("lungcad_jobs", Gauge, "Jobs that wait or run by kind and state"),
            Self::JobsDead => ("lungcad_jobs_dead", Gauge, "Jobs given up; they wait for a requeue"),
            Self::Deliveries => ("lungcad_deliveries", Gauge, "Deliveries by state"),
            Self::InstancesStored => ("lungcad_instances", Gauge, "Instances in the archive"),
            Self::BytesStored => ("lungcad_instance_bytes", Gauge, "Bytes of instances in the archive"),
            Self::AssociationsOpen => ("lungcad_associations_open", Gauge, "DICOM associations open now"),
            Self::AssociationsRejected => {
                ("lungcad_associations_rejected_total", Counter, "DICOM associations rejected")
            }
            Self::InstancesReceived => {
                ("lungcad_instances_received_total", Counter, "Instances received by what became of them")
            }
            Self::BytesReceived => ("lungcad_received_bytes_total", Counter, "Bytes of data sets received"),
            Self::DriftPsi => ("lungcad_drift_psi", Gauge, "Population stability index by signal"),
            Self::DriftKs => ("lungcad_drift_ks", Gauge, "Kolmogorov-Smirnov distance by signal"),
            Self::DriftLevel => ("lungcad_drift_level", Gauge, "Drift by signal: 0 stable, 1 look, 2 act"),
            Self::HttpRequests => {
                ("lungcad_http_requests_total", Counter, "HTTP answers by route, method and status")
            }
            Self::HttpSeconds => {
                ("lungcad_http_request_seconds", Histogram, "Seconds of HTTP answers by route")
            }
        }
    }

    /// Name in the exposition.
    pub(crate) fn name(self) -> &'static str {
        self.described().0
    }
}

const METADATA: Metadata<'static> = Metadata::new("lungcad", Level::INFO, None);

fn key(metric: Metric, labels: &[(&'static str, String)]) -> Key {
    let labels: Vec<metrics::Label> =
        labels.iter().map(|(k, v)| metrics::Label::new(*k, v.clone())).collect();
    Key::from_parts(metric.name(), labels)
}

/// Adds to a counter of this process.
pub(crate) fn count(metric: Metric, labels: &[(&'static str, String)], by: u64) {
    metrics::with_recorder(|r| r.register_counter(&key(metric, labels), &METADATA).increment(by));
}

/// Adds a duration, in seconds, to a histogram of this process.
pub(crate) fn observe(metric: Metric, labels: &[(&'static str, String)], seconds: f64) {
    metrics::with_recorder(|r| r.register_histogram(&key(metric, labels), &METADATA).record(seconds));
}

/// Logs and metrics of this process.
#[derive(Clone)]
pub(crate) struct Telemetry {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
}

/// From a C-ECHO to a long analysis, seconds.
const BUCKETS_S: [f64; 14] =
    [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0];

impl Telemetry {
    /// Starts both for the whole process.
    ///
    /// # Errors
    /// A sentence, when the filter is malformed or something else already logs.
    pub(crate) fn start(log: &LogSettings) -> Result<Self, String> {
        use tracing_subscriber::{EnvFilter, fmt};
        let filter = EnvFilter::builder()
            .parse(format!("ort=warn,{}", log.level))
            .map_err(|e| format!("log.level: {e}"))?;
        let builder = fmt::Subscriber::builder().with_env_filter(filter).with_writer(std::io::stderr);
        let started = match log.format {
            LogFormat::Text => {
                use std::io::IsTerminal;
                builder.with_target(false).with_ansi(std::io::stderr().is_terminal()).finish().try_init()
            }
            LogFormat::Json => builder.json().flatten_event(true).finish().try_init(),
        };
        started.map_err(|e| format!("starting the log: {e}"))?;
        let telemetry = Self::detached()?;
        metrics::set_global_recorder(Arc::clone(&telemetry.recorder))
            .map_err(|e| format!("starting metrics: {e}"))?;
        Ok(telemetry)
    }

    /// Metrics that nothing global writes to.
    pub(crate) fn detached() -> Result<Self, String> {
        let mut builder = PrometheusBuilder::new();
        for metric in Metric::ALL {
            let (name, shape, _) = metric.described();
            if shape == Shape::Histogram {
                builder = builder
                    .set_buckets_for_metric(Matcher::Full(name.to_owned()), &BUCKETS_S)
                    .map_err(|e| format!("starting metrics: {e}"))?;
            }
        }
        let recorder = builder.build_recorder();
        for metric in Metric::ALL {
            let (name, shape, help) = metric.described();
            let (name, help): (KeyName, SharedString) = (name.into(), help.into());
            let unit = (shape == Shape::Histogram).then_some(Unit::Seconds);
            match shape {
                Shape::Gauge => recorder.describe_gauge(name, unit, help),
                Shape::Counter => recorder.describe_counter(name, unit, help),
                Shape::Histogram => recorder.describe_histogram(name, unit, help),
            }
        }
        let handle = recorder.handle();
        Ok(Self { recorder: Arc::new(recorder), handle })
    }

    /// Sets a gauge that is read from the archive when Prometheus asks.
    #[allow(clippy::cast_precision_loss)] // counts of rows are far below 2^52
    pub(crate) fn set(&self, metric: Metric, labels: &[(&'static str, String)], value: u64) {
        self.set_value(metric, labels, value as f64);
    }

    /// The same of a number that is no count.
    pub(crate) fn set_value(&self, metric: Metric, labels: &[(&'static str, String)], value: f64) {
        self.recorder.register_gauge(&key(metric, labels), &METADATA).set(value);
    }

    /// Text exposition format, version 0.0.4.
    pub(crate) fn render(&self) -> String {
        self.handle.run_upkeep();
        self.handle.render()
    }
}

trait TryInit {
    fn try_init(self) -> Result<(), String>;
}

impl<S: tracing::Subscriber + Send + Sync> TryInit for S {
    fn try_init(self) -> Result<(), String> {
        tracing::subscriber::set_global_default(self).map_err(|e| e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_and_help_are_rendered_under_their_names() {
        let telemetry = Telemetry::detached().unwrap();
        telemetry.set(Metric::Series, &[("state", "done".to_owned())], 3);
        let text = telemetry.render();
        assert!(text.contains("# TYPE lungcad_series gauge"), "{text}");
        assert!(text.contains("lungcad_series{state=\"done\"} 3"), "{text}");
    }

    #[test]
    fn names_are_unique_and_follow_the_conventions_of_prometheus() {
        let mut names: Vec<_> = Metric::ALL.iter().map(|m| m.name()).collect();
        for metric in Metric::ALL {
            let (name, shape, _) = metric.described();
            assert_eq!(name.ends_with("_total"), shape == Shape::Counter, "{name}");
            assert_eq!(name.ends_with("_seconds"), shape == Shape::Histogram, "{name}");
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Metric::ALL.len());
    }
}
