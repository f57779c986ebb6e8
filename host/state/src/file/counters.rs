//! Counters of limits, written down a moment after they changed.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, params};

use super::{broken, whole};
use crate::memory::{Counted, Memory, Saved};
use crate::{Bucket, StateFault};

/// The counters that changed since they were last written down.
#[derive(Default)]
pub(super) struct Changed(Mutex<HashSet<Counter>>);

#[derive(Clone, PartialEq, Eq, Hash)]
struct Counter {
    space: Box<str>,
    counted: Counted,
    key: Box<str>,
}

impl Changed {
    /// Notes the counters of these buckets. True if there were none before.
    pub(super) fn note(&self, space: &str, buckets: &[Bucket]) -> bool {
        let mut changed = self.lock();
        let first = changed.is_empty();
        let counters = buckets.iter().filter_map(|bucket| {
            let counted = Counted::of(&bucket.rule)?;
            Some(Counter { space: space.into(), counted, key: bucket.key.as_str().into() })
        });
        changed.extend(counters);
        first && !changed.is_empty()
    }

    /// Writes down how they stand. What cannot be written down stays noted.
    pub(super) fn write(&self, rows: &Connection, limits: &Memory) -> Result<(), StateFault> {
        let changed = std::mem::take(&mut *self.lock());
        let written = changed.iter().try_for_each(|counter| counter.write(rows, limits));
        if written.is_err() {
            self.lock().extend(changed);
        }
        written
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Counter>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counter {
    fn write(&self, rows: &Connection, limits: &Memory) -> Result<(), StateFault> {
        let (space, kind, key) = (&*self.space, self.counted.name(), &*self.key);
        match limits.saved(space, self.counted, key) {
            Some(Saved { at, used }) => {
                let mut write = rows
                    .prepare_cached("INSERT OR REPLACE INTO counted VALUES (?1, ?2, ?3, ?4, ?5)")
                    .map_err(broken)?;
                write.execute(params![space, kind, key, whole(at), whole(used)]).map_err(broken)?;
            }
            None => {
                let mut forget = rows
                    .prepare_cached("DELETE FROM counted WHERE space = ?1 AND kind = ?2 AND key = ?3")
                    .map_err(broken)?;
                forget.execute(params![space, kind, key]).map_err(broken)?;
            }
        }
        Ok(())
    }
}

/// The limits as they stood when the process before this one ended; what says nothing any more is forgotten.
pub(super) fn restore(rows: &Connection, limits: &Arc<Memory>, now_ms: u64) -> Result<(), StateFault> {
    rows.execute(
        "DELETE FROM counted WHERE at <= CASE kind WHEN 'rate' THEN ?1 ELSE ?2 END",
        params![whole(u128::from(now_ms) * 1_000_000), whole(now_ms)],
    )
    .map_err(broken)?;
    let mut all = rows.prepare("SELECT space, kind, key, at, taken FROM counted").map_err(broken)?;
    let mut found = all.query([]).map_err(broken)?;
    while let Some(row) = found.next().map_err(broken)? {
        let [space, kind, key]: [String; 3] =
            [row.get(0).map_err(broken)?, row.get(1).map_err(broken)?, row.get(2).map_err(broken)?];
        let saved = Saved { at: row.get(3).map_err(broken)?, used: row.get(4).map_err(broken)? };
        if let Some(counted) = Counted::named(&kind) {
            limits.restore(&space, counted, &key, saved);
        }
    }
    Ok(())
}
