//! The parts of the path of every call that have no wasm in them, done so many times, for a tool that counts instructions:
//! `cargo xtask instructions` runs it under valgrind twice and takes the difference.

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use cardea_chain::{
    Call, CallVerdict, Chain, Done, Effects, Hook, HookFuture, Hooks, Matcher, OnError, Outlet, Placed, Record,
    Recorder, Reply, ReplyVerdict, Role, Stage,
};
use cardea_hotpath::call;
use cardea_message::{Envelope, Message, Meta};
use cardea_observe::{Keep, Watch};
use futures_util::future::{BoxFuture, ready};

const BODY: usize = 1 << 10;
const STAGES: usize = 8;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let rounds = words.get(1).and_then(|number| number.parse().ok());
    match (words.first().map(String::as_str), rounds) {
        (Some("read"), Some(rounds)) => read(rounds),
        (Some("walk"), Some(rounds)) => walk(rounds, chain()),
        (Some("walk-watched"), Some(rounds)) => {
            let keep = Keep { calls: 1000, bytes: 4 << 20 };
            walk(rounds, chain().watched_by(Arc::new(Watch::new(keep))));
        }
        _ => {
            eprintln!("usage: cardea-hotpath read|walk|walk-watched ROUNDS");
            return ExitCode::from(64);
        }
    }
    ExitCode::SUCCESS
}

/// A request body as it comes in: checked, taken apart, its envelope read.
fn read(rounds: u32) {
    let params = call(BODY);
    let params = String::from_utf8_lossy(params.params()).replacen(
        '{',
        r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}},"#,
        1,
    );
    let text = Bytes::from(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#));
    for _ in 0..rounds {
        let message = Message::parse(black_box(text.clone()));
        if let Ok(Message::Request(request)) = &message {
            let meta = Meta::of(request.params().as_ref());
            drop(black_box(Envelope::of(&meta)));
        }
        drop(black_box(message));
    }
}

/// A call through the corridor: eight stages that pass it both ways, and a server that answers at once.
fn walk(rounds: u32, chain: Chain) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let Ok(runtime) = runtime else { return };
    let call = call(BODY);
    runtime.block_on(async {
        let (outlet, _notes) = Outlet::new(1);
        for _ in 0..rounds {
            // As the door does it: each call is its own.
            let call = Arc::new(Call::clone(&call));
            drop(black_box(chain.walk(call, Vec::new(), &outlet).await));
        }
    });
}

fn chain() -> Chain {
    let placed = |number| Placed {
        stage: Arc::new(Passes(format!("stage-{number}").into())),
        matcher: Matcher::default(),
        on_error: OnError::Refuse,
    };
    Chain::new((0..STAGES).map(placed).collect(), 1, Arc::new(Nobody))
}

/// A stage that passes everything.
struct Passes(Arc<str>);

impl Stage for Passes {
    fn name(&self) -> &Arc<str> {
        &self.0
    }

    fn role(&self) -> Role {
        Role::Content
    }

    fn hooks(&self) -> Hooks {
        [Hook::Call, Hook::Reply].into_iter().collect()
    }

    fn judge_call<'a>(&'a self, _: &'a Arc<Call>) -> HookFuture<'a, CallVerdict> {
        passed(CallVerdict::Pass)
    }

    fn judge_reply<'a>(&'a self, _: &'a Arc<Call>, _: &'a Arc<Reply>) -> HookFuture<'a, ReplyVerdict> {
        passed(ReplyVerdict::Pass)
    }
}

fn passed<'a, T: Send + 'a>(verdict: T) -> HookFuture<'a, T> {
    Box::pin(ready(Ok(Done { verdict, effects: Effects::default() })))
}

struct Nobody;

impl Recorder for Nobody {
    fn record(&self, _: Box<Record>) -> BoxFuture<'_, ()> {
        Box::pin(ready(()))
    }

    fn record_now(&self, _: Box<Record>) {}
}
