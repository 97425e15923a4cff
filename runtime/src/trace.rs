//! Traces in this process: a span of `tracing` is put into the trace of what caused it, and lines
//! that are logged in it name that trace.
//!
//! What is passed on to other programs goes by hand, as [`Traces`]: spans that the log's filter
//! leaves out do not exist, and a trace must not end there.

use sbh_domain::{TraceParent, Traces};
use tracing::Span;
use tracing_subscriber::registry::{LookupSpan, Registry, SpanRef};

/// Puts a span into the trace of the oldest of its causes, or begins a trace where there is none,
/// and names the others in one line. Returns what to pass on to whatever the span causes.
pub fn join(span: &Span, causes: &Traces) -> Traces {
    let parent = causes.first();
    let own = match parent {
        Some(parent) => parent.in_span(rand::random()),
        None => TraceParent::begin(rand::random(), rand::random()),
    };
    span.with_subscriber(|(id, dispatch)| {
        if let Some(registry) = dispatch.downcast_ref::<Registry>()
            && let Some(span) = registry.span(id)
        {
            span.extensions_mut().replace(own);
        }
    });
    if !causes.linked().is_empty() {
        let linked: Vec<String> = causes.linked().iter().map(|trace| trace.trace_id()).collect();
        span.in_scope(|| tracing::info!(linked = linked.join(" "), "answers other traces too"));
    }
    causes.continued_by(own)
}

/// The trace that a span, or one around it, was put into.
pub(crate) fn of<'a, R: LookupSpan<'a>>(span: &SpanRef<'a, R>) -> Option<TraceParent> {
    span.scope().find_map(|span| span.extensions().get::<TraceParent>().copied())
}
