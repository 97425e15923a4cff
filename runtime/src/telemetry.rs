//! Logs: `tracing`, as text for people or JSON for machines, to standard error.

use std::fmt;
use std::io::IsTerminal;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Full, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{LogFormat, TelemetryConfig};
use crate::trace;

/// Sets up logging for this process; `service` is in every line.
///
/// # Errors
/// When the filter cannot be read, or logging is set up already.
pub fn init(service: &'static str, config: &TelemetryConfig) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.filter)
        .map_err(|error| anyhow::anyhow!("telemetry.filter is not usable: {error}"))?;
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match config.format {
        LogFormat::Text => {
            let colours = std::io::stderr().is_terminal();
            let text = Text { service, inner: Format::default() };
            registry.with(layer.with_ansi(colours).event_format(text)).try_init()?;
        }
        LogFormat::Json => {
            let json = JsonLines { service, inner: Format::default().json() };
            let layer = layer.with_ansi(false).fmt_fields(JsonFields::new()).event_format(json);
            registry.with(layer).try_init()?;
        }
    }
    Ok(())
}

/// The usual text line behind the service's name and, in a trace, its id.
struct Text {
    service: &'static str,
    inner: Format<Full>,
}

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(writer, "{} ", self.service)?;
        if let Some(trace) = context.lookup_current().as_ref().and_then(trace::of) {
            write!(writer, "{} ", trace.trace_id())?;
        }
        self.inner.format_event(context, writer, event)
    }
}

/// The usual JSON object with the service's name as its first field and, in a trace, `trace_id` and
/// `span_id` behind it.
struct JsonLines {
    service: &'static str,
    inner: Format<Json>,
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut object = String::new();
        self.inner.format_event(context, Writer::new(&mut object), event)?;
        let Some(fields) = object.strip_prefix('{') else { return writer.write_str(&object) };
        write!(writer, r#"{{"service":"{}","#, self.service)?;
        if let Some(trace) = context.lookup_current().as_ref().and_then(trace::of) {
            let (trace_id, span_id) = (trace.trace_id(), trace.span_id());
            write!(writer, r#""trace_id":"{trace_id}","span_id":"{span_id}","#)?;
        }
        writer.write_str(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sbh_domain::TraceParent;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_json_line_is_an_object_that_names_the_service() {
        let lines = Lines::default();
        let sink = lines.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(move || sink.clone())
            .with_ansi(false)
            .fmt_fields(JsonFields::new())
            .event_format(JsonLines { service: "sbh-test", inner: Format::default().json() });
        let subscriber = tracing_subscriber::registry().with(layer);
        let cause = TraceParent::begin(10, 11);
        let passed_on = tracing::subscriber::with_default(subscriber, || {
            tracing::info!(duration_ms = 3, "done \"well\"\nand more");
            let span = tracing::info_span!("work");
            let causes = [cause, TraceParent::begin(12, 13)].into_iter().collect();
            let passed_on = trace::join(&span, &causes);
            span.in_scope(|| tracing::info_span!("part").in_scope(|| tracing::info!("in it")));
            passed_on
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [outside, links, inside] = lines.as_slice() else { panic!("{text}") };
        assert!(lines.iter().all(|line| line["service"] == "sbh-test"));
        assert_eq!(outside["fields"]["duration_ms"], 3);
        assert_eq!(outside.get("trace_id"), None);
        assert_eq!(links["fields"]["linked"], TraceParent::begin(12, 13).trace_id());
        assert_eq!(inside["trace_id"], cause.trace_id());
        let first = passed_on.first().unwrap();
        assert_eq!(inside["span_id"], first.span_id());
        assert_eq!(first.trace_id(), cause.trace_id());
        assert_ne!(first.span_id(), cause.span_id());
    }

    #[test]
    fn a_wrong_filter_is_named() {
        let config = TelemetryConfig { filter: "info,=".into(), format: LogFormat::Text };
        let error = init("sbh-test", &config).unwrap_err().to_string();
        assert!(error.contains("telemetry.filter"), "{error}");
    }
}
