//! Standard input and output as a front door: one message a line, one client, both protocols. Who the client is, is not asked:
//! whoever started the gateway so has said it.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use cardea_chain::Subject;
use cardea_message::{Message, Method, ParseFault, Request, compose};
use http::{HeaderMap, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::codec::{AnyDelimiterCodec, AnyDelimiterCodecError, Decoder};
use tokio_util::sync::CancellationToken;

use crate::conversation::Conversation;
use crate::era::{self, Path};
use crate::errands::Errands;
use crate::front::{Front, Posted};
use crate::line::Line;
use crate::respond::Rejection;
use crate::sse::on_one_line;
use crate::visit::Visit;
use crate::{Generation, Limits, Settings, ids, legacy};

/// Bytes that are read or written at a time.
const CHUNK: usize = 16 << 10;
/// How long the client has to read what was said last.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Whom a pair of pipes serves, and with what.
#[derive(Clone, Debug)]
pub struct Stdio {
    /// Path of the endpoint that the client reaches.
    pub endpoint: Arc<str>,
    /// Who calls.
    pub subject: Subject,
    /// How much of everything.
    pub limits: Limits,
}

/// Serves one client until its input ends and everything it asked for is answered, for at most [`Limits::drain`]; or until it
/// no longer reads; or until `shutdown`, which does not wait for anything.
pub async fn serve<R, W>(
    input: R,
    output: W,
    stdio: Stdio,
    generation: Arc<ArcSwap<Generation>>,
    shutdown: CancellationToken,
) where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let drain = stdio.limits.drain;
    let (line, said) = Line::new();
    let (deaf, done) = (CancellationToken::new(), CancellationToken::new());
    let writing = tokio::spawn(write(output, said, deaf.clone(), done.clone()));
    let client = Client::new(stdio, generation, line);
    let over = async {
        client.read(input).await;
        tracing::info!("the input ended: finishing what is under way");
        if timeout(drain, client.answered()).await.is_err() {
            tracing::warn!("the drain deadline passed; what still runs is cut");
        }
    };
    tokio::select! {
        () = over => {}
        () = deaf.cancelled() => tracing::info!("the output is closed: nobody hears what is answered"),
        () = shutdown.cancelled() => {}
    }
    client.end().await;
    done.cancel();
    if timeout(LAST_WORDS, writing).await.is_err() {
        tracing::debug!("the client does not read the last words");
    }
}

/// The one client.
struct Client {
    front: Arc<Front>,
    conversation: Arc<Conversation>,
    errands: Errands,
    line: Line,
    endpoint: Arc<str>,
    subject: Arc<Subject>,
}

impl Client {
    fn new(stdio: Stdio, generation: Arc<ArcSwap<Generation>>, line: Line) -> Self {
        let settings = Settings { limits: stdio.limits, ..Settings::default() };
        Self {
            front: Front::inside(settings, generation),
            conversation: Conversation::new(line.clone()),
            errands: Errands::new(line.clone()),
            line,
            endpoint: stdio.endpoint,
            subject: Arc::new(stdio.subject),
        }
    }

    /// Takes message after message, to the end of the input.
    async fn read(&self, mut input: impl AsyncRead + Unpin) {
        let longest = self.front.settings.limits.max_body;
        let mut lines = AnyDelimiterCodec::new_with_max_length(vec![b'\n'], Vec::new(), longest);
        let mut buffer = BytesMut::with_capacity(CHUNK);
        let mut over = false;
        loop {
            let line = if over { lines.decode_eof(&mut buffer) } else { lines.decode(&mut buffer) };
            match line {
                Ok(Some(line)) => self.take(line).await,
                Err(AnyDelimiterCodecError::MaxChunkLengthExceeded) => {
                    let message = format!("A message is longer than {longest} bytes");
                    self.refuse(None, Rejection::invalid(StatusCode::PAYLOAD_TOO_LARGE, message)).await;
                }
                Ok(None) if over => return,
                Ok(None) => over = !matches!(input.read_buf(&mut buffer).await, Ok(1..)),
                Err(AnyDelimiterCodecError::Io(_)) => return,
            }
        }
    }

