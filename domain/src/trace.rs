//! Trace context: which request a piece of work belongs to, across programs, as W3C Trace Context
//! level 1 writes it in `traceparent`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Traces that are kept when work is collapsed; the rest is only counted by whoever collapses.
pub const MAX_TRACES: usize = 16;

/// A `traceparent`: the trace, and the span in it that caused what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceParent {
    trace: u128,
    span: u64,
    flags: u8,
}

/// The flag of a trace that whoever began it records.
const SAMPLED: u8 = 1;

impl TraceParent {
    /// Begins a trace. Ids that are zero are no ids: they become 1.
    pub fn begin(trace: u128, span: u64) -> Self {
        Self { trace: trace.max(1), span: span.max(1), flags: SAMPLED }
    }

    /// The same trace, caused by another span.
    #[must_use]
    pub fn in_span(self, span: u64) -> Self {
        Self { span: span.max(1), ..self }
    }

    /// The id of the trace, 32 hexadecimal digits.
    pub fn trace_id(self) -> String {
        format!("{:032x}", self.trace)
    }

    /// The id of the span, 16 hexadecimal digits.
    pub fn span_id(self) -> String {
        format!("{:016x}", self.span)
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

/// Not a usable `traceparent`. Its text is not repeated: it comes from strangers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C traceparent of version 00")]
pub struct NotATraceParent;

impl FromStr for TraceParent {
    type Err = NotATraceParent;

    fn from_str(text: &str) -> Result<Self, NotATraceParent> {
        let parts: Vec<&str> = text.splitn(5, '-').collect();
        let [version, trace, span, flags, rest @ ..] = parts.as_slice() else {
            return Err(NotATraceParent);
        };
        // The standard wants lower-case digits, and later versions to be read as version 00 when
        // they begin like it.
        let digits = |part: &str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let plain = [version, trace, span, flags].into_iter().all(|part| digits(part));
        let lengths = [version.len(), trace.len(), span.len(), flags.len()] == [2, 32, 16, 2];
        let known = *version != "ff" && (*version != "00" || rest.is_empty());
        if !plain || !lengths || !known {
            return Err(NotATraceParent);
        }
        let trace = u128::from_str_radix(trace, 16).map_err(|_| NotATraceParent)?;
        let span = u64::from_str_radix(span, 16).map_err(|_| NotATraceParent)?;
        let flags = u8::from_str_radix(flags, 16).map_err(|_| NotATraceParent)? & SAMPLED;
        if trace == 0 || span == 0 {
            return Err(NotATraceParent);
        }
        Ok(Self { trace, span, flags })
    }
}

impl TryFrom<String> for TraceParent {
    type Error = NotATraceParent;

    fn try_from(text: String) -> Result<Self, NotATraceParent> {
        text.parse()
    }
}

impl From<TraceParent> for String {
    fn from(trace: TraceParent) -> Self {
        trace.to_string()
    }
}

/// The traces of work that was collapsed into one piece, oldest first: the first is continued, the
/// others are named beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Traces(Vec<TraceParent>);

impl Traces {
    /// None.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds those that are not there yet, up to [`MAX_TRACES`].
    pub fn add(&mut self, traces: impl IntoIterator<Item = TraceParent>) {
        for trace in traces {
            if self.0.len() >= MAX_TRACES {
                return;
            }
            if self.0.iter().all(|held| held.trace != trace.trace) {
                self.0.push(trace);
            }
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one that is continued.
    pub fn first(&self) -> Option<TraceParent> {
        self.0.first().copied()
    }

    /// The others.
    pub fn linked(&self) -> &[TraceParent] {
        self.0.get(1..).unwrap_or_default()
    }

    /// The same traces, of which the first is now at `parent`.
    #[must_use]
    pub fn continued_by(&self, parent: TraceParent) -> Self {
        Self(std::iter::once(parent).chain(self.linked().iter().copied()).collect())
    }
}

impl IntoIterator for Traces {
    type Item = TraceParent;
    type IntoIter = std::vec::IntoIter<TraceParent>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<TraceParent> for Traces {
    fn from_iter<I: IntoIterator<Item = TraceParent>>(traces: I) -> Self {
        let mut all = Self::new();
        all.add(traces);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The standard's own example.
    const EXAMPLE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_is_read_and_written() {
        let trace: TraceParent = EXAMPLE.parse().unwrap();
        assert_eq!(trace.to_string(), EXAMPLE);
        assert_eq!(trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(trace.span_id(), "b7ad6b7169203331");
        assert_eq!(trace.in_span(7).trace_id(), trace.trace_id());
        assert_eq!(trace.in_span(7).span_id(), "0000000000000007");
        let later = EXAMPLE.replacen("00-", "cc-", 1) + "-what-the-future-will-be-like";
        assert_eq!(later.parse::<TraceParent>().unwrap(), trace);
        assert_eq!(TraceParent::try_from(String::from(trace)), Ok(trace));
    }

    #[test]
    fn what_the_standard_forbids_is_refused() {
        for wrong in [
            String::new(),
            "00".into(),
            EXAMPLE[1..].into(),
            EXAMPLE.to_uppercase(),
            format!("{EXAMPLE}-more"),
            EXAMPLE.replacen("00-", "ff-", 1),
            EXAMPLE.replace('a', "g"),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01".into(),
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01".into(),
            EXAMPLE.replace("-01", "- 1"),
        ] {
            assert_eq!(wrong.parse::<TraceParent>(), Err(NotATraceParent), "{wrong}");
        }
    }

    #[test]
    fn collapsed_work_keeps_the_oldest_trace_first_and_few() {
        let at = |id: u128| TraceParent::begin(id, 9);
        let mut traces: Traces = [at(3), at(1), at(3).in_span(8)].into_iter().collect();
        assert_eq!(traces.first(), Some(at(3)));
        assert_eq!(traces.linked(), [at(1)]);
        traces.add((10..1_000).map(at));
        assert_eq!(traces.linked().len(), MAX_TRACES - 1);
        let next = traces.continued_by(at(3).in_span(5));
        assert_eq!(next.first().unwrap().span_id(), "0000000000000005");
        assert_eq!(next.linked(), traces.linked());
        assert!(Traces::new().linked().is_empty());
    }
}
