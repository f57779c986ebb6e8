//! An HTTP/1.1 client over a bare socket: it writes what it is given, however wrong.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything a test waits for; a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection.
pub(crate) struct Conn {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An HTTP response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Conn {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), buffer: Vec::new() }
    }

    /// Writes and reads one whole response.
    pub(crate) async fn exchange(&mut self, request: &str) -> Reply {
        self.write(request).await;
        self.reply().await
    }

    pub(crate) async fn write(&mut self, bytes: &str) {
        // A server that has enough may close while we still write.
        let _ = self.stream.write_all(bytes.as_bytes()).await;
    }

    /// One whole response.
    pub(crate) async fn reply(&mut self) -> Reply {
        let mut reply = self.head().await;
        if reply.header("transfer-encoding").is_some() {
            while let Some(chunk) = self.chunk().await {
                reply.body += &chunk;
            }
        } else {
            let length = reply.header("content-length").map_or(0, |length| length.parse().unwrap());
            while self.buffer.len() < length {
                assert!(self.more().await, "the connection ended within a body");
            }
            reply.body = String::from_utf8(self.buffer.drain(..length).collect()).unwrap();
        }
        reply
    }

    /// The head of a response; its body is still to come.
    pub(crate) async fn head(&mut self) -> Reply {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            assert!(self.more().await, "the connection ended before a response");
        };
        let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap()).map(|(k, v)| (k.to_lowercase(), v.to_owned()));
        Reply { status, headers: headers.collect(), body: String::new() }
    }

    /// The next chunk of a chunked body; none at its end.
    pub(crate) async fn chunk(&mut self) -> Option<String> {
        let line_end = loop {
            if let Some(at) = self.buffer.windows(2).position(|window| window == b"\r\n") {
                break at;
            }
            assert!(self.more().await, "the connection ended within a stream");
        };
        let size = usize::from_str_radix(std::str::from_utf8(&self.buffer[..line_end]).unwrap(), 16).unwrap();
        while self.buffer.len() < line_end + 2 + size + 2 {
            assert!(self.more().await, "the connection ended within a chunk");
        }
        self.buffer.drain(..line_end + 2);
        let chunk = String::from_utf8(self.buffer.drain(..size).collect()).unwrap();
        self.buffer.drain(..2);
        (size > 0).then_some(chunk)
    }

    /// The messages of the rest of an event stream.
    pub(crate) async fn reply_events(&mut self) -> Vec<Value> {
        let mut rest = Reply { status: 200, headers: Vec::new(), body: String::new() };
        while let Some(chunk) = self.chunk().await {
            rest.body += &chunk;
        }
        rest.events()
    }

    /// True once the server has closed the connection without another byte.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.more().await
    }

    async fn more(&mut self) -> bool {
        let mut bytes = [0; 4096];
        // A connection that is reset has ended as well.
        let count = timeout(PATIENCE, self.stream.read(&mut bytes)).await.expect("the server is silent").unwrap_or(0);
        self.buffer.extend_from_slice(&bytes[..count]);
        count > 0
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The JSON-RPC error code; 0 if there is none.
    pub(crate) fn code(&self) -> i64 {
        self.json()["error"]["code"].as_i64().unwrap_or_default()
    }

    /// The messages of an event stream.
    pub(crate) fn events(&self) -> Vec<Value> {
        let data = self.body.lines().filter_map(|line| line.strip_prefix("data: "));
        data.filter(|data| !data.is_empty()).map(|data| serde_json::from_str(data).unwrap()).collect()
    }
}
