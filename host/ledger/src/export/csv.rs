//! A table: one row a line.

use std::io;

use serde_json::Value;

const COLUMNS: [(&str, &str); 18] = [
    ("cursor", "/cursor"),
    ("kind", "/kind"),
    ("at", ""),
    ("call", "/call"),
    ("issuer", "/subject/issuer"),
    ("subject", "/subject/id"),
    ("tenant", "/subject/tenant"),
    ("endpoint", "/endpoint"),
    ("version", "/version"),
    ("method", "/method"),
    ("name", "/name"),
    ("server", "/server"),
    ("outcome", "/outcome"),
    ("blame", "/blame"),
    ("detail", "/detail"),
    ("reason", "/reason"),
    ("micros", "/micros"),
    ("lost", "/lost"),
];

pub(super) fn header() -> io::Result<Vec<u8>> {
    record(COLUMNS.iter().map(|(name, _)| (*name).to_owned()))
}

pub(super) fn row(line: &Value) -> io::Result<Vec<u8>> {
    record(COLUMNS.iter().map(|(name, pointer)| match (*name, line.pointer(pointer)) {
        ("at", _) => super::moment(line),
        (_, Some(Value::String(text))) => inert(text),
        (_, Some(Value::Number(number))) => number.to_string(),
        _ => String::new(),
    }))
}

/// A spreadsheet takes a cell that begins so for a formula, and callers choose names (OWASP, CSV injection).
fn inert(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

fn record(cells: impl Iterator<Item = String>) -> io::Result<Vec<u8>> {
    let mut writer = ::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(cells)?;
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}