    async fn take(&self, text: Bytes) {
        if text.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        let posted = match self.front.posted(text) {
            Ok(posted) => posted,
            Err(rejection) => return self.refuse(None, rejection).await,
        };
        let id = posted.request_id().cloned();
        if let Err(rejection) = self.dispatch(posted).await {
            self.refuse(id.as_ref(), rejection).await;
        }
    }

    async fn dispatch(&self, posted: Posted) -> Result<(), Box<Rejection>> {
        let visit = Arc::new(self.visit()?);
        match posted.message {
            Ok(Message::Request(ref request)) if is_modern(request, &posted) => {
                self.errands.run(&self.front, &visit, posted)
            }
            Ok(Message::Notification(ref notification))
                if legacy::cancelled(notification).is_some_and(|id| self.errands.cancel(&id)) =>
            {
                Ok(())
            }
            Ok(message) => {
                self.conversation.take(&self.front, &visit, message, &posted.share).await;
                Ok(())
            }
            Err(ParseFault::Batch) => self.conversation.take_batch(&self.front, &visit, &posted.text, &posted.share),
            Err(fault) => Err(Rejection::new(StatusCode::BAD_REQUEST, fault.code(), fault.message())),
        }
    }

    /// What an HTTP exchange would know: here, nothing but who calls.
    fn visit(&self) -> Result<Visit, Box<Rejection>> {
        let generation = self.front.generation();
        let directory = generation.endpoints.get(&self.endpoint).map(Arc::clone);
        let directory = directory.ok_or_else(|| {
            Rejection::invalid(StatusCode::NOT_FOUND, format!("The endpoint {} is no longer served", self.endpoint))
        })?;
        Ok(Visit {
            id: ids::fresh(),
            generation,
            endpoint: Arc::clone(&self.endpoint),
            directory,
            headers: Arc::new(HeaderMap::new()),
            subject: Arc::clone(&self.subject),
            admitted: Vec::new(),
            received: SystemTime::now(),
        })
    }

    async fn refuse(&self, id: Option<&cardea_message::Id>, rejection: Box<Rejection>) {
        tracing::debug!("rejected: {rejection}");
        self.line.say(vec![compose::error(id, &rejection.into_error())]).await;
    }

    /// Waits until everything that can be answered is. A subscription has no end of its own and ends here.
    async fn answered(&self) {
        self.errands.answered().await;
        self.conversation.answered().await;
    }

    /// Cancels what still runs, and waits until it has let go.
    async fn end(&self) {
        self.errands.end().await;
        self.conversation.end(&self.front);
        self.front.cut.cancel();
        self.front.walks.close();
        self.front.walks.wait().await;
    }
}

/// A request says by its `_meta` that it is modern, and by its method where legacy clients have none of that name.
fn is_modern(request: &Request, posted: &Posted) -> bool {
    let claimed = posted.envelope.as_ref().ok().and_then(|envelope| envelope.version.as_deref());
    era::path(None, claimed) != Path::Legacy
        || [Method::SERVER_DISCOVER, Method::SUBSCRIPTIONS_LISTEN].contains(&request.method)
}

/// Writes message after message, each on a line of its own, until `done`, or until nobody reads: then it tells `deaf`.
async fn write(
    output: impl AsyncWrite + Unpin,
    mut said: mpsc::Receiver<Vec<Bytes>>,
    deaf: CancellationToken,
    done: CancellationToken,
) {
    let mut output = BufWriter::with_capacity(CHUNK, output);
    loop {
        let message = tokio::select! {
            biased;
            message = said.recv() => message,
            // What was said by now is still written.
            () = done.cancelled(), if !said.is_closed() => {
                said.close();
                continue;
            }
        };
        let Some(message) = message else { return };
        let written = async {
            for piece in message {
                output.write_all(&on_one_line(piece)).await?;
            }
            output.write_all(b"\n").await?;
            if said.is_empty() { output.flush().await } else { Ok::<(), io::Error>(()) }
        };
        if written.await.is_err() {
            deaf.cancel();
            return;
        }
    }
}
