//! Which names a server was seen to offer: what decides whose a name is where several servers may have it.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use cardea_chain::ItemKind;

/// How long a server may list without a name before the name is no longer its own. A server that does not answer keeps
/// its names, so that no other one is called in its place.
const RELEASED: Duration = Duration::from_secs(600);
/// How many names of one kind are kept for one server.
const ROOM: usize = 50_000;

/// The names one server was seen to offer, to anybody.
#[derive(Default)]
pub(crate) struct Claims(RwLock<HashMap<ItemKind, Held>>);

struct Held {
    names: HashMap<Box<str>, Instant>,
    /// When it was last listed, for whomever.
    listed: Instant,
}

impl Claims {
    /// The server was listed, and these were there.
    pub(crate) fn note<'n>(&self, kind: ItemKind, names: impl Iterator<Item = &'n str>) {
        let now = Instant::now();
        let mut all = self.write();
        let held = all.entry(kind).or_insert_with(|| Held { names: HashMap::new(), listed: now });
        held.listed = now;
        if held.names.len() >= ROOM {
            held.names.retain(|_, seen| now.duration_since(*seen) < RELEASED);
        }
        for name in names {
            if let Some(seen) = held.names.get_mut(name) {
                *seen = now;
            } else if held.names.len() < ROOM {
                held.names.insert(name.into(), now);
            }
        }
    }

    /// Whether a name is the server's.
    pub(crate) fn holds(&self, kind: ItemKind, name: &str) -> bool {
        let all = self.read();
        let Some(held) = all.get(&kind) else { return false };
        held.names.get(name).is_some_and(|seen| held.listed.duration_since(*seen) < RELEASED)
    }

    /// Whether anything is known of what the server offers.
    pub(crate) fn knows(&self, kind: ItemKind) -> bool {
        self.read().contains_key(&kind)
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<ItemKind, Held>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<ItemKind, Held>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_servers_until_it_lists_without_it_for_long() {
        let claims = Claims::default();
        assert!(!claims.knows(ItemKind::Tool) && !claims.holds(ItemKind::Tool, "a"));
        claims.note(ItemKind::Tool, ["a", "b"].into_iter());
        claims.note(ItemKind::Tool, ["b"].into_iter());
        assert!(claims.holds(ItemKind::Tool, "a"), "another caller may see less");
        assert!(!claims.holds(ItemKind::Prompt, "a") && !claims.knows(ItemKind::Prompt));
        if let Some(held) = claims.write().get_mut(&ItemKind::Tool) {
            held.listed += RELEASED;
            held.names.insert("b".into(), held.listed);
        }
        assert!(!claims.holds(ItemKind::Tool, "a") && claims.holds(ItemKind::Tool, "b"));
    }

    #[test]
    fn names_are_bounded() {
        let claims = Claims::default();
        let names: Vec<_> = (0..=ROOM).map(|number| number.to_string()).collect();
        claims.note(ItemKind::Resource, names.iter().map(String::as_str));
        assert!(claims.holds(ItemKind::Resource, "0") && !claims.holds(ItemKind::Resource, &ROOM.to_string()));
    }
}
