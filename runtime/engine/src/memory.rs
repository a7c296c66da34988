// SPDX-License-Identifier: Apache-2.0
//! One memory budget per task, over all its instances.
//!
//! Belongs here: taking and giving back, refusing, remembering the refusal.
//! Does not belong here: waiting for room (request.rs), what a refusal leads to (fault.rs).

use crate::counters::Counters;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use tokio::sync::Notify;
use wasmtime::ResourceLimiter;

/// What an instance costs besides its memories and tables: the store, the instance's own
/// data, the touched part of its stack, page tables.
const INSTANCE_BYTES: u64 = 32 << 10;

const TABLE_ELEMENT_BYTES: u64 = 8;

pub struct Budget {
    limit: AtomicU64,
    held: AtomicU64,
    freed: Notify,
    counters: Arc<Counters>,
}

impl Budget {
    pub fn new(limit: u64, counters: Arc<Counters>) -> Arc<Budget> {
        Arc::new(Budget {
            limit: AtomicU64::new(limit),
            held: AtomicU64::new(0),
            freed: Notify::new(),
            counters,
        })
    }

    pub fn limit(&self) -> u64 {
        self.limit.load(Relaxed)
    }

    pub fn set_limit(&self, bytes: u64) {
        self.limit.store(bytes, Relaxed);
        self.freed.notify_waiters();
    }

    pub fn held(&self) -> u64 {
        self.held.load(Relaxed)
    }

    /// Completes when something is given back after this call.
    pub fn freed(&self) -> tokio::sync::futures::Notified<'_> {
        self.freed.notified()
    }

    fn take(&self, bytes: u64) -> bool {
        let limit = self.limit();
        let fits = |held: u64| held.checked_add(bytes).filter(|&sum| sum <= limit);
        if self.held.fetch_update(Relaxed, Relaxed, fits).is_err() {
            return false;
        }
        self.counters.memory_taken(bytes);
        true
    }

    fn release(&self, bytes: u64) {
        self.held.fetch_sub(bytes, Relaxed);
        self.counters.memory_released(bytes);
        self.freed.notify_waiters();
    }
}

/// What one store holds of the budget; gives it back when dropped.
pub struct Meter {
    budget: Arc<Budget>,
    held: u64,
    refused: Option<u64>,
}

impl Meter {
    /// A meter that has taken an instance's constant, or nothing but the refusal.
    pub fn new(budget: &Arc<Budget>) -> Meter {
        let mut meter = Meter { budget: budget.clone(), held: 0, refused: None };
        meter.grow(INSTANCE_BYTES);
        meter.budget.counters.instance_born();
        meter
    }

    fn grow(&mut self, bytes: u64) -> bool {
        let taken = self.budget.take(bytes);
        if taken {
            self.held += bytes;
        } else {
            self.refused = Some(bytes);
        }
        taken
    }

    /// A sentence on the last refusal, if there was one.
    pub fn refusal(&self) -> Option<String> {
        let bytes = self.refused?;
        let limit = self.budget.limit();
        Some(format!("the memory limit of {limit} bytes has no room for another {bytes}"))
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.budget.counters.instance_gone();
        if self.held > 0 {
            self.budget.release(self.held);
        }
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // Beyond what the memory itself declares nothing would be given; it must not
        // count as taken, nor as refused by us.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        Ok(self.grow(desired.saturating_sub(current) as u64))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let elements = desired.saturating_sub(current) as u64;
        Ok(self.grow(elements.saturating_mul(TABLE_ELEMENT_BYTES)))
    }
}
