//! Room 7: the exchange with a server, and the stages that watch what passes before its end.

use std::sync::Arc;

use bytes::Bytes;
use cardea_message::{Message, Notification, Splice, json};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, timeout_at};

use super::{Walk, ambiguous};
use crate::{
    Answered, Ask, Deadline, Endpoint, Event, Exchange, Fault, FaultKind, Hook, HookFault, MessageVerdict, Passing,
    PassingKind, Placed, Reply, Side, Step,
};

/// Steps about what passed before the end that one record holds; a stream may go on for days.
const MOST_TOLD: usize = 64;

/// Asks that were put to the client: each comes out with its answer, or with none if nobody is going to give one.
type Asked = FuturesUnordered<BoxFuture<'static, (Ask, Option<Answered>)>>;

/// What the stages say of what passes.
enum Judged {
    /// Deliver it, edited or not.
    Deliver(Option<Bytes>),
    Drop,
    /// Answer in the client's place.
    Answer(Bytes),
    /// Stop the call with this.
    Refuse(Reply),
}

impl Walk<'_> {
    /// Opens the exchange, lets notifications and asks out, waits for the end. The deadline of a subscription is for its
    /// acknowledgement; from there on it lasts as long as both sides do.
    pub(super) async fn exchange(&mut self, endpoint: &Endpoint) -> Result<Reply, Fault> {
        let mut deadline = self.call.deadline;
        let whom = &endpoint.facts.id;
        let opened = timeout_at(deadline.at(), endpoint.upstream.open(&self.call)).await;
        let mut events = match opened.map_err(|_| Fault::deadline(whom))?? {
            Exchange::Ended(response) => return Ok(Reply::from_server(response)),
            Exchange::Composed(result) => return Ok(Reply::from_house(result)),
            Exchange::Open(events) => events,
        };
        let mut asked = Asked::new();
        loop {
            let event = tokio::select! {
                biased;
                Some((ask, answered)) = asked.next(), if !asked.is_empty() => {
                    if let Some(refused) = self.bring_back(ask, answered).await? {
                        return Ok(refused);
                    }
                    continue;
                }
                event = timeout_at(deadline.at(), events.next()) => event.map_err(|_| Fault::deadline(whom))?,
            };
            let refused = match event {
                Some(Ok(Event::Notification(notification))) => {
                    if self.subscribes() {
                        deadline.lift();
                    } else {
                        deadline.extend();
                    }
                    self.let_out(notification).await?
                }
                Some(Ok(Event::Ask(ask))) => self.put(ask, &mut deadline, &mut asked).await?,
                Some(Ok(Event::End(response))) => return Ok(Reply::from_server(response)),
                Some(Err(fault)) => return Err(fault),
                None => return Err(ended_early(whom)),
            };
            if let Some(refused) = refused {
                return Ok(refused);
            }
        }
    }

    /// A notification goes to the client, if no stage holds it back.
    async fn let_out(&mut self, notification: Notification) -> Result<Option<Reply>, Fault> {
        if !self.is_watched() {
            self.outlet.send(notification).await;
            return Ok(None);
        }
        let document = notification.params().unwrap_or_else(|| Bytes::from_static(b"{}"));
        match self.judge_passing(PassingKind::Notification, document).await? {
            Judged::Deliver(None) => self.outlet.send(notification).await,
            Judged::Deliver(Some(params)) => self.outlet.send(with_params(notification, params)?).await,
            Judged::Drop | Judged::Answer(_) => {}
            Judged::Refuse(reply) => return Ok(Some(reply)),
        }
        Ok(None)
    }

    /// An ask goes to the client, if no stage answers or refuses it. Its answer comes back through `asked`, so that it is
    /// watched too.
    async fn put(&mut self, ask: Ask, deadline: &mut Deadline, asked: &mut Asked) -> Result<Option<Reply>, Fault> {
        if !self.is_watched() {
            match self.outlet.ask(ask).await {
                true => deadline.hold(),
                false => deadline.extend(),
            }
            return Ok(None);
        }
        let document = ask.params.clone().unwrap_or_else(|| Bytes::from_static(b"{}"));
        match self.judge_passing(PassingKind::Ask, document).await? {
            Judged::Deliver(edited) => {
                let (relayed, answered) = ask.relayed(edited.or_else(|| ask.params.clone()));
                if self.outlet.ask(relayed).await {
                    deadline.hold();
                    asked.push(waited_for(ask, answered).boxed());
                } else {
                    deadline.extend();
                }
            }
            Judged::Answer(result) => {
                ask.answer(Ok(result));
                deadline.extend();
            }
            Judged::Drop => {}
            Judged::Refuse(reply) => return Ok(Some(reply)),
        }
        Ok(None)
    }

    /// A client's answer goes to the server, if no stage refuses it. One that is an error says nothing of the client's.
    async fn bring_back(&mut self, ask: Ask, answered: Option<Answered>) -> Result<Option<Reply>, Fault> {
        let result = match answered {
            Some(Ok(result)) => result,
            Some(Err(error)) => {
                ask.answer(Err(error));
                return Ok(None);
            }
            // Dropped, it is refused.
            None => return Ok(None),
        };
        match self.judge_passing(PassingKind::Answer, result.clone()).await? {
            Judged::Deliver(edited) => ask.answer(Ok(edited.unwrap_or(result))),
            Judged::Drop | Judged::Answer(_) => {}
            Judged::Refuse(reply) => return Ok(Some(reply)),
        }
        Ok(None)
    }

    fn is_watched(&self) -> bool {
        self.chain.stages.iter().any(|placed| self.asks(placed, Hook::Message))
    }

    /// Asks every stage that watches: what comes from the server in the order of replies, what goes to it in that of calls.
    async fn judge_passing(&mut self, kind: PassingKind, document: Bytes) -> Result<Judged, Fault> {
        json::check(&document).map_err(|fault| ambiguous(&fault))?;
        let chain = self.chain;
        let mut stages: Vec<&Placed> = chain.stages.iter().collect();
        if kind != PassingKind::Answer {
            stages.reverse();
        }
        let mut passing = Arc::new(Passing { kind, document });
        let mut is_edited = false;
        for placed in stages {
            if !self.asks(placed, Hook::Message) {
                continue;
            }
            let started = Instant::now();
            let judged = placed.stage.judge_message(&self.call, &passing).await.and_then(|done| {
                let word = done.verdict.as_str();
                if done.verdict.fits(kind) {
                    Ok(done)
                } else {
                    Err(HookFault::bad_answer(format!("`{word}` for {kind:?}")))
                }
            });
            let mut done = match judged {
                Ok(done) => done,
                Err(fault) => match self.stumbled(placed, Hook::Message, &fault, started) {
                    Some(failed) => return Err(failed),
                    None => continue,
                },
            };
            let edited = done.effects.reply.take();
            let mut step = Step::of(placed, Hook::Message, started).at(done.effects.cost).word(done.verdict.as_str());
            if let MessageVerdict::Refuse(refusal) = &done.verdict {
                step = step.refuse(refusal);
            }
            step.edited = std::mem::take(&mut done.effects.edited);
            self.tell(step);
            self.keep_effects(placed, done.effects);
            match done.verdict {
                MessageVerdict::Pass => {
                    if let Some(document) = edited {
                        passing = Arc::new(Passing { kind, document });
                        is_edited = true;
                    }
                }
                MessageVerdict::Drop => return Ok(Judged::Drop),
                MessageVerdict::Answer(result) => return Ok(Judged::Answer(result)),
                MessageVerdict::Refuse(refusal) => return Ok(Judged::Refuse(self.refused(refusal))),
            }
        }
        Ok(Judged::Deliver(is_edited.then(|| passing.document.clone())))
    }

    /// Into the record goes what a stage did, not that it looked.
    fn tell(&mut self, step: Step) {
        let is_told = step.verdict != MessageVerdict::Pass.as_str() || !step.edited.is_empty();
        if is_told && self.told < MOST_TOLD {
            self.told += 1;
            self.trail.step(step);
        }
    }
}

/// Waits for the answer to an ask that the client has, for as long as the server does.
async fn waited_for(mut ask: Ask, answered: tokio::sync::oneshot::Receiver<Answered>) -> (Ask, Option<Answered>) {
    let answered = tokio::select! {
        answered = answered => answered.ok(),
        () = ask.withdrawn() => None,
    };
    (ask, answered)
}

fn with_params(notification: Notification, params: Bytes) -> Result<Notification, Fault> {
    let Some(span) = notification.params_span() else { return Ok(notification) };
    let edited = Splice::new(notification.bytes().clone()).replace(span, params).into_bytes();
    match Message::parse_reply(edited) {
        Ok(Message::Notification(edited)) => Ok(edited),
        _ => Err(Fault::new(
            Side::Stage,
            FaultKind::StageFailed,
            "A message could not be processed",
            "a stage's edit left something that is no notification",
        )),
    }
}

fn ended_early(whom: &str) -> Fault {
    Fault::new(
        Side::Server,
        FaultKind::Unreachable,
        "The server went away before it answered",
        format!("{whom} ended the exchange without a response"),
    )
}
