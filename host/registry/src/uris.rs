//! Resources at an endpoint of several servers: URIs are the servers' own, so whose one is has to be found out.

use cardea_chain::{Call, Fault, ItemKind};

use crate::offers::{Found, Offers, failed};

impl Offers {
    /// The server of a URI: the first that lists it, else the one whose template it fits best, else the only one that has
    /// resources at all, for links need not be listed.
    pub(crate) async fn located(&self, call: &Call, uri: &str) -> Result<Option<Found>, Fault> {
        let listed = |offers: &Self| offers.naming.locate(ItemKind::Resource, uri).map(|owner| owner.at);
        let found = |at| Found { at, native: uri.to_owned() };
        if self.naming.servers.iter().all(|server| server.claims.knows(ItemKind::Resource))
            && let Some(at) = listed(self)
        {
            return Ok(Some(found(at)));
        }
        let (resources, templates) =
            futures_util::join!(self.glance(call, ItemKind::Resource), self.glance(call, ItemKind::ResourceTemplate));
        if let Some(at) = listed(self) {
            return Ok(Some(found(at)));
        }
        let fits = templates.iter().enumerate().filter_map(|(at, slice)| Some((slice.as_ref().ok()?.fit(uri)?.0, at)));
        let shown = fits.filter(|(_, at)| self.naming.shows(*at, uri));
        if let Some((_, at)) = shown.rev().max_by_key(|(fit, _)| *fit) {
            return Ok(Some(found(at)));
        }
        match self.alone(call).await {
            Some(at) if self.naming.shows(at, uri) => Ok(Some(found(at))),
            _ => match failed(&resources).or_else(|| failed(&templates)) {
                // It may be one of those that did not answer: whether the URI is unknown is not known.
                Some(fault) => Err(fault),
                None => Ok(None),
            },
        }
    }

    /// The server whose template this is, or else whose resource.
    pub(crate) async fn template(&self, call: &Call, uri: &str) -> Result<Option<Found>, Fault> {
        let listed = self.named(call, ItemKind::ResourceTemplate, uri).await;
        match listed {
            Ok(Some(found)) => Ok(Some(found)),
            Ok(None) => self.located(call, uri).await,
            Err(fault) => Err(fault),
        }
    }

    /// The only server that has resources, if every server says whether it has.
    async fn alone(&self, call: &Call) -> Option<usize> {
        let accounts = self.ask_present(call, |server| self.catalog.account(server, call)).await;
        let mut with = accounts.iter().filter(|(_, account)| account.offers(ItemKind::Resource)).map(|(at, _)| *at);
        let only = with.next()?;
        (with.next().is_none() && accounts.len() == self.naming.servers.len()).then_some(only)
    }
}
