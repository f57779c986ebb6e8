//! What a reload would change, for `cardea plan` and for the reload itself.

use std::fmt;

use crate::Plan;
use crate::plan::{ListenPlan, ServerPlan, StagePlan, Transport, ViewPlan};
use crate::section::Section;

/// What happens to one server, endpoint or stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// These of its keys mean something else now.
    Changed(Vec<String>),
    /// It means what it meant, wherever it stands now.
    Kept,
}

/// The difference between two plans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanDiff {
    /// Every server of either plan: first those of the new one, in its order, then those that are gone.
    pub servers: Vec<(String, Change)>,
    /// Every endpoint of the manifest's own of either plan, by its path, likewise.
    pub views: Vec<(String, Change)>,
    /// Every stage of either plan, likewise.
    pub stages: Vec<(String, Change)>,
    /// Whether the stages that stay are passed in another order.
    pub reordered: bool,
    /// Whether the reason for passing without rights changed.
    pub open: bool,
    /// How a changed manifest is to prove itself, if that changed: its keys.
    pub reload: Vec<String>,
    /// Keys that changed and take effect only when the gateway starts anew.
    pub restart: Vec<String>,
}

impl PlanDiff {
    /// True if the plans mean the same.
    pub fn is_empty(&self) -> bool {
        let kept = |items: &[(String, Change)]| items.iter().all(|(_, change)| *change == Change::Kept);
        let same = !self.reordered && !self.open && self.reload.is_empty() && self.restart.is_empty();
        kept(&self.servers) && kept(&self.views) && kept(&self.stages) && same
    }
}

/// Compares two plans. Servers and stages are known by their names.
pub fn diff(old: &Plan, new: &Plan) -> PlanDiff {
    let shared = |plan: &Plan, other: &Plan| -> Vec<String> {
        let names = plan.stages.iter().map(|stage| stage.name.clone());
        names.filter(|name| other.stages.iter().any(|stage| stage.name == *name)).collect()
    };
    PlanDiff {
        servers: items(&old.servers, &new.servers, |server| &server.name, server),
        views: items(&old.views, &new.views, |view| &view.path, view),
        stages: items(&old.stages, &new.stages, |stage| &stage.name, stage),
        reordered: shared(old, new) != shared(new, old),
        open: old.open != new.open,
        reload: old.reload.changed(&new.reload),
        restart: restart(old, new),
    }
}

impl fmt::Display for PlanDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "nothing changes");
        }
        show(f, "server", &self.servers)?;
        show(f, "endpoint", &self.views)?;
        show(f, "stage", &self.stages)?;
        if self.reordered {
            writeln!(f, "~ stages: calls pass them in another order")?;
        }
        if self.open {
            writeln!(f, "~ open")?;
        }
        if !self.reload.is_empty() {
            writeln!(f, "~ reload: {}", self.reload.join(", "))?;
        }
        for key in &self.restart {
            writeln!(f, "! {key}: takes effect when the gateway starts anew")?;
        }
        Ok(())
    }
}

fn show(f: &mut fmt::Formatter<'_>, kind: &str, items: &[(String, Change)]) -> fmt::Result {
    for (name, change) in items {
        match change {
            Change::Added => writeln!(f, "+ {kind} {name}")?,
            Change::Removed => writeln!(f, "- {kind} {name}")?,
            Change::Changed(keys) => writeln!(f, "~ {kind} {name}: {}", keys.join(", "))?,
            Change::Kept => {}
        }
    }
    Ok(())
}

fn items<T>(
    old: &[T],
    new: &[T],
    name: impl Fn(&T) -> &String,
    changed: impl Fn(&T, &T) -> Vec<String>,
) -> Vec<(String, Change)> {
    let find = |items: &'_ [T], wanted: &T| items.iter().position(|item| name(item) == name(wanted));
    let fate = |item: &T| match find(old, item).map(|at| changed(&old[at], item)) {
        None => Change::Added,
        Some(keys) if keys.is_empty() => Change::Kept,
        Some(keys) => Change::Changed(keys),
    };
    let present = new.iter().map(|item| (name(item).clone(), fate(item)));
    let gone = old.iter().filter(|item| find(new, item).is_none());
    present.chain(gone.map(|item| (name(item).clone(), Change::Removed))).collect()
}

