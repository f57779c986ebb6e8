//! The reconciler: the one room in which generations change. A changed file, SIGHUP and the admin API ask; one run at a time
//! answers. A run reads the manifest, finds out what of it is new, reads and inspects its plugins, compiles and warms them
//! beside what serves, and swaps one pointer. What cannot be served changes nothing and says why; what serves and does not
//! prove itself is sent back.

mod attempt;
mod history;
mod inbox;
mod probation;
mod run;
mod triggers;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use cardea_config::TlsPlan;
use cardea_listen::tls::Certificate;
use tokio::signal::unix::Signal;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) use self::history::History;
pub(crate) use self::inbox::{Inbox, Promise};
pub(crate) use self::run::{Run, Source, millis};

use self::attempt::{Attempt, Fingerprint, Rejected};
use self::inbox::{Order, Wanted};
use self::probation::{Probation, Verdict};
use self::run::Outcome;
use crate::assemble::{Built, Kept, LoadedStage};
use crate::gateway::Gateway;
use crate::plan;
use crate::watch::Watch;

/// Starts the reconciler and what asks it from outside; both stop with the gateway.
pub(crate) fn follow(
    path: PathBuf,
    gateway: Arc<Gateway>,
    certificate: Option<Arc<Certificate>>,
    hangup: Signal,
    shutdown: CancellationToken,
    tasks: &mut JoinSet<()>,
) {
    let files = triggers::files(&path, &gateway.built().plan);
    let watch = Watch::new(files.clone());
    let (watched, watching) = watch::channel(files);
    tasks.spawn(triggers::follow(Arc::clone(&gateway), watch, watching, hangup, shutdown.clone()));
    let reconciler =
        Reconciler { path, gateway, certificate, watched, kept: None, probation: None, rejected: None, shutdown };
    tasks.spawn(reconciler.work());
}

struct Reconciler {
    path: PathBuf,
    gateway: Arc<Gateway>,
    certificate: Option<Arc<Certificate>>,
    watched: watch::Sender<BTreeSet<PathBuf>>,
    /// What served before, as the way back.
    kept: Option<Arc<Kept>>,
    probation: Option<Probation>,
    /// What was sent back. It is not tried again as it is.
    rejected: Option<Arc<Rejected>>,
    shutdown: CancellationToken,
}

