//! Prometheus metrics: one registry per process, each concern's metrics where the concern is.

use prometheus::{Encoder, Registry, TextEncoder};

/// The content type of what [`render`] gives.
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// The text exposition format of everything registered.
///
/// # Errors
/// When a collector gives a metric that the format cannot express.
pub fn render(registry: &Registry) -> anyhow::Result<String> {
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text)?;
    Ok(String::from_utf8(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_rendered() {
        let registry = Registry::new();
        let counter = prometheus::IntCounter::new("sbh_things_total", "Things.").unwrap();
        registry.register(Box::new(counter.clone())).unwrap();
        counter.inc_by(3);
        let text = render(&registry).unwrap();
        assert!(text.contains("# TYPE sbh_things_total counter\nsbh_things_total 3\n"), "{text}");
    }
}
