//! A new version of a stage that runs beside the one that serves: on the same calls, after it, on what it saw. What the shadow says
//! is compared and counted, and changes nothing. A live call hands over two pointers and what its hook came to; if nobody has
//! time for them, they are let go of and counted.

mod outcome;
mod overlay;
mod tape;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cardea_chain::{
    Call, CallVerdict, Candidate, Choice, Credential, Finding, Hook, HookFuture, HookResult, Hooks, Listing, Reply,
    ReplyVerdict, Role, Stage,
};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

pub use self::outcome::Word;
use self::outcome::{Outcome, Said};
pub(crate) use self::overlay::Overlay;
pub(crate) use self::tape::Tape;
use crate::WasmStage;
use crate::stats::Counter;

/// What may wait to be compared: hooks, and bytes of what they saw.
const MOST_WAITING: usize = 256;
const MOST_BYTES: usize = 32 << 20;
/// Differences that are kept to look at; the latest.
const MOST_EXAMPLES: usize = 20;
/// For each moment it computes, it rests so many: a fourth of one core at most, and less where there is nothing to compare.
const REST: u32 = 3;
/// Rest is taken when so much of it has come together.
const LEAST_REST: Duration = Duration::from_millis(2);

/// A version of a stage that runs beside the one that serves.
pub struct Shadow {
    stage: Arc<WasmStage>,
    queue: mpsc::Sender<Seen>,
    tally: Arc<Tally>,
    _worker: AbortOnDropHandle<()>,
}

/// How a shadow compares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Hooks that both versions ran.
    pub compared: u64,
    /// Of these, those in which both said and did the same.
    pub same: u64,
    /// Of these, those in which they did not.
    pub differ: u64,
    /// Hooks in which the shadow asked a limit or a server for what the live version had not.
    pub diverged: u64,
    /// Hooks in which the shadow did not return.
    pub failed: u64,
    /// Hooks that were not compared because too many were waiting.
    pub shed: u64,
    /// The latest in which they differ, or in which the shadow failed.
    pub examples: Vec<Example>,
}

/// One hook in which a shadow differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Id of the call; empty for a credential.
    pub call: String,
    /// The hook.
    pub hook: &'static str,
    /// What the live version came to.
    pub live: Word,
    /// What the shadow came to.
    pub shadow: Word,
    /// Where both have edited, and put in something different.
    pub other_values: Vec<String>,
}

/// What a live hook saw, and what it came to.
struct Seen {
    question: Question,
    live: Outcome,
    tape: Arc<Tape>,
    bytes: usize,
}

enum Question {
    Authenticate(Arc<Credential>),
    List(Arc<Call>, Arc<Listing>),
    Call(Arc<Call>),
    Route(Arc<Call>, Vec<Candidate>),
    Reply(Arc<Call>, Arc<Reply>),
}

#[derive(Default)]
struct Tally {
    same: Counter,
    differ: Counter,
    diverged: Counter,
    failed: Counter,
    shed: Counter,
    waiting_bytes: AtomicUsize,
    examples: Mutex<VecDeque<Example>>,
}

impl Shadow {
    /// A shadow made of a stage of its own, which nobody else asks.
    pub(crate) fn cast(stage: Arc<WasmStage>) -> Arc<Self> {
        let (queue, seen) = mpsc::channel(MOST_WAITING);
        let tally = Arc::new(Tally::default());
        let worker = tokio::spawn(work(Arc::clone(&stage), seen, Arc::clone(&tally)));
        Arc::new(Self { stage, queue, tally, _worker: AbortOnDropHandle::new(worker) })
    }

    /// The version that it is.
    pub fn stage(&self) -> &Arc<WasmStage> {
        &self.stage
    }

    /// How it compares so far.
    pub fn comparison(&self) -> Comparison {
        let tally = &self.tally;
        let (same, differ) = (tally.same.value(), tally.differ.value());
        Comparison {
            compared: same + differ,
            same,
            differ,
            diverged: tally.diverged.value(),
            failed: tally.failed.value(),
            shed: tally.shed.value(),
            examples: tally.examples().iter().rev().cloned().collect(),
        }
    }

    /// Takes what a live hook saw, if there is time for it. Nobody waits here.
    fn offer<T: Clone + Into<Said>>(&self, question: Question, live: &HookResult<T>, tape: Arc<Tape>) {
        let bytes = question.bytes();
        let fits = self.tally.waiting_bytes.load(Ordering::Relaxed) + bytes <= MOST_BYTES;
        let Some(place) = self.queue.try_reserve().ok().filter(|_| fits) else {
            return self.tally.shed.add(1);
        };
        self.tally.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        place.send(Seen { question, live: Outcome::of(live), tape, bytes });
    }
}

/// Compares one after the other, and rests in between.
async fn work(stage: Arc<WasmStage>, mut seen: mpsc::Receiver<Seen>, tally: Arc<Tally>) {
    let mut rest = Duration::ZERO;
    while let Some(seen) = seen.recv().await {
        let started = Instant::now();
        let bytes = seen.bytes;
        compare(&stage, seen, &tally).await;
        tally.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        rest += started.elapsed() * REST;
        if rest >= LEAST_REST {
            sleep(rest).await;
            rest = Duration::ZERO;
        }
    }
}

