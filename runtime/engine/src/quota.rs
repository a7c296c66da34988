// SPDX-License-Identifier: Apache-2.0
//! A CPU quota as a bucket of nanoseconds, refilled once a period.
//!
//! Belongs here: the arithmetic, on a clock that is handed in.
//! Does not belong here: holding anyone back (turn.rs).

use std::time::Duration;

/// What one task may use. Debt is carried over, so that a turn which overran its budget
/// is paid for by the following periods and the long-term share is exact.
#[derive(Debug)]
pub struct Quota {
    quota_ns: i64,
    period_ns: u64,
    left_ns: i64,
    refill_at: u64,
    held_since: Option<u64>,
    tally: Tally,
}

/// What became of periods, in the way that the kernel counts for a cgroup: when they are over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Periods in which time was used or owed.
    pub periods: u64,
    /// Of these, in which someone had to wait for the next one.
    pub held: u64,
    /// For how long.
    pub held_ns: u64,
}

impl Quota {
    pub fn new((quota, period): (Duration, Duration), now: u64) -> Quota {
        let quota_ns = i64::try_from(quota.as_nanos()).unwrap_or(i64::MAX / 4).max(1);
        let period_ns = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX / 4).max(1);
        Quota {
            quota_ns,
            period_ns,
            left_ns: quota_ns,
            refill_at: now + period_ns,
            held_since: None,
            tally: Tally::default(),
        }
    }

    /// Takes the same debt over into a new size.
    pub fn resized(self, size: (Duration, Duration), now: u64) -> Quota {
        let mut quota = Quota::new(size, now);
        quota.left_ns = quota.left_ns.min(self.left_ns);
        quota.held_since = self.held_since;
        quota.tally = self.tally;
        quota
    }

    pub fn charge(&mut self, ns: u64) {
        let ns = i64::try_from(ns).unwrap_or(i64::MAX / 4);
        self.left_ns = self.left_ns.saturating_sub(ns);
    }

    /// Nothing where there is budget; else how many nanoseconds until there may be.
    pub fn wait(&mut self, now: u64) -> Option<u64> {
        if now >= self.refill_at {
            let periods = (now - self.refill_at) / self.period_ns + 1;
            self.close(periods);
            let gained = i64::try_from(periods).unwrap_or(i64::MAX).saturating_mul(self.quota_ns);
            self.left_ns = self.left_ns.saturating_add(gained).min(self.quota_ns);
            self.refill_at += periods * self.period_ns;
        }
        if self.left_ns > 0 {
            return None;
        }
        self.held_since.get_or_insert(now);
        Some(self.refill_at - now)
    }

    /// Counts what `periods` periods have been, of which the first ended at the refill.
    fn close(&mut self, periods: u64) {
        let used = u64::try_from(self.quota_ns.saturating_sub(self.left_ns)).unwrap_or(0);
        let quota = u64::try_from(self.quota_ns).unwrap_or(1);
        self.tally.periods += used.div_ceil(quota).min(periods);
        if let Some(since) = self.held_since.take() {
            self.tally.held += 1;
            self.tally.held_ns += self.refill_at.saturating_sub(since);
        }
    }

    /// What is new since the last call, if anything.
    pub fn tally(&mut self) -> Option<Tally> {
        (self.tally != Tally::default()).then(|| std::mem::take(&mut self.tally))
    }
}

#[cfg(test)]
mod tests {
    use super::{Quota, Tally};
    use std::time::Duration;

    const MS: u64 = 1_000_000;

    fn quota() -> Quota {
        Quota::new((Duration::from_millis(10), Duration::from_millis(100)), 0)
    }

    #[test]
    fn a_spent_budget_waits_for_the_next_period() {
        let mut quota = quota();
        assert_eq!(quota.wait(0), None);
        quota.charge(10 * MS);
        assert_eq!(quota.wait(30 * MS), Some(70 * MS));
        assert_eq!(quota.wait(100 * MS), None);
    }

    #[test]
    fn debt_is_paid_before_anything_runs() {
        let mut quota = quota();
        quota.charge(35 * MS);
        assert_eq!(quota.wait(100 * MS), Some(100 * MS));
        assert_eq!(quota.wait(200 * MS), Some(100 * MS));
        assert_eq!(quota.wait(300 * MS), None);
    }

    #[test]
    fn idle_periods_save_nothing_up() {
        let mut quota = quota();
        assert_eq!(quota.wait(10_000 * MS), None);
        quota.charge(10 * MS);
        assert!(quota.wait(10_000 * MS).is_some());
    }

    #[test]
    fn a_new_size_keeps_the_debt() {
        let mut quota = quota();
        quota.charge(30 * MS);
        let size = (Duration::from_millis(20), Duration::from_millis(100));
        let mut quota = quota.resized(size, 0);
        assert_eq!(quota.wait(100 * MS), Some(100 * MS));
        assert_eq!(quota.wait(200 * MS), None);
    }

    #[test]
    fn periods_are_counted_when_they_are_over() {
        let mut quota = quota();
        quota.charge(25 * MS);
        assert_eq!(quota.wait(30 * MS), Some(70 * MS));
        assert_eq!(quota.wait(40 * MS), Some(60 * MS));
        assert_eq!(quota.tally(), None);
        assert_eq!(quota.wait(101 * MS), Some(99 * MS));
        assert_eq!(quota.tally(), Some(Tally { periods: 1, held: 1, held_ns: 70 * MS }));
        assert_eq!(quota.wait(200 * MS), None);
        assert_eq!(quota.tally(), Some(Tally { periods: 1, held: 1, held_ns: 99 * MS }));
        quota.charge(MS);
        assert_eq!(quota.wait(1000 * MS), None);
        assert_eq!(quota.tally(), Some(Tally { periods: 1, held: 0, held_ns: 0 }));
        assert_eq!(quota.wait(9000 * MS), None);
        assert_eq!(quota.tally(), None);
    }
}
