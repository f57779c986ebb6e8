//! Runs cases natively.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use serde::Deserialize;

use super::case::{Case, Run, load};
use super::expect::compare;
use super::observed::{Observed, Outcome};
use super::world::{World, with};
use crate::{Component, Described, Hook};

/// What a case needs to know of `plugin.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The plugin's name.
    pub name: String,
    /// Its role.
    pub role: String,
    /// What it asks for and, in a case, has.
    pub grants: Vec<String>,
}

impl Manifest {
    /// Reads the text of `plugin.toml`.
    pub fn parse(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct File {
            plugin: Plugin,
            #[serde(default)]
            ask: BTreeMap<String, toml::Value>,
        }
        #[derive(Deserialize)]
        struct Plugin {
            name: String,
            role: String,
        }
        let file: File = toml::from_str(text).map_err(|error| format!("plugin.toml: {error}"))?;
        let asked = |(grant, wish): (String, toml::Value)| (wish.as_bool() != Some(false)).then_some(grant);
        Ok(Self {
            name: file.plugin.name,
            role: file.plugin.role,
            grants: file.ask.into_iter().filter_map(asked).collect(),
        })
    }
}

/// Runs every case of a folder and panics with a list of those that do not hold. A folder without cases does not hold
/// either.
pub fn run_cases<P: Described>(folder: impl AsRef<Path>) {
    let cases = load(folder.as_ref()).unwrap_or_else(|error| panic!("{error}"));
    let mut failures = String::new();
    for located in &cases {
        if let Err(error) = run_case::<P>(&located.case).and_then(|observed| compare(&located.case, &observed)) {
            let _ = writeln!(failures, "{}: {}\n{error}", located.file.display(), located.case.name);
        }
    }
    assert!(failures.is_empty(), "of {} cases these do not hold:\n\n{failures}", cases.len());
}

/// Runs one case. An error is one of the case, not of the plugin.
pub fn run_case<P: Described>(case: &Case) -> Result<Observed, String> {
    if let Some(hook) = hook_of(case.hook).filter(|hook| !P::HOOKS.contains(hook)) {
        return Err(format!("the plugin does not have the hook {hook:?}"));
    }
    World::of(case, &Manifest::parse(P::MANIFEST)?)?.enter();
    let outcome = catch_unwind(AssertUnwindSafe(|| run::<P>(case)))
        .unwrap_or_else(|panic| Outcome::Trap(text_of(panic.as_ref())));
    Ok(World::leave(outcome))
}

fn run<P: Described>(case: &Case) -> Outcome {
    let plugin = match Component::<P>::build() {
        Ok(plugin) => plugin,
        Err(error) => return Outcome::Init(Err(error)),
    };
    let given = &case.given;
    with(|world| world.in_hook = !matches!(case.hook, Run::Init | Run::Selftest));
    match case.hook {
        Run::Init => Outcome::Init(Ok(())),
        Run::Selftest => Outcome::Selftest(plugin.selftest()),
        Run::OnAuthenticate => Outcome::Finding(plugin.on_authenticate()),
        Run::OnCatalog => Outcome::Admissions(plugin.on_catalog(given.items.iter().map(Into::into).collect())),
        Run::OnList => Outcome::Keep(plugin.on_list(given.items.iter().map(Into::into).collect())),
        Run::OnCall => Outcome::Call(plugin.on_call()),
        Run::OnRoute => Outcome::Choice(plugin.on_route(given.candidates.iter().map(Into::into).collect())),
        Run::OnMessage => Outcome::Message(plugin.on_message(given.message.kind.into())),
        Run::OnReply => Outcome::Reply(plugin.on_reply()),
        Run::OnRecord => Outcome::Delivered(plugin.on_record(given.records.iter().map(Into::into).collect())),
    }
}

fn hook_of(run: Run) -> Option<Hook> {
    match run {
        Run::Init | Run::Selftest => None,
        Run::OnAuthenticate => Some(Hook::OnAuthenticate),
        Run::OnCatalog => Some(Hook::OnCatalog),
        Run::OnList => Some(Hook::OnList),
        Run::OnCall => Some(Hook::OnCall),
        Run::OnRoute => Some(Hook::OnRoute),
        Run::OnMessage => Some(Hook::OnMessage),
        Run::OnReply => Some(Hook::OnReply),
        Run::OnRecord => Some(Hook::OnRecord),
    }
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic").to_owned()
}
