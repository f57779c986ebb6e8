//! `cardea audit`: reads the journal, beside the gateway that writes it or without one.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cardea_ledger::{Exporter, Filter, Format, SigningKey, Tail, VerifyingKey, verify};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::manifest::Manifest;
use crate::{Failure, journal, log};

/// How often `tail` looks whether there is more.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Check every link of the chain and every anchor; exit with 1 at the first that does not hold.
    Verify {
        #[command(flatten)]
        place: Place,
        /// PEM file with the Ed25519 public key that all anchors must be signed by. Default: the one that belongs to the
        /// manifest's `journal.anchor-key`.
        #[arg(long, value_name = "FILE")]
        public_key: Option<PathBuf>,
    },
    /// Show the lines that were asked for.
    Query {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        wishes: Wishes,
        /// At most so many lines.
        #[arg(long)]
        limit: Option<usize>,
    },
    /// Write the lines that were asked for in a form other systems read.
    Export {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        wishes: Wishes,
        /// The form.
        #[arg(long, value_enum, default_value = "jsonl")]
        format: Form,
    },
    /// Show the last lines, and new ones as they come.
    Tail {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        wishes: Wishes,
        /// How many of the last lines.
        #[arg(short = 'n', long, default_value_t = 10)]
        lines: u64,
        /// The form.
        #[arg(long, value_enum, default_value = "jsonl")]
        format: Form,
    },
}

/// Which journal.
#[derive(Args)]
pub(crate) struct Place {
    /// The manifest whose journal it is.
    #[arg(long, short, default_value = "cardea.toml")]
    manifest: PathBuf,
    /// The journal's folder, for one that was copied elsewhere; no manifest is read then.
    #[arg(long, value_name = "FOLDER", conflicts_with = "manifest")]
    journal: Option<PathBuf>,
}

/// Which lines. All that is said must hold.
#[derive(Args)]
pub(crate) struct Wishes {
    /// Not before this time, such as 2026-11-22T09:30:00Z.
    #[arg(long, value_parser = moment)]
    since: Option<u64>,
    /// Before this time.
    #[arg(long, value_parser = moment)]
    until: Option<u64>,
    /// Id of the caller.
    #[arg(long)]
    subject: Option<String>,
    /// Tenant of the caller.
    #[arg(long)]
    tenant: Option<String>,
    /// Name of the server.
    #[arg(long)]
    server: Option<String>,
    /// Method, such as `tools/call`.
    #[arg(long)]
    method: Option<String>,
    /// Name of the tool or prompt, or URI of the resource, as the client sent it.
    #[arg(long)]
    name: Option<String>,
    /// `ok`, `tool-error`, `error`, `refused`, `failed` or `cancelled`.
    #[arg(long)]
    outcome: Option<String>,
    /// Correlation id.
    #[arg(long)]
    call: Option<String>,
    /// `call`, `intent` or `gap`.
    #[arg(long)]
    kind: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Form {
    /// The lines as they are.
    Jsonl,
    /// A table with a header (RFC 4180).
    Csv,
    /// ArcSight Common Event Format.
    Cef,
    /// Open Cybersecurity Schema Framework, API Activity.
    Ocsf,
    /// RFC 5424.
    Syslog,
}

/// Runs one of the subcommands.
pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Verify { place, public_key } => check(place, public_key.as_deref()),
        Command::Query { place, wishes, limit } => {
            show(Tail::from_start(&place.folder()?), wishes, Form::Jsonl, limit.unwrap_or(usize::MAX))
        }
        Command::Export { place, wishes, format } => {
            show(Tail::from_start(&place.folder()?), wishes, *format, usize::MAX)
        }
        Command::Tail { place, wishes, lines, format } => follow(&place.folder()?, wishes, *lines, *format),
    }
}

impl Place {
    /// The folder, which must be there: a mistyped one would else be an empty, sound journal.
    fn folder(&self) -> Result<PathBuf, Failure> {
        let folder = match &self.journal {
            Some(folder) => folder.clone(),
            None => journal::folder(&Manifest::read(&self.manifest)?),
        };
        match std::fs::read_dir(&folder) {
            Ok(_) => Ok(folder),
            Err(error) => Err(Failure::unavailable(format!(
                "there is no journal in {}: {error}\nhelp: `cardea serve` makes it; calls are in it while a stage holds `grant.journal`",
                folder.display()
            ))),
        }
    }

