//! Journal lines in the forms that other systems read.

mod cef;
mod csv;
mod ocsf;
mod syslog;

use std::io::{self, Write};

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A form of export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The lines as they are, one JSON object each (what `verify` understands).
    Jsonl,
    /// A table with a header (RFC 4180); one row a line, payloads left out.
    Csv,
    /// ArcSight Common Event Format, one event a line.
    Cef,
    /// Open Cybersecurity Schema Framework 1.3, class API Activity (6003), one JSON object a line.
    Ocsf,
    /// RFC 5424, facility 13 (log audit), the JSON line as message.
    Syslog,
}

/// Writes lines in a form.
pub struct Writer<W> {
    format: Format,
    out: W,
    begun: bool,
}

impl<W: Write> Writer<W> {
    /// A writer that has written nothing.
    pub fn new(format: Format, out: W) -> Self {
        Self { format, out, begun: false }
    }

    /// Writes a line: its text as it stands in the journal, and what it says.
    pub fn write(&mut self, text: &[u8], line: &Value) -> io::Result<()> {
        let first = !std::mem::replace(&mut self.begun, true);
        match self.format {
            Format::Jsonl => self.out.write_all(text)?,
            Format::Csv => {
                if first {
                    self.out.write_all(&csv::header()?)?;
                }
                return self.out.write_all(&csv::row(line)?);
            }
            Format::Cef => self.out.write_all(cef::event(line).as_bytes())?,
            Format::Ocsf => serde_json::to_writer(&mut self.out, &ocsf::event(line))?,
            Format::Syslog => {
                self.out.write_all(syslog::head(line).as_bytes())?;
                self.out.write_all(text)?;
            }
        }
        self.out.write_all(b"\n")
    }

    /// Hands on what is buffered.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A member's text; empty if the line has none.
fn text<'a>(line: &'a Value, pointer: &str) -> &'a str {
    line.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// When, in RFC 3339 and UTC.
fn moment(line: &Value) -> String {
    let at = line["atMs"].as_u64().unwrap_or(0);
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

/// Whether the call came to what its client wanted.
fn is_success(line: &Value) -> bool {
    text(line, "/outcome") == "ok"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    fn exported(format: Format) -> String {
        let line = json!({
            "cursor": 4, "kind": "call", "atMs": 1_700_000_000_123_u64, "call": "c-1", "endpoint": "/mcp", "version": "2026-07-28",
            "method": "tools/call", "name": "=rm|x\n", "server": "git", "subject": { "issuer": "i", "id": "ann", "tenant": "acme" },
            "outcome": "refused", "blame": "stage", "detail": "forbidden", "reason": "rule \"a=b\"", "micros": 7, "bytesIn": 1, "bytesOut": 2,
        });
        let mut out = Vec::new();
        let mut writer = Writer::new(format, &mut out);
        writer.write(line.to_string().as_bytes(), &line).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_table_has_a_header_and_runs_no_formula() {
        let table = exported(Format::Csv);
        assert!(table.starts_with("cursor,kind,at,call,"));
        assert!(table.contains("4,call,2023-11-14T22:13:20.123Z,c-1,") && table.contains(",\"'=rm|x\n\","), "{table}");
    }

    #[test]
    fn common_event_format_escapes_what_would_break_a_field() {
        let event = exported(Format::Cef);
        assert!(event.starts_with("CEF:0|Cardea|cardea|"), "{event}");
        assert!(event.contains("|tools/call|tools/call refused|6|") && event.contains(r"reason=rule "), "{event}");
        assert!(
            event.contains(r"a\=b") && event.contains(r"fname=\=rm|x\n") && event.trim_end().lines().count() == 1,
            "{event}"
        );
    }

    #[test]
    fn api_activity_has_its_class_and_status() {
        let event: Value = serde_json::from_str(&exported(Format::Ocsf)).unwrap();
        assert_eq!((event["class_uid"].as_u64(), event["status_id"].as_u64()), (Some(6003), Some(2)));
        assert_eq!(event["actor"]["user"]["uid"], "ann");
    }

    #[test]
    fn a_syslog_line_carries_the_journal_line() {
        let line = exported(Format::Syslog);
        assert!(line.starts_with("<108>1 2023-11-14T22:13:20.123Z - cardea - call - {"), "{line}");
    }
}
