//! The walk: one function that brings a call through rooms 4 to 8 and 10. Forward only, one crossing per stage and direction.

mod catalog;
mod duties;
mod messages;

use std::sync::Arc;

use bytes::Bytes;
use cardea_message::{JsonFault, Method, json};
use tokio::time::{Instant, timeout_at};

use crate::record::Trail;
use crate::wording::tool_result;
use crate::{
    Answer, Call, CallVerdict, Candidate, Chain, Cost, Effects, Endpoint, Fault, FaultKind, Hook, HookFault, ItemKind,
    Listing, Outlet, Placed, Refusal, Reply, ReplyVerdict, Side, Step, Target,
};

/// Items per `on-list` call; more come in further calls.
const LIST_BATCH: usize = 512;

impl Chain {
    /// Walks a call to its end; `admitted` are room 2's steps, for the record. Notifications and asks leave through `outlet` on the way. Dropping the future cancels the call
    /// at the server and records it as cancelled.
    pub async fn walk(&self, call: Arc<Call>, admitted: Vec<Step>, outlet: &Outlet) -> Reply {
        let mut walk = Walk {
            chain: self,
            outlet,
            trail: Trail::new(&call, self, admitted),
            call,
            held: Vec::new(),
            aside: Vec::new(),
            judge_again: false,
            told: 0,
        };
        let place = (walk.call.method != Method::SUBSCRIPTIONS_LISTEN).then(|| self.under_way.enter());
        let cut = async {
            match &place {
                Some(place) => place.cut_off().await,
                None => std::future::pending().await,
            }
        };
        // The walk first: nearly all of them end before anybody says a word.
        let reply = tokio::select! {
            biased;
            reply = walk.through() => reply,
            () = cut => superseded(self.generation).into(),
        };
        let Walk { trail, held, .. } = walk;
        let reply = trail.finish(reply).await;
        // What stages took for the length of the call goes back only now, after the record.
        drop(held);
        reply
    }
}

struct Walk<'a> {
    chain: &'a Chain,
    outlet: &'a Outlet,
    trail: Trail,
    call: Arc<Call>,
    held: Vec<Box<dyn std::any::Any + Send + Sync>>,
    /// Stages that failed and are left out of the rest of the call.
    aside: Vec<Arc<str>>,
    /// Whether a condition has changed the arguments since the rights stages judged them.
    judge_again: bool,
    /// Steps of the record that are about what passed before the end.
    told: usize,
}