    /// The key that belongs to the one that signs.
    fn key(&self) -> Result<Option<VerifyingKey>, Failure> {
        if self.journal.is_some() {
            return Ok(None);
        }
        let settings = journal::settings(&Manifest::read(&self.manifest)?)?;
        Ok(settings.key.as_ref().map(SigningKey::verifying))
    }
}

fn check(place: &Place, public_key: Option<&Path>) -> Result<(), Failure> {
    let folder = place.folder()?;
    let key = match public_key {
        Some(file) => Some(read_key(file)?),
        None => place.key()?,
    };
    let found = verify(&folder, key.as_ref())
        .map_err(|error| Failure::unavailable(format!("cannot read the journal in {}: {error}", folder.display())))?;
    let sound = found.map_err(|breach| Failure { code: 1, text: format!("the journal is broken: {breach}") })?;
    let anchors = match key {
        Some(_) => "signed anchors",
        None => "anchors (signatures not checked: no key)",
    };
    log::print(&format!(
        "sound: lines {} to {}, {} {anchors}, head {}\nlost: {}\ntorn: {} bytes",
        sound.first, sound.end, sound.anchors, sound.head, sound.lost, sound.torn
    ))
}

fn read_key(file: &Path) -> Result<VerifyingKey, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("cannot read the key {}: {error}", file.display())))?;
    VerifyingKey::from_pem(&text).map_err(|problem| Failure::usage(format!("{} {problem}", file.display())))
}

fn show(tail: io::Result<Tail>, wishes: &Wishes, form: Form, limit: usize) -> Result<(), Failure> {
    let filter = wishes.filter();
    let mut out = Exporter::new(form.into(), BufWriter::new(io::stdout().lock()));
    let copy = || {
        let mut tail = tail?;
        pour(&mut tail, &filter, &mut out, limit)?;
        out.flush()
    };
    done(copy())
}

fn follow(folder: &Path, wishes: &Wishes, lines: u64, form: Form) -> Result<(), Failure> {
    let filter = wishes.filter();
    let mut out = Exporter::new(form.into(), BufWriter::new(io::stdout().lock()));
    let mut copy = || {
        let mut tail = Tail::from_end(folder, lines)?;
        loop {
            pour(&mut tail, &filter, &mut out, usize::MAX)?;
            out.flush()?;
            std::thread::sleep(LOOK);
        }
    };
    done(copy())
}

/// Writes what there is.
fn pour<W: Write>(tail: &mut Tail, filter: &Filter, out: &mut Exporter<W>, limit: usize) -> io::Result<()> {
    let mut shown = 0;
    while shown < limit
        && let Some(text) = tail.next_line()?
    {
        // A line that is none is for `verify` to tell of, and passes every filter: it must not vanish from an export.
        let line: Value = serde_json::from_slice(&text).unwrap_or_default();
        if line.is_null() || filter.wants(&line) {
            out.write(&text, &line)?;
            shown += 1;
        }
    }
    Ok(())
}

/// Whoever read the output may have had enough of it: `cardea audit query | head` is no failure.
fn done(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| Failure::unavailable(format!("cannot read the journal: {error}"))),
    }
}

impl Wishes {
    fn filter(&self) -> Filter {
        Filter { since_ms: self.since, until_ms: self.until, equal: Vec::new() }
            .equal("/subject/id", self.subject.clone())
            .equal("/subject/tenant", self.tenant.clone())
            .equal("/server", self.server.clone())
            .equal("/method", self.method.clone())
            .equal("/name", self.name.clone())
            .equal("/outcome", self.outcome.clone())
            .equal("/call", self.call.clone())
            .equal("/kind", self.kind.clone())
    }
}

impl From<Form> for Format {
    fn from(form: Form) -> Self {
        match form {
            Form::Jsonl => Self::Jsonl,
            Form::Csv => Self::Csv,
            Form::Cef => Self::Cef,
            Form::Ocsf => Self::Ocsf,
            Form::Syslog => Self::Syslog,
        }
    }
}

fn moment(text: &str) -> Result<u64, String> {
    let time = OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|error| format!("{error}; write it like 2026-11-22T09:30:00Z (RFC 3339)"))?;
    u64::try_from(time.unix_timestamp_nanos() / 1_000_000).map_err(|_| "is before 1970".to_owned())
}