/// The names of the fields in which two values differ, as the manifest writes them.
macro_rules! changed {
    ($old:expr, $new:expr; $($name:literal: $($field:ident).+,)*) => {{
        let mut changed: Vec<String> = Vec::new();
        $(if $old.$($field).+ != $new.$($field).+ {
            changed.push($name.into());
        })*
        changed
    }};
}

fn server(old: &ServerPlan, new: &ServerPlan) -> Vec<String> {
    let transport = match (&old.transport, &new.transport) {
        (Transport::Stdio(old), Transport::Stdio(new)) => {
            let mut keys = changed!(old, new; "cwd": cwd, "env": env, "max-children": max_children,);
            if (&old.program, &old.arguments) != (&new.program, &new.arguments) {
                keys.insert(0, "command".into());
            }
            keys
        }
        (Transport::Http(old), Transport::Http(new)) => {
            changed!(old, new; "endpoint": endpoints, "headers": headers,)
        }
        (Transport::Stdio(_), Transport::Http(_)) => vec!["from a process to HTTP".into()],
        (Transport::Http(_), Transport::Stdio(_)) => vec!["from HTTP to a process".into()],
    };
    let rest = changed!(old, new;
        "session": session,
        "protocol": protocol,
        "call-timeout": call_timeout,
        "idle-timeout": idle_timeout,
        "start-timeout": start_timeout,
    );
    transport.into_iter().chain(rest).collect()
}

fn view(old: &ViewPlan, new: &ViewPlan) -> Vec<String> {
    changed!(old, new;
        "servers": servers,
        "include": include,
        "exclude": exclude,
        "rename": rename,
        "prefix": prefix,
    )
}

fn stage(old: &StagePlan, new: &StagePlan) -> Vec<String> {
    changed!(old, new;
        "plugin": plugin,
        "match": matches,
        "grant": grants,
        "config": config,
        "shadow": shadow,
        "files": files,
        "on-error": on_error,
        "accept-fail-open": accept_fail_open,
        "keep": keep,
        "on-loss": on_loss,
        "isolation": isolation,
        "concurrency": concurrency,
        "memory": memory,
        "cpu-budget": cpu_budget,
        "wall-budget": wall_budget,
    )
}

fn restart(old: &Plan, new: &Plan) -> Vec<String> {
    let mut keys = changed!(old, new; "data-directory": data_directory,);
    keys.extend(listen(&old.listen, &new.listen));
    keys.extend(changed!(old, new; "state": state.place, "cluster": cluster,));
    match (&old.admin, &new.admin) {
        (Some(old), Some(new)) => {
            keys.extend(changed!(old, new;
                "admin.address": address,
                "admin.token": token,
                "admin.viewer-token": viewer_token,
                "admin.recent-calls": recent_calls,
                "admin.recent-bytes": recent_bytes,
            ));
        }
        (None, None) => {}
        _ => keys.push("admin.address".into()),
    }
    keys.extend(changed!(old, new; "stdio": stdio,));
    keys.extend(old.log.changed(&new.log).into_iter().map(|key| format!("log.{key}")));
    keys.extend(old.journal.changed(&new.journal).into_iter().map(|key| format!("journal.{key}")));
    keys
}

fn listen(old: &ListenPlan, new: &ListenPlan) -> Vec<String> {
    let mut keys = changed!(old, new;
        "listen.address": address,
        "listen.public-url": public_url,
        "listen.allowed-hosts": allowed_hosts,
        "listen.allowed-origins": allowed_origins,
        "listen.tls": tls,
    );
    let limits = old.limits.changed(&new.limits);
    keys.extend(limits.into_iter().map(|key| format!("listen.limits.{key}")));
    keys
}
