//! Plan: what the manifest means, with every default and reference resolved.

use std::path::PathBuf;

use crate::manifest::{Journal, JournalMode, JournalSync, Log, Manifest, Reload};
use crate::reader::Reader;
use crate::report::{Problem, Report};
use crate::spans::Spans;

mod cluster;
mod listen;
mod server;
mod stage;
mod state;
mod stdio;
mod view;

pub use cluster::ClusterPlan;
pub use listen::{AdminPlan, AllowedOrigins, ListenPlan, TlsPlan};
pub use server::{ChildPlan, EndpointPlan, HttpPlan, ServerPlan, Transport};
pub use stage::{MatchPlan, MetadataPlan, ShadowPlan, StagePlan};
pub use state::{RedisPlan, StatePlace, StatePlan};
pub use stdio::StdioPlan;
pub use view::{RenamePlan, ViewPlan};

/// A manifest without a mistake of its own. What needs more than the manifest to judge, such as whether a plugin exists or
/// takes its config, is judged elsewhere; the spans are there for those reports. They play no part in comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The reason why calls may pass without a stage of role `rights`, if they may.
    pub open: Option<String>,
    /// Folder for what the gateway keeps.
    pub data_directory: PathBuf,
    /// The listener for clients.
    pub listen: ListenPlan,
    /// The listener for health, metrics and status; none if it is off.
    pub admin: Option<AdminPlan>,
    /// Who calls over standard input and output, if the manifest says so.
    pub stdio: Option<StdioPlan>,
    /// What is logged.
    pub log: Log,
    /// How a changed manifest proves itself.
    pub reload: Reload,
    /// Where the counters and values of stages are kept.
    pub state: StatePlan,
    /// How calls are recorded.
    pub journal: Journal,
    /// The gateways beside this one.
    pub cluster: ClusterPlan,
    /// The servers, in the order of the manifest; their names differ.
    pub servers: Vec<ServerPlan>,
    /// The endpoints of the manifest's own, in its order; their paths differ.
    pub views: Vec<ViewPlan>,
    /// The stages, in the order calls pass through them; their names differ.
    pub stages: Vec<StagePlan>,
    /// Where the keys at the top were written.
    pub spans: Spans,
}

/// Finds out what a manifest means; notes what cannot be meant together. `None` only after a problem was noted.
pub(crate) fn build(manifest: Manifest, reader: &mut Reader<'_>) -> Option<Plan> {
    let (base, report) = (reader.base(), &mut reader.report);
    listen::must_differ(&manifest.listen, &manifest.admin, report);
    let limits = manifest.listen.limits.clone();
    let listen = listen::listen(manifest.listen, report);
    let admin = listen::admin(manifest.admin, report);
    let state = state::state(manifest.state, report);
    keeps_its_word(&manifest.journal, report);
    let cluster = cluster::cluster(manifest.cluster, report);
    // Servers that could not be read at all have names nobody knows.
    let unread = manifest.server.is_empty() && manifest.spans.written("server");
    let names = server::names(&manifest.server, report).filter(|_| !unread);
    let stages = stage::stages(manifest.stage, names.as_deref(), report);
    let views = view::views(manifest.endpoint, names.as_deref(), report);
    let servers = server::servers(manifest.server, &limits, base, report);
    Some(Plan {
        open: manifest.open,
        data_directory: manifest.data_directory,
        listen: listen?,
        admin: admin?,
        stdio: stdio::stdio(manifest.stdio),
        log: manifest.log,
        reload: manifest.reload,
        state,
        journal: manifest.journal,
        cluster,
        servers: servers?,
        views: views?,
        stages: stages?,
        spans: manifest.spans,
    })
}

/// Strict means that a record survives whatever happens after the answer; unforced lines do not.
fn keeps_its_word(journal: &Journal, report: &mut Report) {
    if journal.mode == JournalMode::Strict && journal.sync == JournalSync::Never {
        let message = "`journal.mode` is \"strict\" and `journal.sync` is \"never\"";
        let problem = Problem::new(journal.spans.of("sync"), message, "lines would be lost with the machine's power");
        report.push(problem.help("leave `sync` out, or set `mode = \"bounded\"`"));
    }
}
