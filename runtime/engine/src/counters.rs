// SPDX-License-Identifier: Apache-2.0
//! Counting into the page that the worker shares with its supervisor.
//!
//! Belongs here: the additions. Does not belong here: when to make them.

use crate::abi::{self, LATENCY_FIRST_LOG2 as FIRST};
use crate::quota::Tally;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use tokio::time::Instant;

/// One task's counters: the owner's memory, or our own where none was given.
pub struct Counters {
    shared: *const abi::Counters,
    latency: *const abi::Latency,
    own: Option<Box<abi::Counters>>,
}

// SAFETY: only atomics lie behind the pointers, and `engine.h` makes the owner keep the
// page mapped until the task's end was reported; nothing counts after that.
unsafe impl Send for Counters {}
unsafe impl Sync for Counters {}

/// A request between its head and the head of its answer.
pub struct Flight<'a> {
    counters: &'a Counters,
    since: Instant,
}

impl Counters {
    /// # Safety
    /// Each is null, or stays valid until the task's end was reported.
    pub unsafe fn new(shared: *const abi::Counters, latency: *const abi::Latency) -> Counters {
        Counters { shared, latency, own: shared.is_null().then(Box::default) }
    }

    fn page(&self) -> &abi::Counters {
        if let Some(own) = &self.own {
            return own;
        }
        // SAFETY: see `new`.
        unsafe { &*self.shared }
    }

    pub fn cpu(&self, ns: u64) {
        self.page().cpu_ns.fetch_add(ns, Relaxed);
    }

    pub fn memory_taken(&self, bytes: u64) {
        let page = self.page();
        let now = page.memory_bytes.fetch_add(bytes, Relaxed) + bytes;
        page.memory_peak.fetch_max(now, Relaxed);
    }

    pub fn memory_released(&self, bytes: u64) {
        self.page().memory_bytes.fetch_sub(bytes, Relaxed);
    }

    pub fn instance_born(&self) {
        add(&self.page().instances);
    }

    pub fn instance_gone(&self) {
        self.page().instances.fetch_sub(1, Relaxed);
    }

    /// Counts a request that came at `since`, and its time when the result is dropped.
    pub fn request(&self, since: Instant) -> Flight<'_> {
        add(&self.page().requests);
        add(&self.page().in_flight);
        Flight { counters: self, since }
    }

    /// What the quota has seen since it was last asked.
    pub fn quota(&self, tally: Tally) {
        let page = self.page();
        page.periods.fetch_add(tally.periods, Relaxed);
        page.throttled_periods.fetch_add(tally.held, Relaxed);
        page.throttled_ns.fetch_add(tally.held_ns, Relaxed);
    }

    pub fn error(&self) {
        add(&self.page().errors);
    }

    pub fn trap(&self) {
        add(&self.page().traps);
    }

    pub fn oom(&self) {
        add(&self.page().oom);
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let ns = u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.counters.page().in_flight.fetch_sub(1, Relaxed);
        if !self.counters.latency.is_null() {
            // SAFETY: see `Counters::new`.
            let latency = unsafe { &*self.counters.latency };
            latency.sum_ns.fetch_add(ns, Relaxed);
            add(&latency.buckets[bucket(ns)]);
        }
    }
}

/// The bucket of a duration: two for each doubling, between the bounds of `counters.h`.
fn bucket(ns: u64) -> usize {
    let us = ns / 1000;
    let Some(log2) = us.checked_ilog2().filter(|&log2| log2 >= FIRST) else { return 0 };
    let half = (us >> (log2 - 1)) & 1;
    let index = 1 + 2 * (log2 - FIRST) as usize + half as usize;
    index.min(abi::LATENCY_BUCKETS - 1)
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

#[cfg(test)]
mod tests {
    use super::bucket;
    use crate::abi::LATENCY_BUCKETS;

    #[test]
    fn a_bucket_has_the_bounds_that_the_header_names() {
        let bounds = [(0, 0), (15, 0), (16, 1), (23, 1), (24, 2), (32, 3), (48, 4), (64, 5)];
        for (us, index) in bounds {
            assert_eq!(bucket(us * 1000), index, "{us} us");
            assert_eq!(bucket(us * 1000 + 999), index, "nearly {} us", us + 1);
        }
    }

    #[test]
    fn the_last_bucket_takes_all_that_is_longer() {
        assert_eq!(bucket(((1 << 26) - 1) * 1000), LATENCY_BUCKETS - 2);
        assert_eq!(bucket((1 << 26) * 1000), LATENCY_BUCKETS - 1);
        assert_eq!(bucket(u64::MAX), LATENCY_BUCKETS - 1);
    }
}
