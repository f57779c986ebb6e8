//! `log`: the gateway's log.

use std::fmt::Write;

use cardea_chain::Import;
use wasmtime::Result;

use crate::bindings::cardea::plugin::log::{Host, Level};
use crate::guest::Guest;

/// Bytes of one line.
const MOST_BYTES: usize = 4 << 10;

impl Host for Guest {
    fn write(&mut self, level: Level, message: String, fields: Vec<(String, String)>) -> Result<()> {
        self.charge(Import::Log)?;
        let Some(left) = self.log_lines.checked_sub(1) else { return Ok(()) };
        self.log_lines = left;
        let line = line(message, &fields);
        let (stage, generation) = (&self.facts.stage, self.facts.generation);
        let call = self.visit.call.as_ref().map_or("", |call| call.id.as_str());
        match level {
            Level::Trace => tracing::trace!(%stage, generation, call, "{line}"),
            Level::Debug => tracing::debug!(%stage, generation, call, "{line}"),
            Level::Info => tracing::info!(%stage, generation, call, "{line}"),
            Level::Warn => tracing::warn!(%stage, generation, call, "{line}"),
            Level::Error => tracing::error!(%stage, generation, call, "{line}"),
        }
        if left == 0 {
            tracing::warn!(%stage, call, "the plugin has used up its log lines for this hook; the rest is dropped");
        }
        Ok(())
    }
}

/// One line, whatever the guest puts into it.
fn line(message: String, fields: &[(String, String)]) -> String {
    let mut line = message;
    for (key, value) in fields {
        let _ = write!(line, " {key}={value}");
    }
    if line.len() > MOST_BYTES {
        line.truncate(line.floor_char_boundary(MOST_BYTES));
        line.push('…');
    }
    if line.contains(char::is_control) {
        line = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_guest_writes_one_line_and_not_a_long_one() {
        assert_eq!(line("a\nb".into(), &[("k".into(), "v\x1b[0m".into())]), "a b k=v [0m");
        assert!(line("ä".repeat(5000), &[]).len() < 4100);
    }
}
