//! Keys and values as rows.

use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};

use super::{broken, whole};
use crate::{Bounds, Quota, StateFault};

/// A key, where it lives, and how much may live there.
pub(super) struct Place {
    pub(super) space: String,
    pub(super) key: String,
    pub(super) quota: Quota,
    pub(super) bounds: Bounds,
}

/// What is written under a key.
pub(super) struct Entry<'a> {
    pub(super) value: &'a [u8],
    pub(super) expires: i64,
}

/// When a value expires.
pub(super) fn expiry(ttl: Option<Duration>, now_ms: u64) -> i64 {
    ttl.map_or(i64::MAX, |ttl| whole(u128::from(now_ms).saturating_add(ttl.as_millis())))
}

impl Place {
    pub(super) fn read(&self, rows: &Connection, now: i64) -> Result<Option<Bytes>, StateFault> {
        Ok(self.live(rows, now)?.map(|(value, _)| value.into()))
    }

    pub(super) fn write(&self, rows: &Connection, entry: &Entry<'_>, now: i64) -> Result<(), StateFault> {
        let mut searched = false;
        while let Some(full) = self.full(rows, entry)? {
            if std::mem::replace(&mut searched, true) {
                return Err(full);
            }
            self.forget_expired(rows, now)?;
        }
        let mut write = rows
            .prepare_cached(
                "INSERT INTO kept VALUES (?1, ?2, ?3, ?4)
                    ON CONFLICT DO UPDATE SET value = excluded.value, expires = excluded.expires",
            )
            .map_err(broken)?;
        write.execute(params![self.space, self.key, entry.value, entry.expires]).map_err(broken)?;
        Ok(())
    }

    pub(super) fn delete(&self, rows: &Connection) -> Result<(), StateFault> {
        let mut delete = rows.prepare_cached("DELETE FROM kept WHERE space = ?1 AND key = ?2").map_err(broken)?;
        delete.execute(params![self.space, self.key]).map_err(broken)?;
        Ok(())
    }

    pub(super) fn add(
        &self,
        rows: &Connection,
        delta: i64,
        ttl: Option<Duration>,
        now_ms: u64,
    ) -> Result<i64, StateFault> {
        let now = whole(now_ms);
        let (present, expires) = match self.live(rows, now)? {
            Some((value, expires)) => (number(&self.key, &value)?, expires),
            None => (0, expiry(ttl, now_ms)),
        };
        let sum = present.checked_add(delta).ok_or_else(|| {
            StateFault::Invalid(format!("`{}` holds {present}; {delta} more do not fit into 64 bits", self.key))
        })?;
        self.write(rows, &Entry { value: sum.to_string().as_bytes(), expires }, now)?;
        Ok(sum)
    }

    pub(super) fn cas(
        &self,
        rows: &Connection,
        expect: Option<&[u8]>,
        entry: &Entry<'_>,
        now: i64,
    ) -> Result<bool, StateFault> {
        if self.live(rows, now)?.as_ref().map(|(value, _)| &value[..]) != expect {
            return Ok(false);
        }
        self.write(rows, entry, now)?;
        Ok(true)
    }

    fn live(&self, rows: &Connection, now: i64) -> Result<Option<(Vec<u8>, i64)>, StateFault> {
        let mut look = rows
            .prepare_cached("SELECT value, expires FROM kept WHERE space = ?1 AND key = ?2 AND expires > ?3")
            .map_err(broken)?;
        look.query_row(params![self.space, self.key, now], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
            .map_err(broken)
    }

    /// Why an entry does not fit, if it does not.
    fn full(&self, rows: &Connection, entry: &Entry<'_>) -> Result<Option<StateFault>, StateFault> {
        let (keys, bytes) = self.used(rows)?;
        let present = self.size(rows)?;
        if present.is_none() && keys == 0 && self.spaces(rows)? >= self.bounds.namespaces as u64 {
            let most = self.bounds.namespaces;
            return Ok(Some(StateFault::Full(format!("there are {most} namespaces already, and all are in use"))));
        }
        if present.is_none() && keys >= self.bounds.keys as u64 {
            return Ok(Some(StateFault::Full("too many keys are in use in this namespace".to_owned())));
        }
        if present.is_none() && keys >= self.quota.keys as u64 {
            let most = self.quota.keys;
            return Ok(Some(StateFault::Full(format!("the {most} keys of this namespace's quota are in use"))));
        }
        let most = self.quota.bytes.min(self.bounds.bytes) as u64;
        let wanted = (self.key.len() + entry.value.len()) as u64;
        let over = bytes + wanted > most.saturating_add(present.unwrap_or(0));
        Ok(over.then(|| StateFault::Full(format!("the values of this namespace fill their {most} bytes"))))
    }

    fn used(&self, rows: &Connection) -> Result<(u64, u64), StateFault> {
        let mut look = rows.prepare_cached("SELECT keys, bytes FROM used WHERE space = ?1").map_err(broken)?;
        let used = look.query_row(params![self.space], |row| Ok((row.get(0)?, row.get(1)?))).optional();
        Ok(used.map_err(broken)?.unwrap_or((0, 0)))
    }

    fn size(&self, rows: &Connection) -> Result<Option<u64>, StateFault> {
        let mut look = rows
            .prepare_cached("SELECT octet_length(key) + octet_length(value) FROM kept WHERE space = ?1 AND key = ?2")
            .map_err(broken)?;
        look.query_row(params![self.space, self.key], |row| row.get(0)).optional().map_err(broken)
    }

    fn spaces(&self, rows: &Connection) -> Result<u64, StateFault> {
        rows.query_row("SELECT count(*) FROM used", [], |row| row.get(0)).map_err(broken)
    }

    fn forget_expired(&self, rows: &Connection, now: i64) -> Result<(), StateFault> {
        rows.execute("DELETE FROM kept WHERE expires <= ?1", params![now]).map_err(broken)?;
        Ok(())
    }
}

fn number(key: &str, value: &[u8]) -> Result<i64, StateFault> {
    let text = std::str::from_utf8(value).ok();
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| StateFault::Invalid(format!("`{key}` holds something that is no whole number")))
}
