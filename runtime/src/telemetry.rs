//! Logs: `tracing`, as text for people or JSON for machines, to standard error.

use std::fmt;
use std::io::IsTerminal;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Full, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{LogFormat, TelemetryConfig};

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

/// The usual text line behind the service's name.
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
        self.inner.format_event(context, writer, event)
    }
}

/// The usual JSON object with the service's name as its first field.
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
        match object.strip_prefix('{') {
            Some(fields) => write!(writer, r#"{{"service":"{}",{fields}"#, self.service),
            None => writer.write_str(&object),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(duration_ms = 3, "done \"well\"\nand more");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["service"], "sbh-test");
        assert_eq!(line["fields"]["duration_ms"], 3);
    }

    #[test]
    fn a_wrong_filter_is_named() {
        let config = TelemetryConfig { filter: "info,=".into(), format: LogFormat::Text };
        let error = init("sbh-test", &config).unwrap_err().to_string();
        assert!(error.contains("telemetry.filter"), "{error}");
    }
}
