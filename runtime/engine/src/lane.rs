// SPDX-License-Identifier: Apache-2.0
//! A task's line in front of the threads, and its stores' places in it.
//!
//! Belongs here: what holds a place in the run queue, and gives it back. Does not belong here:
//! the order (queue.rs).

use crate::counters::Counters;
use crate::queue::Queue;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

/// A task's line in front of the threads. Its seats keep it.
pub struct Lane {
    queue: Arc<Queue>,
    id: usize,
}

impl Lane {
    pub fn new(queue: &Arc<Queue>, counters: Arc<Counters>) -> Arc<Lane> {
        Arc::new(Lane { queue: queue.clone(), id: queue.add_lane(counters) })
    }

    /// `quota` is CPU time per period.
    pub fn limit(&self, weight: u64, quota: Option<(Duration, Duration)>) {
        self.queue.limit(self.id, weight, quota);
    }

    pub fn pause(&self, paused: bool) {
        self.queue.pause(self.id, paused);
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.queue.remove_lane(self.id);
    }
}

/// One store's place in its task's lane.
pub struct Seat {
    lane: Arc<Lane>,
    id: usize,
}

impl Seat {
    pub fn new(lane: &Arc<Lane>) -> Seat {
        Seat { lane: lane.clone(), id: lane.queue.add_seat(lane.id) }
    }

    /// Whether the store may run now; if not, `waker` is woken when it may. `overtakes`: this
    /// thread is one that need not wait for others.
    pub fn enter(&self, waker: &Waker, overtakes: bool) -> bool {
        self.lane.queue.enter(self.id, waker, overtakes)
    }

    /// After `ns` nanoseconds. `again` is who to wake if the store was interrupted and wants
    /// to go on at once: it keeps its right to the time that is due to it only by being in
    /// line all the while.
    pub fn leave(&self, ns: u64, again: Option<&Waker>) {
        self.lane.queue.leave(self.id, ns, again);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.lane.queue.remove_seat(self.id);
    }
}
