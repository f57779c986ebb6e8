//! `cardea reload`, `cardea generations`, `cardea rollback`, `cardea shadow report`: what an operator does to a gateway that runs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cardea_config::{AdminPlan, Plan};
use http::{Method, StatusCode};
use serde_json::Value;
use tokio::time::sleep;

use crate::manifest::Manifest;
use crate::{Failure, log, plan, shadows};

/// How often a run that takes its time is looked for.
const LOOK: Duration = Duration::from_millis(500);

/// What is asked of the gateway.
#[derive(Clone, Copy)]
pub(crate) enum Wish {
    /// Read the manifest again.
    Reload,
    /// Serve again what served before.
    RollBack,
    /// Show the generations.
    Generations,
    /// Show how shadows compare.
    Shadows,
}

/// Asks the gateway that serves the manifest, and shows what it says. A refusal is a failure.
pub(crate) fn run(path: &Path, json: bool, wish: Wish) -> Result<(), Failure> {
    let door = Door::of(path)?;
    let answer = crate::serve::runtime()?.block_on(door.wish(wish))?;
    if json {
        log::print(&format!("{answer:#}"))?;
    }
    let told = match wish {
        Wish::Generations => generations(&answer),
        Wish::Shadows => shadows::shown(&answer),
        Wish::Reload | Wish::RollBack => ended(&answer)?,
    };
    if json { Ok(()) } else { log::print(&told) }
}

/// Keeps where the gateway's admin listener is, for a manifest that leaves its port open.
pub(crate) fn remember(plan: &Plan, admin: Option<SocketAddr>) {
    let file = place(plan);
    let written = match admin {
        Some(address) => {
            std::fs::create_dir_all(&plan.data_directory).and_then(|()| std::fs::write(&file, format!("{address}\n")))
        }
        None => Ok(()),
    };
    if let Err(error) = written {
        tracing::warn!(file = %file.display(), %error, "cannot write down where the admin listener is");
    }
}

fn place(plan: &Plan) -> PathBuf {
    plan.data_directory.join("admin")
}

/// The way to the admin listener.
pub(crate) struct Door {
    address: SocketAddr,
    token: Option<String>,
}

impl Door {
    /// As the manifest says, or, if it cannot be used at the moment, as the one that serves said: a manifest that is broken is
    /// no reason for not going back.
    pub(crate) fn of(path: &Path) -> Result<Self, Failure> {
        let manifest = match Manifest::read(path) {
            Ok(manifest) => manifest,
            Err(unusable) => plan::served_beside(path).ok_or_else(|| Failure::from(unusable))?,
        };
        let AdminPlan { address, token, .. } = manifest.plan.admin.as_ref().ok_or_else(|| {
            Failure::config(
                "the manifest has no admin listener\nhelp: `[admin] address = \"127.0.0.1:9090\"` opens one",
            )
        })?;
        let token = token.as_ref().map(|token| token.reveal().to_owned());
        Ok(Self { address: reachable(*address, &manifest.plan)?, token })
    }

    async fn wish(&self, wish: Wish) -> Result<Value, Failure> {
        match wish {
            Wish::Generations => self.ask(Method::GET, "/v1/generations").await,
            Wish::Shadows => self.ask(Method::GET, "/v1/shadow").await,
            Wish::Reload => self.run(self.ask(Method::POST, "/v1/reload").await?).await,
            Wish::RollBack => self.run(self.ask(Method::POST, "/v1/rollback").await?).await,
        }
    }

    /// Waits for a run that the gateway has only begun.
    async fn run(&self, told: Value) -> Result<Value, Failure> {
        if told["outcome"] != "running" {
            return Ok(told);
        }
        loop {
            sleep(LOOK).await;
            let mut shown = self.ask(Method::GET, "/v1/generations").await?;
            let runs = shown["runs"].as_array_mut().map(std::mem::take).unwrap_or_default();
            if let Some(run) = runs.into_iter().find(|run| run["id"] == told["id"]) {
                return Ok(run);
            }
        }
    }

