//! The other side of the operator's door: asks a gateway that runs.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// From the connection to the last byte: longer than the door itself waits for anything.
const PATIENCE: Duration = Duration::from_secs(15);
/// What is read of an answer.
const MOST_BYTES: usize = 16 << 20;

/// Asks the admin listener at an address. The error is a sentence for people.
pub async fn ask(
    address: SocketAddr,
    token: Option<&str>,
    method: Method,
    path: &str,
) -> Result<(StatusCode, Value), String> {
    match timeout(PATIENCE, exchange(address, token, method, path)).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("the gateway at {address} did not answer within {PATIENCE:?}")),
    }
}

async fn exchange(
    address: SocketAddr,
    token: Option<&str>,
    method: Method,
    path: &str,
) -> Result<(StatusCode, Value), String> {
    let stream =
        TcpStream::connect(address).await.map_err(|error| format!("no gateway answers at {address}: {error}"))?;
    let broken = |error: hyper::Error| format!("the connection to the gateway at {address} broke: {error}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let request = request(address, token, method, path)?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MOST_BYTES).collect().await;
        let body = body.map_err(|error| format!("the answer of the gateway at {address} cannot be read: {error}"))?;
        let value = serde_json::from_slice(&body.to_bytes());
        Ok((status, value.map_err(|_| format!("what answers at {address} is no admin listener of a gateway"))?))
    };
    let (answer, _) = tokio::join!(answer, connection);
    answer
}

fn request(
    address: SocketAddr,
    token: Option<&str>,
    method: Method,
    path: &str,
) -> Result<Request<Empty<Bytes>>, String> {
    let mut request = Request::builder().method(method).uri(path).header(HOST, address.to_string());
    if let Some(token) = token {
        let mut value = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| "the token has characters that no header can have".to_owned())?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    request.body(Empty::new()).map_err(|error| format!("the request cannot be made: {error}"))
}
