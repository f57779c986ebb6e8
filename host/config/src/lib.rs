//! The manifest `cardea.toml`: from what was written to what it means.
//!
//! [`read`] takes the text and answers with a [`Plan`], or with a [`Report`] of every problem at once, each with its place.
//! Nothing is run here and nothing outside is touched: the environment and the files come in through [`World`].
//!
//! Every key is declared once, in `manifest.rs`; the reader, the suggestions for unknown keys, [`schema`] and [`reference()`]
//! all work from those declarations. `plan` then says what the keys mean together.

use std::io;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

mod diff;
mod document;
mod grant;
mod http_words;
mod kind;
mod manifest;
mod names;
mod plan;
mod reader;
mod reference;
mod report;
mod schema;
mod secret;
mod section;
mod source;
mod spans;
mod text_file;
mod units;

pub use cardea_grant::{Grants, Secret};
pub use diff::{Change, PlanDiff, diff};
pub use manifest::{
    Isolation, Journal, JournalMode, JournalSync, Keep, KeepIn, KvLoss, LimiterLoss, Limits, Log, LogFormat, LogLevel,
    OnError, OnLoss, Prefix, Protocol, Reload, SessionScope,
};
pub use names::PluginSource;
pub use plan::{
    AdminPlan, AllowedOrigins, ChildPlan, ClusterPlan, EndpointPlan, HttpPlan, ListenPlan, MatchPlan, MetadataPlan,
    Plan, RedisPlan, RenamePlan, ServerPlan, ShadowPlan, StagePlan, StatePlace, StatePlan, StdioPlan, TlsPlan,
    Transport, ViewPlan,
};
pub use reference::reference;
pub use report::{Problem, Report};
pub use schema::schema;
pub use source::Source;
pub use spans::Spans;
pub use units::Size;

use kind::Kind;
use manifest::Manifest;
use reader::{Node, Reader};

/// What the manifest may ask of the world around it.
pub trait World {
    /// The value of an environment variable.
    fn env(&self, name: &str) -> Option<String>;
    /// The text of a file that holds a secret, or a setting of a stage.
    fn file(&self, path: &Path) -> io::Result<String>;
    /// The folder of the manifest, to which its paths are relative; itself absolute.
    fn base(&self) -> &Path;
}

/// Reads a manifest.
///
/// # Errors
/// Every problem there is. Only a text that is not TOML hides others: where its structure is unsure, its mistakes alone are
/// reported.
pub fn read(source: &Source, world: &dyn World) -> Result<Plan, Report> {
    let mut reader = Reader::new(source, world);
    let (document, errors) = DeTable::parse_recoverable(&source.text);
    if !errors.is_empty() {
        return Err(syntax(source, &errors));
    }
    let document = Spanned::new(0..0, DeValue::Table(document.into_inner()));
    let manifest = Manifest::read(&Node::root(document.get_ref()), &mut reader);
    let plan = manifest.and_then(|manifest| plan::build(manifest, &mut reader));
    let mut report = reader.report;
    match plan {
        Some(plan) if report.is_empty() => Ok(plan),
        _ => {
            report.settle(source);
            Err(report)
        }
    }
}

fn syntax(source: &Source, errors: &[toml::de::Error]) -> Report {
    let mut report = Report::default();
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        report.push(Problem::new(span, error.message(), "here"));
    }
    report.settle(source);
    report
}