    /// Asks, and takes nothing but a good answer.
    pub(crate) async fn ask(&self, method: Method, path: &str) -> Result<Value, Failure> {
        let told = cardea_admin::ask(self.address, self.token.as_deref(), method, path).await;
        let (status, answer) = told.map_err(|complaint| {
            Failure::unavailable(format!("{complaint}\nhelp: is `cardea serve` running with this manifest?"))
        })?;
        match status {
            StatusCode::OK | StatusCode::ACCEPTED | StatusCode::CONFLICT => Ok(answer),
            StatusCode::UNAUTHORIZED => Err(Failure::unavailable(
                "the gateway wants another token\nhelp: it took the one of `[admin] token` when it was started",
            )),
            _ => Err(Failure::unavailable(format!("the gateway answered {status}: {}", text(&answer["error"])))),
        }
    }
}

/// Where a listener that is bound to this address can be reached from the same machine.
fn reachable(address: SocketAddr, plan: &Plan) -> Result<SocketAddr, Failure> {
    let bound = match address.port() {
        0 => std::fs::read_to_string(place(plan)).ok().and_then(|text| text.trim().parse().ok()).ok_or_else(|| {
            Failure::unavailable(
                "the manifest lets the admin listener take any port, and no gateway has written down which it took\nhelp: is `cardea serve` running with this manifest?",
            )
        })?,
        _ => address,
    };
    Ok(match bound {
        SocketAddr::V4(address) if address.ip().is_unspecified() => ([127, 0, 0, 1], address.port()).into(),
        SocketAddr::V6(address) if address.ip().is_unspecified() => {
            (std::net::Ipv6Addr::LOCALHOST, address.port()).into()
        }
        address => address,
    })
}

fn ended(run: &Value) -> Result<String, Failure> {
    let generation = &run["generation"];
    match run["outcome"].as_str() {
        Some("published") => {
            let (stages, kept) = (&run["stages"], &run["kept"]);
            let restart: Vec<_> = run["restart"].as_array().into_iter().flatten().map(text).collect();
            let mut told = format!("generation {generation} serves: {stages} stages, {kept} of them as they ran");
            for key in restart {
                told.push_str(&format!("\n! {key}: takes effect when the gateway starts anew"));
            }
            Ok(told)
        }
        Some("unchanged") => Ok(format!("nothing changed; generation {generation} serves")),
        Some("rolled-back") => Ok(format!("generation {generation} serves again, in place of {}", run["from"])),
        Some("refused") => {
            Err(Failure::config(format!("{}\ngeneration {generation} goes on", text(&run["problem"]).trim_end())))
        }
        Some("abandoned") => Err(Failure::unavailable(format!(
            "somebody asked for a rollback meanwhile; generation {generation} serves"
        ))),
        _ => Err(Failure::unavailable(format!("the gateway answered what this version does not know: {run}"))),
    }
}

fn generations(shown: &Value) -> String {
    let mut lines = vec![format!("{:>10}  {:<9}  {:>9}  {:>9}  stages", "generation", "state", "under way", "calls")];
    for generation in shown["generations"].as_array().into_iter().flatten() {
        let stage = |stage: &Value| {
            format!("{} {}", text(&stage["name"]), text(&stage["digest"]).get(..12).unwrap_or_default())
        };
        let stages: Vec<_> = generation["stages"].as_array().into_iter().flatten().map(stage).collect();
        let (number, state, calls) = (&generation["number"], text(&generation["state"]), &generation["calls"]);
        let (under_way, begun) = (&calls["underWay"], &calls["begun"]);
        lines.push(format!("{number:>10}  {state:<9}  {under_way:>9}  {begun:>9}  {}", stages.join(", ")));
        if let Some(why) = generation["why"].as_str() {
            lines.push(format!("{:>10}  {why}", ""));
        }
    }
    match shown["kept"].as_u64() {
        Some(kept) => lines.push(format!("`cardea rollback` goes back to {kept}")),
        None => lines.push("there is nothing to roll back to".to_owned()),
    }
    if let Some(run) = shown["runs"].get(0) {
        let (id, source, outcome) = (&run["id"], text(&run["source"]), text(&run["outcome"]));
        lines.push(format!("last run: {id}, asked for by {source}: {outcome}"));
        lines.extend(run["problem"].as_str().map(str::to_owned));
    }
    lines.join("\n")
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
