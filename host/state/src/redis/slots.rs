//! Concurrent slots that are held in Redis: they are given back when their permit is dropped, and renewed until then, so that
//! those of a gateway that died come free by themselves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::interval;

use super::Backing;

/// How long slots are held without a sign of life.
pub(super) const HELD: Duration = Duration::from_secs(60);
const RENEW: Duration = Duration::from_secs(20);
/// Slots that may wait to be given back; what does not find room comes free when it is not renewed.
const WAITING: usize = 4096;

/// The slots this gateway holds.
pub(super) struct Held {
    holder: String,
    slots: Mutex<Table>,
    released: mpsc::Sender<Slot>,
}

#[derive(Default)]
struct Table {
    last: u64,
    held: HashMap<u64, Vec<Slot>>,
}

/// Slots of one bucket: the keys of its holders and of their count, and the name of the holder.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) holders: String,
    pub(super) count: String,
    pub(super) holder: String,
}

/// Slots in use; dropping them gives them back.
pub(super) struct Use {
    held: Weak<Held>,
    number: u64,
}

impl Held {
    /// No slots yet, and where those that are given back come out.
    pub(super) fn new() -> (Arc<Self>, mpsc::Receiver<Slot>) {
        let (released, receiver) = mpsc::channel(WAITING);
        let holder = format!("{:016x}", rand::random::<u64>());
        (Arc::new(Self { holder, slots: Mutex::default(), released }), receiver)
    }

    /// A name for the holder of one call's slots, different from every other's.
    pub(super) fn name(&self) -> String {
        let mut slots = self.slots();
        slots.last += 1;
        format!("{}.{}", self.holder, slots.last)
    }

    /// Notes slots that were taken.
    pub(super) fn hold(self: &Arc<Self>, taken: Vec<Slot>) -> Use {
        let mut slots = self.slots();
        slots.last += 1;
        let number = slots.last;
        slots.held.insert(number, taken);
        Use { held: Arc::downgrade(self), number }
    }

    fn all(&self) -> Vec<Slot> {
        self.slots().held.values().flatten().cloned().collect()
    }

    fn slots(&self) -> MutexGuard<'_, Table> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Use {
    /// There is nothing to give back.
    pub(super) fn were_refused(self) {
        self.end();
    }

    fn end(&self) -> Option<(Arc<Held>, Vec<Slot>)> {
        let held = self.held.upgrade()?;
        let slots = held.slots().held.remove(&self.number)?;
        Some((held, slots))
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        let Some((held, slots)) = self.end() else { return };
        for slot in slots {
            let _ = held.released.try_send(slot);
        }
    }
}

/// Gives back and renews, for as long as anybody holds the back end.
pub(super) async fn tend(backing: Weak<Backing>, mut released: mpsc::Receiver<Slot>) {
    let mut renew = interval(RENEW);
    renew.tick().await;
    loop {
        let due = tokio::select! {
            slot = released.recv() => match slot {
                Some(slot) => Some(slot),
                None => return,
            },
            _ = renew.tick() => None,
        };
        let Some(backing) = backing.upgrade() else { return };
        match due {
            Some(slot) => backing.tell_slot("release", &slot).await,
            None => {
                for slot in backing.held.all() {
                    backing.tell_slot("renew", &slot).await;
                }
            }
        }
    }
}
