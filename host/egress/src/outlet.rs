//! The way out: one for every set of addresses that may be reached.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use ipnet::IpNet;
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::time::timeout;

use crate::address::may_reach;
use crate::resolve::Checked;
use crate::{EgressError, EgressFault, Limits, Request, Resolve, Response, SystemResolver};

/// Longest time for one address to answer a connection attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection nobody uses is kept.
const IDLE: Duration = Duration::from_secs(30);

/// What all outlets share: TLS and the resolver.
pub struct Egress {
    tls: ClientConfig,
    resolver: Arc<dyn Resolve>,
    limits: Limits,
}

/// A way out, with connections of its own.
pub struct Outlet {
    client: Client<HttpsConnector<HttpConnector<Checked>>, Full<Bytes>>,
    listed: Arc<[IpNet]>,
    limits: Limits,
}

impl Egress {
    /// With this machine's roots of trust and its resolver.
    pub fn new() -> Result<Self, EgressError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_platform_verifier())
            .map_err(EgressError)?
            .with_no_client_auth();
        Ok(Self::with(tls, Arc::new(SystemResolver), Limits::default()))
    }

    /// With roots of trust, a resolver and limits of the caller's.
    pub fn with(tls: ClientConfig, resolver: Arc<dyn Resolve>, limits: Limits) -> Self {
        Self { tls, resolver, limits }
    }

    /// A way out to the public internet and the networks listed.
    pub fn outlet(&self, listed: &[IpNet]) -> Outlet {
        let listed: Arc<[IpNet]> = listed.into();
        let checked = Checked { resolver: Arc::clone(&self.resolver), listed: Arc::clone(&listed) };
        let mut tcp = HttpConnector::new_with_resolver(checked);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(self.tls.clone())
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(tcp);
        let limits = self.limits;
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .timer(TokioTimer::new())
            .http1_max_headers(limits.headers)
            .http1_max_buf_size(limits.header_bytes.max(16 << 10))
            .http2_max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
            .build(connector);
        Outlet { client, listed, limits }
    }
}

impl Outlet {
    /// Sends a request and takes the whole response, within this time. Dropping the future ends the exchange.
    pub async fn send(&self, request: Request, within: Duration) -> Result<Response, EgressFault> {
        self.limits.check_request(&request)?;
        self.check_literal(&request)?;
        match timeout(within, self.exchange(request)).await {
            Ok(done) => done,
            Err(_) => Err(EgressFault::Timeout(within)),
        }
    }

    /// An address in the place of a name is not resolved, so it is looked at here.
    fn check_literal(&self, request: &Request) -> Result<(), EgressFault> {
        let host = request.uri.host().unwrap_or_default();
        let literal: Result<IpAddr, _> = host.trim_start_matches('[').trim_end_matches(']').parse();
        match literal {
            Ok(address) if !may_reach(address, &self.listed) => {
                Err(EgressFault::Forbidden { host: host.to_owned(), address })
            }
            _ => Ok(()),
        }
    }

    async fn exchange(&self, request: Request) -> Result<Response, EgressFault> {
        let mut sent = http::Request::new(Full::new(request.body));
        *sent.method_mut() = request.method;
        *sent.uri_mut() = request.uri;
        *sent.headers_mut() = request.headers;
        let (head, body) = self.client.request(sent).await.map_err(|error| EgressFault::of(&error))?.into_parts();
        self.limits.check_headers(&head.headers)?;
        const LARGE: EgressFault = EgressFault::TooLarge("the response's body is larger than it may be");
        if body.size_hint().lower() > self.limits.response as u64 {
            return Err(LARGE);
        }
        let body = Limited::new(body, self.limits.response).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                return LARGE;
            }
            EgressFault::of(&*error)
        })?;
        Ok(Response { status: head.status, headers: head.headers, body: body.to_bytes() })
    }
}