async fn compare(stage: &WasmStage, seen: Seen, tally: &Tally) {
    let Seen { question, live, tape, .. } = seen;
    tape.rewind();
    let shadow = question.put_to(stage, &tape).await;
    let count = match () {
        () if tape.has_diverged() => return tally.diverged.add(1),
        () if shadow.failed() && !live.failed() => &tally.failed,
        () if live.is_same(&shadow) => return tally.same.add(1),
        () => &tally.differ,
    };
    count.add(1);
    let (call, hook) = (question.call(), question.hook().as_str());
    let mut examples = tally.examples();
    if examples.len() == MOST_EXAMPLES {
        examples.pop_front();
    }
    let other_values = live.other_values(&shadow);
    examples.push_back(Example { call, hook, live: live.word(), shadow: shadow.word(), other_values });
}

impl Question {
    async fn put_to(&self, stage: &WasmStage, tape: &Arc<Tape>) -> Outcome {
        let tape = Some(tape);
        match self {
            Self::Authenticate(credential) => Outcome::of(&stage.on_authenticate(credential, tape).await),
            Self::List(call, listing) => Outcome::of(&stage.on_list(call, listing, tape).await),
            Self::Call(call) => Outcome::of(&stage.on_call(call, tape).await),
            Self::Route(call, candidates) => Outcome::of(&stage.on_route(call, candidates, tape).await),
            Self::Reply(call, reply) => Outcome::of(&stage.on_reply(call, reply, tape).await),
        }
    }

    fn hook(&self) -> Hook {
        match self {
            Self::Authenticate(_) => Hook::Authenticate,
            Self::List(..) => Hook::List,
            Self::Call(_) => Hook::Call,
            Self::Route(..) => Hook::Route,
            Self::Reply(..) => Hook::Reply,
        }
    }

    /// Id of the call.
    fn call(&self) -> String {
        match self {
            Self::Authenticate(_) => String::new(),
            Self::List(call, _) | Self::Call(call) | Self::Route(call, _) | Self::Reply(call, _) => {
                call.id.as_str().to_owned()
            }
        }
    }

    /// Bytes that are kept in memory for it.
    fn bytes(&self) -> usize {
        match self {
            Self::Authenticate(_) => 0,
            Self::List(call, listing) => call.params().len() + listing.bytes(),
            Self::Call(call) | Self::Route(call, _) => call.params().len(),
            Self::Reply(call, reply) => call.params().len() + reply.document(&call.method, call.name.as_deref()).len(),
        }
    }
}

impl Tally {
    fn examples(&self) -> MutexGuard<'_, VecDeque<Example>> {
        self.examples.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stage with its shadow: the chain asks the stage, and the shadow hears of it.
pub struct Shadowed {
    live: Arc<WasmStage>,
    shadow: Arc<Shadow>,
}

impl Shadowed {
    /// Puts a shadow behind a stage.
    pub fn new(live: Arc<WasmStage>, shadow: Arc<Shadow>) -> Self {
        Self { live, shadow }
    }

    /// Whether the shadow has the hook too. One that it has not, it cannot be compared in.
    fn shadows(&self, hook: Hook) -> bool {
        self.shadow.stage.hooks().has(hook)
    }
}

impl Stage for Shadowed {
    fn name(&self) -> &Arc<str> {
        self.live.name()
    }

    fn role(&self) -> Role {
        self.live.role()
    }

    fn hooks(&self) -> Hooks {
        self.live.hooks()
    }

    fn keeps_journal(&self) -> bool {
        self.live.keeps_journal()
    }

    fn authenticate<'a>(&'a self, credential: &'a Arc<Credential>) -> HookFuture<'a, Finding> {
        if !self.shadows(Hook::Authenticate) {
            return self.live.authenticate(credential);
        }
        Box::pin(async move {
            let tape = Arc::<Tape>::default();
            let done = self.live.on_authenticate(credential, Some(&tape)).await;
            self.shadow.offer(Question::Authenticate(Arc::clone(credential)), &done, tape);
            done
        })
    }

    fn keep<'a>(&'a self, call: &'a Arc<Call>, listing: &'a Arc<Listing>) -> HookFuture<'a, Vec<bool>> {
        if !self.shadows(Hook::List) {
            return self.live.keep(call, listing);
        }
        Box::pin(async move {
            let tape = Arc::<Tape>::default();
            let done = self.live.on_list(call, listing, Some(&tape)).await;
            self.shadow.offer(Question::List(Arc::clone(call), Arc::clone(listing)), &done, tape);
            done
        })
    }

    fn judge_call<'a>(&'a self, call: &'a Arc<Call>) -> HookFuture<'a, CallVerdict> {
        if !self.shadows(Hook::Call) {
            return self.live.judge_call(call);
        }
        Box::pin(async move {
            let tape = Arc::<Tape>::default();
            let done = self.live.on_call(call, Some(&tape)).await;
            self.shadow.offer(Question::Call(Arc::clone(call)), &done, tape);
            done
        })
    }

    fn choose<'a>(&'a self, call: &'a Arc<Call>, candidates: &'a [Candidate]) -> HookFuture<'a, Choice> {
        if !self.shadows(Hook::Route) {
            return self.live.choose(call, candidates);
        }
        Box::pin(async move {
            let tape = Arc::<Tape>::default();
            let done = self.live.on_route(call, candidates, Some(&tape)).await;
            self.shadow.offer(Question::Route(Arc::clone(call), candidates.to_vec()), &done, tape);
            done
        })
    }

    fn judge_reply<'a>(&'a self, call: &'a Arc<Call>, reply: &'a Arc<Reply>) -> HookFuture<'a, ReplyVerdict> {
        if !self.shadows(Hook::Reply) {
            return self.live.judge_reply(call, reply);
        }
        Box::pin(async move {
            let tape = Arc::<Tape>::default();
            let done = self.live.on_reply(call, reply, Some(&tape)).await;
            self.shadow.offer(Question::Reply(Arc::clone(call), Arc::clone(reply)), &done, tape);
            done
        })
    }
}
