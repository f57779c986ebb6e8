//! The fake server over standard input and output: one message a line.

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, stdin, stdout};
use tokio::sync::mpsc;

use crate::message::{self, Message};
use crate::peer::Peer;
use crate::server::Server;

/// Serves until standard input ends.
pub(crate) async fn serve(server: Arc<Server>) -> Result<(), String> {
    let (outbox, mut lines_out) = mpsc::unbounded_channel::<String>();
    let writer = tokio::spawn(async move {
        let mut out = stdout();
        while let Some(line) = lines_out.recv().await {
            out.write_all(format!("{line}\n").as_bytes()).await?;
            out.flush().await?;
        }
        Ok::<(), std::io::Error>(())
    });
    let peer = Peer::new(outbox, &server.asks, None);
    let mut lines_in = BufReader::new(stdin()).lines();
    while let Some(line) = lines_in.next_line().await.map_err(|error| format!("cannot read: {error}"))? {
        if !server.options.mute {
            take(&server, &peer, &line);
        }
    }
    server.diary.note("input ended");
    writer.abort();
    Ok(())
}

fn take(server: &Arc<Server>, peer: &Peer, line: &str) {
    match Message::parse(line) {
        Err(complaint) => server.diary.note(&complaint),
        Ok(message) if message.method.is_none() => server.asks.answered(message),
        Ok(message) if message.id.is_none() => server.notified(&message),
        Ok(message) => run(server, peer, message),
    }
}

/// Runs a request beside the others.
fn run(server: &Arc<Server>, peer: &Peer, message: Message) {
    let Some(id) = message.id.clone() else { return };
    let (running, peer, key) = (Arc::clone(server), peer.clone(), id.get().to_owned());
    let ended = key.clone();
    let call = async move {
        let outcome = running.answer(&message, &peer).await;
        running.ended(&ended);
        peer.say(message::response(&id, &outcome));
    };
    drop(server.start(&key, || tokio::spawn(call)));
}