impl Reconciler {
    async fn work(mut self) {
        let gateway = Arc::clone(&self.gateway);
        loop {
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return,
                verdict = probation::verdict(self.probation.as_ref()) => self.judged(verdict),
                order = gateway.inbox.next() => match order {
                    Order::Rollback(wanted) => self.go_back_by_hand(wanted),
                    Order::Reload(wanted) => Box::pin(self.reload(wanted)).await,
                },
            }
        }
    }

    /// One run. What serves goes on proving itself meanwhile, and nobody who wants to go back waits for a compiler.
    async fn reload(&mut self, wanted: Wanted) {
        let started = Instant::now();
        let (gateway, shutdown) = (Arc::clone(&self.gateway), self.shutdown.clone());
        let (path, kept, rejected) = (self.path.clone(), self.kept.clone(), self.rejected.clone());
        let mut trying = pin!(attempt::make(&path, &gateway, kept.as_deref(), rejected.as_deref()));
        let outcome = loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                verdict = probation::verdict(self.probation.as_ref()) => {
                    let failed = matches!(verdict, Verdict::Failed(_));
                    self.judged(verdict);
                    if failed {
                        // What was being made took over from what no longer serves.
                        return gateway.inbox.again(wanted);
                    }
                }
                back = gateway.inbox.next_rollback() => {
                    let before = gateway.built().number();
                    self.go_back_by_hand(back);
                    // Where there is nothing to go back to, nothing was changed by the wish.
                    let generation = gateway.built().number();
                    if generation != before {
                        break Outcome::Abandoned { generation };
                    }
                }
                attempt = &mut trying => break self.settle(attempt),
            }
        };
        self.ended(wanted, started, outcome);
        self.renew_certificate();
    }

    fn settle(&mut self, attempt: Attempt) -> Outcome {
        let present = self.gateway.built();
        let generation = present.number();
        let served = triggers::files(&self.path, &present.plan);
        self.watched.send_replace(attempt.files.into_iter().chain(served).collect());
        match attempt.made {
            Ok(Some(next)) => self.publish(Arc::new(*next), &present),
            Ok(None) => Outcome::Unchanged { generation },
            Err(problem) => Outcome::Refused { generation, problem },
        }
    }

    fn publish(&mut self, next: Arc<Built>, present: &Built) -> Outcome {
        let kept = next.stages.iter().filter(|new| runs_in(new, &present.stages)).count();
        let outcome = Outcome::Published {
            generation: next.number(),
            stages: next.stages.len(),
            kept,
            restart: cardea_config::diff(&present.plan, &next.plan).restart,
        };
        self.gateway.publish(Arc::clone(&next));
        let dropped = self.kept.replace(Arc::new(present.keep()));
        self.probation = Probation::begin(&next, present, &next.plan.reload);
        self.rejected = None;
        self.gateway.history.published(&next, present, self.probation.is_some());
        let dropped = dropped.iter().flat_map(|dropped| &dropped.stages);
        tend(&next.stages, present.stages.iter(), dropped);
        plan::remember(&next.plan, &next.source);
        outcome
    }

    fn judged(&mut self, verdict: Verdict) {
        self.probation = None;
        match verdict {
            Verdict::Passed => {
                let generation = self.gateway.built().number();
                tracing::info!(generation, "the generation has proved itself");
                self.gateway.history.proven();
            }
            Verdict::Failed(why) => {
                let wanted = Wanted::unasked(self.gateway.inbox.next_id(), Source::Probation);
                self.go_back(
                    wanted,
                    format!("generation {} did not prove itself: {why}", self.gateway.built().number()),
                );
            }
        }
    }

    fn go_back_by_hand(&mut self, wanted: Wanted) {
        self.go_back(wanted, "somebody asked for it".to_owned());
    }

    fn go_back(&mut self, wanted: Wanted, why: String) {
        let started = Instant::now();
        let present = self.gateway.built();
        let outcome = match self.restore(&present, &why) {
            Ok(to) => Outcome::RolledBack { from: present.number(), to, why },
            Err(problem) => Outcome::Refused { generation: present.number(), problem },
        };
        self.ended(wanted, started, outcome);
    }

    /// Lets what served before serve again. The pointer is all that changes: its stages and their instances are still there.
    fn restore(&mut self, present: &Built, why: &str) -> Result<u64, String> {
        let kept = self.kept.as_ref().ok_or(
            "there is no generation to go back to: only the one before the present one is kept, and one that was sent back is not served again",
        )?;
        let restored =
            kept.revive(&self.gateway.parts, present).map_err(|report| report.render(&kept.source, false))?;
        let restored = Arc::new(restored);
        self.gateway.publish(Arc::clone(&restored));
        (self.kept, self.probation) = (None, None);
        tend(&restored.stages, std::iter::empty(), present.stages.iter());
        self.gateway.history.went_back(present.number(), restored.number(), why);
        let fingerprint = Fingerprint::of_built(present);
        self.rejected = Some(Arc::new(Rejected { fingerprint, generation: present.number(), why: why.to_owned() }));
        plan::remember(&restored.plan, &restored.source);
        Ok(restored.number())
    }

    fn ended(&self, wanted: Wanted, started: Instant, outcome: Outcome) {
        let (id, source, requests) = (wanted.id, wanted.source, wanted.requests);
        let run = Run { id, source, requests, at: SystemTime::now(), took: started.elapsed(), outcome };
        self.gateway.history.ran(run.clone());
        run.log();
        wanted.ended(&run);
    }

    /// A certificate is read again with every run, for whoever connects from now on.
    fn renew_certificate(&self) {
        let built = self.gateway.built();
        let (Some(certificate), Some(tls)) = (&self.certificate, &built.plan.listen.tls) else { return };
        let renewed = read_certificate(tls)
            .and_then(|(pem, key)| certificate.replace(&pem, &key).map_err(|error| format!("[listen.tls]: {error}")));
        if let Err(problem) = renewed {
            tracing::error!("certificate not renewed, the present one goes on: {problem}");
        }
    }
}

/// Reads certificate and key. The error is a sentence for people.
pub(crate) fn read_certificate(tls: &TlsPlan) -> Result<(Vec<u8>, Vec<u8>), String> {
    let read = |file: &Path| {
        std::fs::read(file).map_err(|error| format!("[listen.tls]: cannot read {}: {error}", file.display()))
    };
    Ok((read(&tls.certificate)?, read(&tls.key)?))
}

/// What serves keeps as many instances warm as it has use for, what may serve again at once keeps one, and the rest keeps none:
/// the calls that still belong to it get instances of their own.
fn tend<'a>(
    serving: &[LoadedStage],
    kept: impl Iterator<Item = &'a LoadedStage> + Clone,
    dropped: impl Iterator<Item = &'a LoadedStage>,
) {
    serving.iter().for_each(|loaded| loaded.stage.keep_warm(usize::MAX));
    let idle = |loaded: &&LoadedStage| !runs_in(loaded, serving);
    for loaded in
        dropped.filter(idle).filter(|loaded| !kept.clone().any(|kept| Arc::ptr_eq(&kept.stage, &loaded.stage)))
    {
        loaded.stage.keep_warm(0);
    }
    kept.filter(idle).for_each(|loaded| loaded.stage.keep_warm(1));
}

fn runs_in(loaded: &LoadedStage, stages: &[LoadedStage]) -> bool {
    stages.iter().any(|other| Arc::ptr_eq(&other.stage, &loaded.stage))
}
