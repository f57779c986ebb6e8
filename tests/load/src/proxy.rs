//! The bare proxy: hyper in, hyper out, bodies streamed, nothing read. What it adds to a call is the least that can be added here.

use std::sync::Arc;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::Outcome;
use crate::serve::{Answer, serve};

/// Serves until the process is ended.
pub(crate) async fn proxy(to: Uri) -> Outcome {
    let relay = Arc::new(Relay::new(to)?);
    serve(move |request| {
        let relay = Arc::clone(&relay);
        async move { relay.pass(request).await }
    })
    .await
}

/// Where requests go, and the connections that lead there.
pub(crate) struct Relay {
    to: Authority,
    client: Client<HttpConnector, Incoming>,
}

impl Relay {
    /// A relay to this server's host and port.
    pub(crate) fn new(to: Uri) -> Outcome<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let to = to.into_parts().authority.ok_or("the URL to pass requests to has no host")?;
        Ok(Self { to, client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    /// Passes one request on and its answer back.
    pub(crate) async fn pass(&self, mut request: Request<Incoming>) -> Answer {
        *request.uri_mut() = self.target(request.uri());
        match self.client.request(request).await {
            Ok(answer) => answer.map(BodyExt::boxed),
            Err(_) => {
                let mut answer = Answer::new(Empty::new().map_err(|never| match never {}).boxed());
                *answer.status_mut() = StatusCode::BAD_GATEWAY;
                answer
            }
        }
    }

    fn target(&self, asked: &Uri) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.to.clone());
        parts.path_and_query = Some(asked.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/")));
        // All three parts are there, which is all that can be wrong with them.
        Uri::from_parts(parts).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Connection;
    use crate::serve::spawn;
    use crate::{echo, question};

    async fn proxy_to(to: Uri) -> Uri {
        let relay = Arc::new(Relay::new(to).unwrap());
        let address = spawn(move |request| {
            let relay = Arc::clone(&relay);
            async move { relay.pass(request).await }
        })
        .await;
        format!("http://{address}/servers/echo/mcp").parse().unwrap()
    }

    #[tokio::test]
    async fn a_call_through_the_proxy_is_answered_by_the_server() {
        let echo = spawn(echo::answer).await;
        let url = proxy_to(format!("http://{echo}").parse().unwrap()).await;
        let mut connection = Connection::open(&url).await.unwrap();
        connection.call(question::number(1)).await.unwrap();
        connection.call(question::number(2)).await.unwrap();
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_a_bad_gateway() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let url = proxy_to(format!("http://{free}").parse().unwrap()).await;
        let complaint = Connection::open(&url).await.unwrap().call(question::number(1)).await.unwrap_err();
        assert!(complaint.to_string().contains("502"), "{complaint}");
    }
}