impl Walk<'_> {
    async fn through(&mut self) -> Reply {
        let directory = Arc::clone(&self.call.directory);
        let target = match timeout_at(self.call.deadline.at(), directory.resolve(&self.call)).await {
            Ok(Ok(target)) => target,
            Ok(Err(fault)) => return fault.into(),
            Err(_) => return Fault::deadline("the directory").into(),
        };
        self.address(&target);
        if let Err(fault) = self.admit_name().await {
            return fault.into();
        }
        let (reply, reached) = match self.inward().await {
            Inward::Stopped(reply, reached) => (reply, reached),
            Inward::Passed => (self.ask(&target).await.unwrap_or_else(Reply::from), self.chain.stages.len()),
        };
        let reply = self.outward(reply, reached).await;
        let reply = self.fulfilled(reply);
        if self.call.method == Method::TOOLS_LIST
            && let Some(result) = reply.result()
        {
            directory.listed(&self.call, &result);
        }
        reply
    }

    /// Room 4's finding goes into the call: from here on, names and params are the server's.
    fn address(&mut self, target: &Target) {
        self.change(|call| {
            call.server.clone_from(&target.server);
            call.native_name.clone_from(&target.native_name);
            if let Some(params) = &target.params {
                call.params = Some(params.clone());
            }
            if let Some(timeout) = target.call_timeout {
                call.deadline = call.deadline.within(timeout);
            }
        });
    }

    /// Between hooks nobody but the record holds the call; it lets go for the moment, so that nothing is copied.
    fn change(&mut self, change: impl FnOnce(&mut Call)) {
        self.trail.let_go();
        change(Arc::make_mut(&mut self.call));
        self.trail.follow(&self.call);
    }

    /// Room 5, in manifest order. Says how many stages had their turn.
    async fn inward(&mut self) -> Inward {
        for (position, placed) in self.chain.stages.iter().enumerate() {
            if !self.asks(placed, Hook::Call) {
                continue;
            }
            let started = Instant::now();
            let done = match placed.stage.judge_call(&self.call).await {
                Ok(done) => done,
                Err(fault) => match self.stumbled(placed, Hook::Call, &fault, started) {
                    Some(failed) => return Inward::Stopped(failed.into(), position),
                    None => continue,
                },
            };
            let step = Step::of(placed, Hook::Call, started).at(done.effects.cost);
            match done.verdict {
                CallVerdict::Pass => {
                    if let Err(refusal) = self.commit(placed, done.effects, step) {
                        return Inward::Stopped(self.refused(*refusal), position);
                    }
                }
                CallVerdict::Answer(result) => {
                    self.commit_but_edits(placed, done.effects, step.word("answer"));
                    return Inward::Stopped(Reply::from_stage(result), position);
                }
                CallVerdict::Refuse(refusal) => {
                    self.commit_but_edits(placed, done.effects, step.refuse(&refusal));
                    return Inward::Stopped(self.refused(refusal), position);
                }
            }
        }
        let stop = match self.confirmed().await {
            Ok(()) => self.hopeless(),
            Err(reply) => Some(reply),
        };
        stop.map_or(Inward::Passed, |reply| Inward::Stopped(reply, self.chain.stages.len()))
    }

    /// Rooms 6 and 7: chooses an endpoint and asks it.
    async fn ask(&mut self, target: &Target) -> Result<Reply, Fault> {
        let endpoint = self.choose(&target.endpoints).await?;
        self.trail.intend().await?;
        if !self.subscribes() {
            return self.exchange(endpoint).await;
        }
        let outlet = self.outlet;
        // A subscription that its server does not end, the client's door ends by reading no further.
        tokio::select! {
            biased;
            reply = self.exchange(endpoint) => reply,
            () = outlet.closed() => Ok(Reply::from_house(r#"{"resultType":"complete"}"#)),
        }
    }

    fn subscribes(&self) -> bool {
        self.call.method == Method::SUBSCRIPTIONS_LISTEN
    }

    /// Room 6. With one endpoint and no stage to ask, nothing happens.
    async fn choose<'t>(&mut self, endpoints: &'t [Endpoint]) -> Result<&'t Endpoint, Fault> {
        let router = self.chain.stages.iter().find(|placed| self.asks(placed, Hook::Route));
        if let Some(placed) = router {
            let candidates: Vec<Candidate> = endpoints.iter().map(Endpoint::candidate).collect();
            let started = Instant::now();
            match placed.stage.choose(&self.call, &candidates).await {
                Ok(done) => {
                    let step = Step::of(placed, Hook::Route, started).at(done.effects.cost).word("choose");
                    self.commit_but_edits(placed, done.effects, step);
                    let first = done.verdict.order.iter().find_map(|id| endpoints.iter().find(|e| e.facts.id == *id));
                    return first.ok_or_else(|| no_endpoint(placed.stage.name()));
                }
                Err(fault) => {
                    if let Some(failed) = self.stumbled(placed, Hook::Route, &fault, started) {
                        return Err(failed);
                    }
                }
            }
        }
        let healthy = || endpoints.iter().find(|endpoint| endpoint.upstream.load().healthy);
        let chosen = if endpoints.len() > 1 { healthy() } else { None };
        chosen.or_else(|| endpoints.first()).ok_or_else(|| no_endpoint("the registry"))
    }

    /// Room 8, in reverse order, for the stages whose turn came. Lists are thinned out first: what a subject may not see
    /// is not shown to content stages as if it had been.
    async fn outward(&mut self, reply: Reply, reached: usize) -> Reply {
        let reply = if self.is_read(reached) { self.checked(reply) } else { reply };
        let reply = self.admit_page(reply).await;
        let mut reply = Arc::new(self.thinned(reply).await);
        for placed in self.chain.stages[..reached].iter().rev() {
            reply = self.redacted_reply(placed, reply);
            if !self.asks(placed, Hook::Reply) {
                continue;
            }
            let started = Instant::now();
            match placed.stage.judge_reply(&self.call, &reply).await {
                Ok(mut done) => {
                    let step = Step::of(placed, Hook::Reply, started).at(done.effects.cost);
                    let edited = done.effects.reply.take();
                    match done.verdict {
                        ReplyVerdict::Pass => {
                            self.commit_but_edits(placed, done.effects, step);
                            if let Some(document) = edited {
                                reply = Arc::new(Arc::unwrap_or_clone(reply).with_document(document));
                            }
                        }
                        ReplyVerdict::Refuse(refusal) => {
                            self.commit_but_edits(placed, done.effects, step.refuse(&refusal));
                            reply = Arc::new(self.refused(refusal));
                        }
                    }
                }
                Err(fault) => {
                    if let Some(failed) = self.stumbled(placed, Hook::Reply, &fault, started) {
                        reply = Arc::new(failed.into());
                    }
                }
            }
        }
        Arc::unwrap_or_clone(reply)
    }

    /// Whether a stage is going to read the reply, or the house is going to edit it.
    fn is_read(&self, reached: usize) -> bool {
        let thins = |placed| self.asks(placed, Hook::List) || placed.stage.hooks().has(Hook::Catalog);
        self.redacts_reply()
            || self.chain.stages[..reached].iter().any(|placed| self.asks(placed, Hook::Reply))
            || (self.call.method.is_list() && self.chain.stages.iter().any(thins))
    }

    /// A server's reply was taken by its envelope alone. Before a stage judges what is inside, the whole of it must be
    /// JSON that two parsers read alike: a duplicate key would show the stage one value and the client another.
    fn checked(&self, reply: Reply) -> Reply {
        match (&reply.answer, json::check(&reply.document(&self.call.method, self.call.name.as_deref()))) {
            (Answer::Message(_), Err(fault)) => ambiguous(&fault).into(),
            _ => reply,
        }
    }

    /// `on-list`: asks every stage that has it about the items of a list result.
    async fn thinned(&mut self, reply: Reply) -> Reply {
        let Some(kind) = ItemKind::of_method(&self.call.method) else {
            return reply;
        };
        if !self.chain.stages.iter().any(|placed| self.asks(placed, Hook::List)) {
            return reply;
        }
        let Some(result) = reply.result() else { return reply };
        let Some(listing) = Listing::read(&self.call, kind, result) else {
            return unreadable_list(kind).into();
        };
        let mut keep = vec![true; listing.items.len()];
        let listing = Arc::new(listing);
        for placed in &self.chain.stages {
            if !self.asks(placed, Hook::List) {
                continue;
            }
            if let Err(fault) = self.keep(placed, &listing, &mut keep).await {
                return fault.into();
            }
        }
        reply.with_document(listing.retain(&keep))
    }

    async fn keep(&mut self, placed: &Placed, listing: &Arc<Listing>, keep: &mut [bool]) -> Result<(), Fault> {
        let started = Instant::now();
        let (mut answers, mut cost) = (Vec::with_capacity(keep.len()), Cost::default());
        for batch in Listing::batches(listing, LIST_BATCH) {
            match placed.stage.keep(&self.call, &batch).await {
                Ok(done) if done.verdict.len() == batch.items.len() => {
                    cost.add(&done.effects.cost);
                    answers.extend(done.verdict);
                }
                Ok(done) => {
                    let (given, wanted) = (done.verdict.len(), batch.items.len());
                    let fault = HookFault::bad_answer(format!("{given} answers for {wanted} items"));
                    return self.stumbled(placed, Hook::List, &fault, started).map_or(Ok(()), Err);
                }
                Err(fault) => return self.stumbled(placed, Hook::List, &fault, started).map_or(Ok(()), Err),
            }
        }
        keep.iter_mut().zip(answers).for_each(|(kept, answer)| *kept &= answer);
        self.trail.step(Step::of(placed, Hook::List, started).at(cost).word("keep"));
        Ok(())
    }

    fn commit(&mut self, placed: &Placed, mut effects: Effects, mut step: Step) -> Result<(), Box<Refusal>> {
        step.edited = std::mem::take(&mut effects.edited);
        if let Some(params) = effects.params.take() {
            self.change(|call| call.params = Some(params));
        }
        let conditions = std::mem::take(&mut effects.conditions);
        self.commit_but_edits(placed, effects, step);
        self.oblige(placed, conditions)
    }

    fn commit_but_edits(&mut self, placed: &Placed, effects: Effects, step: Step) {
        self.trail.step(step);
        self.keep_effects(placed, effects);
    }

    fn keep_effects(&mut self, placed: &Placed, mut effects: Effects) {
        self.trail.commit(placed.stage.name(), &mut effects);
        self.held.append(&mut effects.held);
        if !effects.scratch.is_empty() {
            self.change(|call| call.scratch.commit(placed.stage.name(), effects.scratch));
        }
        if !effects.fulfilled.is_empty() {
            self.change(|call| call.duties.close_of_stages(&effects.fulfilled));
        }
    }

    /// Whether a stage is to be asked: it has the hook, this call is one of its, and it has not dropped out of it.
    fn asks(&self, placed: &Placed, hook: Hook) -> bool {
        placed.stage.hooks().has(hook)
            && placed.matcher.call(&self.call)
            && !self.aside.iter().any(|name| name == placed.stage.name())
    }

    /// A hook failed: the fault that ends the call, or none if the manifest says that it goes on.
    fn stumbled(&mut self, placed: &Placed, hook: Hook, fault: &HookFault, started: Instant) -> Option<Fault> {
        let failed = placed.failed(hook, fault, &self.call.id);
        self.trail.step(Step::of(placed, hook, started).fault(fault));
        if placed.steps_aside() {
            self.aside.push(Arc::clone(placed.stage.name()));
        }
        (!placed.fails_open()).then_some(failed)
    }

    fn refused(&self, refusal: Refusal) -> Reply {
        match tool_result(&refusal, &self.call.method) {
            Some(result) => Reply::from_stage(Bytes::from(result)),
            None => Reply::refused(refusal),
        }
    }
}

enum Inward {
    Passed,
    /// With the number of stages before the one that stopped it.
    Stopped(Reply, usize),
}

fn superseded(generation: u64) -> Fault {
    Fault::new(
        Side::House,
        FaultKind::Superseded,
        "The gateway's rules have changed too often since the call began; try again",
        format!("its generation, {generation}, is older than those that are kept"),
    )
}
fn no_endpoint(who: &str) -> Fault {
    Fault::new(
        Side::House,
        FaultKind::Unreachable,
        "No endpoint of the server can take the call",
        format!("{who} left no endpoint to try"),
    )
}

fn ambiguous(fault: &JsonFault) -> Fault {
    let outside = "The server's reply is not sound JSON";
    Fault::new(Side::Server, FaultKind::BadReply, outside, format!("the reply's result or error: {fault}"))
}

fn unreadable_list(kind: ItemKind) -> Fault {
    Fault::new(
        Side::Server,
        FaultKind::BadReply,
        "The server's list cannot be read",
        format!("result has no array `{}` to filter", kind.member()),
    )
}
