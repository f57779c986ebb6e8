//! W3C Trace Context: the `traceparent` that travels in headers and in `_meta`.

use std::fmt;

const SAMPLED: u8 = 0b1;

/// A `traceparent`: which trace a message belongs to and which span sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traceparent {
    trace: [u8; 16],
    span: [u8; 8],
    flags: u8,
}

/// The text is no `traceparent`. The standard's remedy is to go on as if there had been none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C traceparent")]
pub struct TraceparentFault;

impl Traceparent {
    /// The first span of a trace; none if either id is all zeros.
    pub fn new(trace: [u8; 16], span: [u8; 8], sampled: bool) -> Option<Self> {
        let valid = trace != [0; 16] && span != [0; 8];
        valid.then_some(Self { trace, span, flags: u8::from(sampled) })
    }

    /// Reads `version-trace-span-flags` in lower-case hex. Of later versions than 00 the four known fields are read.
    pub fn parse(text: &str) -> Result<Self, TraceparentFault> {
        let mut fields = text.splitn(5, '-');
        let mut field = || fields.next().ok_or(TraceparentFault);
        let [version] = hex(field()?)?;
        let (trace, span, [flags]) = (hex(field()?)?, hex(field()?)?, hex(field()?)?);
        let known_length = version != 0 || fields.next().is_none();
        let valid = version != 0xff && known_length && trace != [0; 16] && span != [0; 8];
        if valid { Ok(Self { trace, span, flags }) } else { Err(TraceparentFault) }
    }

    /// The same trace, sent by the span of that id; none if it is all zeros, which names no span.
    pub fn child(&self, span: [u8; 8]) -> Option<Self> {
        (span != [0; 8]).then_some(Self { span, ..*self })
    }

    /// The id of the trace.
    pub fn trace_id(&self) -> [u8; 16] {
        self.trace
    }

    /// The id of the span.
    pub fn span_id(&self) -> [u8; 8] {
        self.span
    }

    /// True if the sender may have recorded the trace.
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }
}

impl fmt::Display for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span) = (u128::from_be_bytes(self.trace), u64::from_be_bytes(self.span));
        write!(f, "00-{trace:032x}-{span:016x}-{:02x}", self.flags)
    }
}

fn hex<const N: usize>(text: &str) -> Result<[u8; N], TraceparentFault> {
    let lower = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != N * 2 || !text.as_bytes().iter().all(lower) {
        return Err(TraceparentFault);
    }
    let number = u128::from_str_radix(text, 16).map_err(|_| TraceparentFault)?.to_be_bytes();
    number[number.len() - N..].try_into().map_err(|_| TraceparentFault)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_read_and_written_back() {
        let parent = Traceparent::parse(TEXT).unwrap();
        assert_eq!(parent.to_string(), TEXT);
        assert!(parent.is_sampled());
        let child = parent.child([1; 8]).unwrap();
        assert_eq!(child.to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-0101010101010101-01");
        assert_eq!(parent.child([0; 8]), None);
        assert_eq!(Traceparent::new(parent.trace_id(), parent.span_id(), true), Some(parent));
    }

    #[test]
    fn later_versions_are_read_as_far_as_they_are_known() {
        let later = TEXT.replacen("00", "01", 1) + "-more-fields";
        assert_eq!(Traceparent::parse(&later).unwrap().to_string(), TEXT);
    }

    #[test]
    fn what_is_none_is_refused() {
        for bad in [
            "",
            "00",
            &TEXT.to_uppercase(),
            &TEXT.replacen("00", "ff", 1),
            &format!("{TEXT}-more"),
            &format!(" {TEXT}"),
            &TEXT[..54],
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473+-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Traceparent::parse(bad), Err(TraceparentFault), "{bad}");
        }
    }
}
