//! How many connections one address has open.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts connections by address. Without a bound nothing is counted.
pub(crate) struct Peers {
    most: Option<usize>,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection's place among those of its address.
pub(crate) struct Place {
    peers: Arc<Peers>,
    address: IpAddr,
}

impl Peers {
    pub(crate) fn new(most: Option<usize>) -> Arc<Self> {
        Arc::new(Self { most, open: Mutex::default() })
    }

    /// A place for one more connection of an address: none if it has too many already.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> Result<Option<Place>, TooMany> {
        let Some(most) = self.most else { return Ok(None) };
        // An IPv4 client of a dual-stack listener is the same client as over IPv4.
        let address = address.to_canonical();
        let mut open = self.open();
        let count = open.entry(address).or_insert(0);
        if *count >= most {
            return Err(TooMany);
        }
        *count += 1;
        Ok(Some(Place { peers: Arc::clone(self), address }))
    }

    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The address has as many connections open as it may.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.peers.open();
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            // Addresses come and go; the map must not keep them all.
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_by_address_and_given_back() {
        let peers = Peers::new(Some(2));
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        let first = peers.enter(one).unwrap();
        let _second = peers.enter(mapped).unwrap();
        assert_eq!(peers.enter(one).err(), Some(TooMany));
        assert!(peers.enter(other).is_ok_and(|place| place.is_some()));
        drop(first);
        assert!(peers.enter(one).is_ok());
        assert_eq!(peers.open().len(), 1, "only what is still open");
    }

    #[test]
    fn without_a_bound_nothing_is_counted() {
        let peers = Peers::new(None);
        assert!(peers.enter(IpAddr::from([10, 0, 0, 1])).is_ok_and(|place| place.is_none()));
        assert!(peers.open().is_empty());
    }
}
