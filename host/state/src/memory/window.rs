//! A count per calendar period.

use std::time::Duration;

use time::{Date, Month, OffsetDateTime};

use super::bounded::Idle;
use super::saved::Saved;
use crate::{Period, StateFault, Window};

/// What was taken in the period that ends at `end_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count {
    end_ms: u64,
    used: u64,
}

impl Idle for Count {
    fn is_idle(&self, now_ms: u64) -> bool {
        self.end_ms <= now_ms
    }
}

impl Count {
    /// The count as it stands now: an ended period counts nothing. A clock that was set back stays in the later period.
    pub(super) fn at(stored: Option<&Self>, window: Window, now_ms: u64) -> Result<Self, StateFault> {
        match stored {
            Some(count) if !count.is_idle(now_ms) => Ok(*count),
            _ => Ok(Self { end_ms: end_of_period(window, now_ms)?, used: 0 }),
        }
    }

    /// The count after taking `cost`, if that many are left.
    pub(super) fn take(self, window: Window, cost: u32) -> Option<Self> {
        let used = self.used.saturating_add(cost.into());
        (used <= window.limit || cost == 0).then_some(Self { used, ..self })
    }

    /// The count after a correction, which may go beyond the limit.
    pub(super) fn settle(self, delta: i64) -> Self {
        Self { used: self.used.saturating_add_signed(delta), ..self }
    }

    pub(super) fn saved(self) -> Saved {
        Saved { at: self.end_ms, used: self.used }
    }

    pub(super) fn restored(saved: Saved) -> Self {
        Self { end_ms: saved.at, used: saved.used }
    }

    pub(super) fn remaining(self, window: Window) -> u64 {
        window.limit.saturating_sub(self.used)
    }

    pub(super) fn until_end(self, now_ms: u64) -> Duration {
        Duration::from_millis(self.end_ms.saturating_sub(now_ms))
    }

    pub(super) fn reset(self, now_ms: u64) -> Duration {
        if self.used == 0 { Duration::ZERO } else { self.until_end(now_ms) }
    }
}

pub(crate) fn end_of_period(window: Window, now_ms: u64) -> Result<u64, StateFault> {
    let offset = window.utc_offset_seconds()?;
    let beyond = || StateFault::Invalid(format!("the clock says {now_ms}, which is beyond the calendar"));
    let local = i64::try_from(now_ms / 1000).map_err(|_| beyond())? + offset;
    let every = |seconds: i64| local.div_euclid(seconds) * seconds + seconds;
    let end = match window.per {
        Period::Minute => every(60),
        Period::Hour => every(3600),
        Period::Day => every(86_400),
        Period::Month => {
            let today = OffsetDateTime::from_unix_timestamp(local).map_err(|_| beyond())?.date();
            first_of_next_month(today).ok_or_else(beyond)?
        }
    };
    Ok(u64::try_from((end - offset) * 1000).unwrap_or(0))
}

fn first_of_next_month(day: Date) -> Option<i64> {
    let month = day.month().next();
    let year = if month == Month::January { day.year() + 1 } else { day.year() };
    Some(Date::from_calendar_date(year, month, 1).ok()?.midnight().assume_utc().unix_timestamp())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: u64 = 3_600_000;
    /// 2026-02-28T23:30:00Z.
    const LATE_FEBRUARY: u64 = 1_772_321_400_000;

    fn window(per: Period, utc_offset_minutes: i32) -> Window {
        Window { limit: 3, per, utc_offset_minutes }
    }

    fn end(per: Period, offset: i32, now: u64) -> u64 {
        end_of_period(window(per, offset), now).unwrap()
    }

    #[test]
    fn periods_end_where_the_calendar_of_the_zone_says() {
        let half = HOUR / 2;
        assert_eq!(end(Period::Minute, 0, LATE_FEBRUARY), LATE_FEBRUARY + 60_000);
        assert_eq!(end(Period::Hour, 0, LATE_FEBRUARY), LATE_FEBRUARY + half);
        assert_eq!(end(Period::Day, 0, LATE_FEBRUARY), LATE_FEBRUARY + half);
        assert_eq!(end(Period::Month, 0, LATE_FEBRUARY), LATE_FEBRUARY + half);
        // An hour east it is already March, an hour west there is an hour more of February.
        assert_eq!(end(Period::Month, 60, LATE_FEBRUARY), LATE_FEBRUARY - half + 31 * 24 * HOUR);
        assert_eq!(end(Period::Day, 60, LATE_FEBRUARY), LATE_FEBRUARY - half + 24 * HOUR);
        assert_eq!(end(Period::Day, -60, LATE_FEBRUARY), LATE_FEBRUARY + half + HOUR);
        // Half-hour zones have their own hours.
        assert_eq!(end(Period::Hour, 330, LATE_FEBRUARY), LATE_FEBRUARY + HOUR);
    }

    #[test]
    fn december_ends_in_the_next_year() {
        // 2027-12-31T12:00:00Z
        let december = 1_830_254_400_000;
        assert_eq!(end(Period::Month, 0, december), december + 12 * HOUR);
    }

    #[test]
    fn the_count_begins_anew_at_the_border_and_not_before() {
        let window = window(Period::Day, 0);
        let count = Count::at(None, window, LATE_FEBRUARY).unwrap().take(window, 3).unwrap();
        assert_eq!(count.take(window, 1), None);
        let before = LATE_FEBRUARY + HOUR / 2 - 1;
        assert_eq!(Count::at(Some(&count), window, before).unwrap().remaining(window), 0);
        assert_eq!(Count::at(Some(&count), window, before + 1).unwrap().remaining(window), 3);
    }

    #[test]
    fn a_clock_set_back_gives_nothing_back() {
        let window = window(Period::Minute, 0);
        let count = Count::at(None, window, LATE_FEBRUARY).unwrap().take(window, 3).unwrap();
        assert_eq!(Count::at(Some(&count), window, LATE_FEBRUARY - HOUR).unwrap().remaining(window), 0);
    }

    #[test]
    fn a_zone_that_is_none_is_refused() {
        assert!(matches!(end_of_period(window(Period::Day, 5000), 0), Err(StateFault::Invalid(_))));
    }

    proptest! {
        #[test]
        fn every_moment_lies_before_the_end_of_its_period(
            now in 0u64..4_000_000_000_000,
            offset in -1080i32..=1080,
            per in prop::sample::select(vec![Period::Minute, Period::Hour, Period::Day, Period::Month]),
        ) {
            let end = end(per, offset, now);
            prop_assert!(end > now && end <= now + 31 * 24 * HOUR);
            // The moment before the border has the same border, the border itself has another.
            prop_assert_eq!(end_of_period(window(per, offset), end - 1).unwrap(), end);
            prop_assert!(end_of_period(window(per, offset), end).unwrap() > end);
        }
    }
}
