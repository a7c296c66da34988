// SPDX-License-Identifier: Apache-2.0
//! Counting into the page that the worker shares with its supervisor.
//!
//! Belongs here: the additions. Does not belong here: when to make them.

use crate::abi;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// One task's counters: the owner's memory, or our own where none was given.
pub struct Counters {
    shared: *const abi::Counters,
    own: abi::Counters,
}

// SAFETY: only atomics lie behind the pointer, and `engine.h` makes the owner keep the
// page mapped until the task's end was reported; nothing counts after that.
unsafe impl Send for Counters {}
unsafe impl Sync for Counters {}

impl Counters {
    /// # Safety
    /// `shared` is null, or stays valid until the task's end was reported.
    pub unsafe fn new(shared: *const abi::Counters) -> Counters {
        Counters { shared, own: abi::Counters::default() }
    }

    fn page(&self) -> &abi::Counters {
        if self.shared.is_null() {
            return &self.own;
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

    pub fn request(&self) {
        add(&self.page().requests);
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

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}
