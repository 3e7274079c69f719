//! What an operator's collector is told of how long things took: spans, each recorded when it is over.
//!
//! What happens here crosses queues, processes and restarts, so nothing is open meanwhile: a [`TraceContext`] travels with
//! what is stored, and a [`Span`] is put together from moments that are known at its end. [`otlp`] sends them.

pub mod otlp;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::model::Timestamp;

/// Spans that wait to be sent; further ones are lost, and counted.
const WAITING: usize = 4_096;

/// Which trace something belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

/// Which span of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

impl TraceId {
    /// The trace that begins with something of this id.
    pub fn of(id: Uuid) -> Self {
        Self(*id.as_bytes())
    }
}

impl SpanId {
    /// The span of something that is named within its trace: whoever knows the name knows the span.
    pub fn of(name: &str) -> Self {
        let digest = digest(&SHA256, name.as_bytes());
        let mut id = [0; 8];
        id.copy_from_slice(&digest.as_ref()[..8]);
        Self(id)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

/// A place in a trace, as it is passed on: `traceparent` of W3C, version 00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace.
    pub trace: TraceId,
    /// The span that what follows belongs to.
    pub span: SpanId,
}

impl TraceContext {
    /// A trace of its own for something of this id.
    pub fn root(id: Uuid, name: &str) -> Self {
        Self {
            trace: TraceId::of(id),
            span: SpanId::of(name),
        }
    }

    /// A span of this name in the same trace.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        Self {
            trace: self.trace,
            span: SpanId::of(name),
        }
    }

    /// What somebody else passed on; `None` for what is none, is of another version, or is not to be recorded.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_whole = parts.next().is_none() && version == "00" && flags.len() == 2;
        let is_lower = text.bytes().all(|byte| !byte.is_ascii_uppercase());
        let flags = u8::from_str_radix(flags, 16).ok()?;
        let (mut trace_id, mut span_id) = ([0; 16], [0; 8]);
        hex::decode_to_slice(trace, &mut trace_id).ok()?;
        hex::decode_to_slice(span, &mut span_id).ok()?;
        let is_one = trace_id != [0; 16] && span_id != [0; 8];
        (is_whole && is_lower && is_one && flags & 1 == 1).then_some(Self {
            trace: TraceId(trace_id),
            span: SpanId(span_id),
        })
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "00-{}-{}-01", self.trace, self.span)
    }
}

/// What part something has in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// It stays within the process.
    Internal,
    /// It answers somebody.
    Server,
    /// It hands something over that somebody works on later.
    Producer,
    /// It works on what somebody handed over.
    Consumer,
}

/// Something that took time, and is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Where it is.
    pub context: TraceContext,
    /// What it belongs to; none for the first of a trace.
    pub parent: Option<SpanId>,
    /// What it is, in a few words that are the same for all of its kind.
    pub name: &'static str,
    /// Its part.
    pub kind: SpanKind,
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// What is known of it, by name.
    pub attributes: Vec<(&'static str, String)>,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

/// Where spans are told. Clones share everything; nobody ever waits here.
#[derive(Debug, Clone, Default)]
pub struct Tracer(Option<Arc<Told>>);

#[derive(Debug)]
struct Told {
    spans: mpsc::Sender<Span>,
    lost: AtomicU64,
}

impl Tracer {
    /// Tells nobody.
    pub fn off() -> Self {
        Self::default()
    }

    /// Tells whoever has the other end.
    fn to(spans: mpsc::Sender<Span>) -> Self {
        let lost = AtomicU64::new(0);
        Self(Some(Arc::new(Told { spans, lost })))
    }

    /// Whether anybody is told.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Tells of a span; it is lost when too many wait already.
    pub fn record(&self, span: Span) {
        if let Some(told) = &self.0
            && told.spans.try_send(span).is_err()
        {
            self.lose(1);
        }
    }

    /// How many spans nobody will hear of.
    pub fn lost(&self) -> u64 {
        self.0
            .as_ref()
            .map_or(0, |told| told.lost.load(Ordering::Relaxed))
    }

    fn lose(&self, count: u64) {
        if let Some(told) = &self.0 {
            told.lost.fetch_add(count, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_read_as_it_was_written_and_nothing_else_is() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let context = TraceContext::read(text).unwrap();
        assert_eq!(context.to_string(), text);
        assert_eq!(context.child("x").trace, context.trace);
        assert_eq!(context.child("x"), context.child("x"));
        assert_ne!(context.child("x").span, context.child("y").span);
        for wrong in [
            "",
            "00",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
            "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c8031-b7ad6b7169203331-01",
            "00-é-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceContext::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_too_much_is_lost_and_counted_and_nobody_waits() {
        let (sender, receiver) = mpsc::channel(WAITING);
        let tracer = Tracer::to(sender);
        let span = Span {
            context: TraceContext::root(Uuid::from_u128(1), "x"),
            parent: None,
            name: "x",
            kind: SpanKind::Internal,
            began: Timestamp::from_micros(0),
            ended: Timestamp::from_micros(1),
            attributes: Vec::new(),
            failure: None,
        };
        (0..WAITING + 3).for_each(|_| tracer.record(span.clone()));
        assert_eq!(tracer.lost(), 3);
        drop(receiver);
        tracer.record(span.clone());
        assert_eq!(tracer.lost(), 4);
        Tracer::off().record(span);
        assert!(!Tracer::off().is_on() && tracer.is_on());
    }
}
