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
}

impl Quota {
    pub fn new((quota, period): (Duration, Duration), now: u64) -> Quota {
        let quota_ns = i64::try_from(quota.as_nanos()).unwrap_or(i64::MAX / 4).max(1);
        let period_ns = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX / 4).max(1);
        Quota { quota_ns, period_ns, left_ns: quota_ns, refill_at: now + period_ns }
    }

    /// Takes the same debt over into a new size.
    pub fn resized(self, size: (Duration, Duration), now: u64) -> Quota {
        let mut quota = Quota::new(size, now);
        quota.left_ns = quota.left_ns.min(self.left_ns);
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
            let gained = i64::try_from(periods).unwrap_or(i64::MAX).saturating_mul(self.quota_ns);
            self.left_ns = self.left_ns.saturating_add(gained).min(self.quota_ns);
            self.refill_at += periods * self.period_ns;
        }
        if self.left_ns > 0 { None } else { Some(self.refill_at - now) }
    }
}

#[cfg(test)]
mod tests {
    use super::Quota;
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
}
