//! From a name to addresses that may be reached, all of them or none.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use hyper_util::client::legacy::connect::dns::Name;
use ipnet::IpNet;
use tower_service::Service;

use crate::address::may_reach;
use crate::error::Forbidden;

type BoxError = Box<dyn Error + Send + Sync>;

/// Finds the addresses of a name.
pub trait Resolve: Send + Sync + 'static {
    /// The addresses a name stands for, at this moment.
    fn resolve(&self, name: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The resolver of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let name = name.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|found| found.ip()).collect()) })
    }
}

/// Looks at every address before one of them is connected to.
#[derive(Clone)]
pub(crate) struct Checked {
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) listed: Arc<[IpNet]>,
}

impl Checked {
    /// The addresses of a name, if all of them may be reached. One that may not spoils the rest: an answer that mixes inside
    /// and outside is no accident.
    async fn addresses(self, name: Name) -> Result<std::vec::IntoIter<SocketAddr>, BoxError> {
        let found = self.resolver.resolve(name.as_str()).await?;
        if let Some(address) = found.iter().find(|address| !may_reach(**address, &self.listed)) {
            return Err(Forbidden { host: name.as_str().to_owned(), address: *address }.into());
        }
        let addresses: Vec<_> = found.into_iter().map(|address| SocketAddr::new(address, 0)).collect();
        Ok(addresses.into_iter())
    }
}

impl Service<Name> for Checked {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(self.clone().addresses(name))
    }
}
