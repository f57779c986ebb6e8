//! One client connection: HTTP/1.1, kept open, one call at a time, every answer checked.

use bytes::Bytes;
use http::{StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::Outcome;
use crate::question::Question;

/// A connection to the server of a URL.
pub(crate) struct Connection {
    url: Uri,
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    /// Connects; the connection lives as long as this value.
    pub(crate) async fn open(url: &Uri) -> Outcome<Self> {
        let authority = url.authority().ok_or("the URL to call has no host")?;
        let stream = TcpStream::connect((authority.host(), authority.port_u16().unwrap_or(80))).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { url: url.clone(), sender })
    }

    /// Makes one call and checks that the answer is its own, which comes back.
    pub(crate) async fn call(&mut self, question: Question) -> Outcome<Bytes> {
        self.sender.ready().await?;
        let answer = self.sender.send_request(question.request(&self.url)?).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        let text = String::from_utf8_lossy(&body);
        if status != StatusCode::OK || !text.contains(&question.nonce) {
            return Err(format!("{} answered {status}: {text}", self.url).into());
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Empty;

    use super::*;
    use crate::question::number;
    use crate::serve::{Answer, spawn};

    #[tokio::test]
    async fn an_answer_without_the_nonce_is_an_error() {
        let empty = |_| async { Answer::new(Empty::new().map_err(|never| match never {}).boxed()) };
        let url = format!("http://{}/mcp", spawn(empty).await).parse().unwrap();
        let complaint = Connection::open(&url).await.unwrap().call(number(1)).await.unwrap_err();
        assert!(complaint.to_string().contains("200"), "{complaint}");
    }
}
