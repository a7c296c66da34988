// SPDX-License-Identifier: Apache-2.0
//! The run queue: which store runs next on an engine thread.
//!
//! Belongs here: permits (one per thread), order by weighted time used, pausing, quotas.
//! Does not belong here: the futures in line (turn.rs), interrupting them (pulse.rs).
//!
//! The executor below is first come, first served, so one light guest would wait behind
//! every spinning one. Here each store future is polled only with a permit. Whoever leaves
//! hands the permit to the lane (one per task) that has used the least time for its weight;
//! within a lane it is first come, first served. A store that has been running for a whole
//! slice yields, and so is in line again.

use crate::counters::Counters;
use crate::pulse::Pulse;
use crate::quota::Quota;
use slab::Slab;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// The weight for which used time counts as it is.
const WEIGHT_ONE: u64 = 100;

pub struct Queue {
    state: Mutex<State>,
    pulse: Pulse,
    runtime: Handle,
    epoch: Instant,
}

struct State {
    permits: usize,
    /// The least time used among the lanes that want to run: a lane that returns from idling
    /// starts here, so that it cannot save up time.
    floor: u64,
    /// The lane of each permit that is out.
    running: Vec<usize>,
    /// Lanes that have someone waiting and may run, by time used (as of when they joined).
    ready: BTreeSet<(u64, usize)>,
    lanes: Slab<LaneState>,
    seats: Slab<SeatState>,
}

struct LaneState {
    used: u64,
    weight: u64,
    waiting: VecDeque<usize>,
    ready_as: Option<u64>,
    paused: bool,
    quota: Option<Quota>,
    refill_pending: bool,
    counters: Arc<Counters>,
}

struct SeatState {
    lane: usize,
    standing: Standing,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Not in line: nothing to do, or being polled by nobody.
    Away,
    Waiting,
    /// Holds a permit and has been woken to use it.
    Called,
    /// Holds a permit, is being polled.
    Running,
}

/// What a change of the queue leaves to be done without its lock.
#[derive(Default)]
struct Errands {
    wake: Vec<Waker>,
    refills: Vec<(usize, u64)>,
}

impl Queue {
    pub fn new(permits: usize, pulse: Pulse, runtime: Handle) -> Arc<Queue> {
        let state = State {
            permits,
            floor: 0,
            running: Vec::with_capacity(permits),
            ready: BTreeSet::new(),
            lanes: Slab::new(),
            seats: Slab::new(),
        };
        Arc::new(Queue { state: Mutex::new(state), pulse, runtime, epoch: Instant::now() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code of others runs under the lock; a poisoned state is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn run_errands(self: &Arc<Self>, errands: Errands) {
        for waker in errands.wake {
            waker.wake();
        }
        for (lane, wait_ns) in errands.refills {
            let queue = self.clone();
            self.runtime.spawn(async move {
                tokio::time::sleep(Duration::from_nanos(wait_ns)).await;
                queue.change(|state, now, errands| {
                    if let Some(lane) = state.lanes.get_mut(lane) {
                        lane.refill_pending = false;
                    }
                    state.line_up(lane, now, errands);
                });
            });
        }
    }

    fn change<R>(self: &Arc<Self>, work: impl FnOnce(&mut State, u64, &mut Errands) -> R) -> R {
        let mut errands = Errands::default();
        let result = {
            let mut state = self.lock();
            let now = self.now();
            let result = work(&mut state, now, &mut errands);
            state.call_next(now, &mut errands);
            result
        };
        self.run_errands(errands);
        result
    }

    fn enter(self: &Arc<Self>, seat: usize, waker: &Waker) -> bool {
        let entered = self.change(|state, now, errands| {
            match state.seats[seat].standing {
                Standing::Away => state.join_line(seat, now, errands),
                Standing::Waiting | Standing::Called | Standing::Running => {}
            }
            state.call_next(now, errands);
            let place = &mut state.seats[seat];
            if place.standing == Standing::Called {
                place.standing = Standing::Running;
                return true;
            }
            place.waker = Some(waker.clone());
            false
        });
        if entered {
            self.pulse.enter();
        }
        entered
    }

    fn leave(self: &Arc<Self>, seat: usize, ns: u64, again: Option<&Waker>) {
        self.pulse.leave();
        self.change(|state, now, errands| {
            state.give_back(seat);
            let lane = &mut state.lanes[state.seats[seat].lane];
            lane.used = lane.used.saturating_add(ns.saturating_mul(WEIGHT_ONE) / lane.weight);
            if let Some(quota) = &mut lane.quota {
                quota.charge(ns);
            }
            if let Some(waker) = again {
                state.seats[seat].waker = Some(waker.clone());
                state.join_line(seat, now, errands);
            }
        });
    }
}

impl State {
    fn join_line(&mut self, seat: usize, now: u64, errands: &mut Errands) {
        let place = &mut self.seats[seat];
        place.standing = Standing::Waiting;
        let lane = place.lane;
        self.lanes[lane].waiting.push_back(seat);
        self.line_up(lane, now, errands);
    }

    /// Puts a lane among the ready ones, if someone waits in it and it may run.
    fn line_up(&mut self, id: usize, now: u64, errands: &mut Errands) {
        let Some(lane) = self.lanes.get_mut(id) else { return };
        if lane.waiting.is_empty() || lane.paused || lane.ready_as.is_some() {
            return;
        }
        if let Some(wait) = lane.quota_wait(now) {
            if !std::mem::replace(&mut lane.refill_pending, true) {
                errands.refills.push((id, wait));
            }
            return;
        }
        lane.used = lane.used.max(self.floor);
        lane.ready_as = Some(lane.used);
        self.ready.insert((lane.used, id));
    }

    fn step_out(&mut self, id: usize) {
        if let Some(used) = self.lanes[id].ready_as.take() {
            self.ready.remove(&(used, id));
        }
    }

    /// Takes the permit of a seat back.
    fn give_back(&mut self, seat: usize) {
        let place = &mut self.seats[seat];
        place.standing = Standing::Away;
        let lane = place.lane;
        self.permits += 1;
        if let Some(at) = self.running.iter().position(|&running| running == lane) {
            self.running.swap_remove(at);
        }
    }

    /// Hands out permits as long as there are permits and lanes that want one.
    fn call_next(&mut self, now: u64, errands: &mut Errands) {
        while self.permits > 0 {
            let Some(&(used, id)) = self.ready.first() else { return };
            self.step_out(id);
            let lane = &mut self.lanes[id];
            if lane.used > used || lane.quota_wait(now).is_some() {
                // Others of the lane ran since it joined: it belongs further back.
                self.line_up(id, now, errands);
                continue;
            }
            let least = self.running.iter().map(|&running| self.lanes[running].used).min();
            self.floor = self.floor.max(least.map_or(used, |least| least.min(used)));
            if let Some(seat) = self.lanes[id].waiting.pop_front() {
                self.permits -= 1;
                self.running.push(id);
                let place = &mut self.seats[seat];
                place.standing = Standing::Called;
                errands.wake.extend(place.waker.take());
            }
            self.line_up(id, now, errands);
        }
    }
}

impl LaneState {
    /// Nothing where the quota lets it run; else how many nanoseconds until it may.
    fn quota_wait(&mut self, now: u64) -> Option<u64> {
        let quota = self.quota.as_mut()?;
        let wait = quota.wait(now);
        if let Some(tally) = quota.tally() {
            self.counters.quota(tally);
        }
        wait
    }
}

/// A task's line in front of the threads. Its seats keep it.
pub struct Lane {
    queue: Arc<Queue>,
    id: usize,
}

impl Lane {
    pub fn new(queue: &Arc<Queue>, counters: Arc<Counters>) -> Arc<Lane> {
        let id = queue.lock().lanes.insert(LaneState {
            used: 0,
            weight: WEIGHT_ONE,
            waiting: VecDeque::new(),
            ready_as: None,
            paused: false,
            quota: None,
            refill_pending: false,
            counters,
        });
        Arc::new(Lane { queue: queue.clone(), id })
    }

    /// `quota` is CPU time per period.
    pub fn limit(&self, weight: u64, quota: Option<(Duration, Duration)>) {
        self.queue.change(|state, now, errands| {
            let lane = &mut state.lanes[self.id];
            lane.weight = weight.max(1);
            lane.quota = match (quota, lane.quota.take()) {
                (Some(size), Some(old)) => Some(old.resized(size, now)),
                (Some(size), None) => Some(Quota::new(size, now)),
                (None, _) => None,
            };
            state.step_out(self.id);
            state.line_up(self.id, now, errands);
        });
    }

    pub fn pause(&self, paused: bool) {
        self.queue.change(|state, now, errands| {
            state.lanes[self.id].paused = paused;
            state.step_out(self.id);
            state.line_up(self.id, now, errands);
        });
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.step_out(self.id);
        state.lanes.remove(self.id);
    }
}

/// One store's place in its task's lane.
pub struct Seat {
    lane: Arc<Lane>,
    id: usize,
}

impl Seat {
    pub fn new(lane: &Arc<Lane>) -> Seat {
        let place = SeatState { lane: lane.id, standing: Standing::Away, waker: None };
        let id = lane.queue.lock().seats.insert(place);
        Seat { lane: lane.clone(), id }
    }

    /// Whether the store may run now; if not, `waker` is woken when it may.
    pub fn enter(&self, waker: &Waker) -> bool {
        self.lane.queue.enter(self.id, waker)
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
        self.lane.queue.change(|state, _, _| {
            match state.seats[self.id].standing {
                Standing::Away => {}
                Standing::Called | Standing::Running => state.give_back(self.id),
                Standing::Waiting => {
                    let id = state.seats[self.id].lane;
                    let lane = &mut state.lanes[id];
                    lane.waiting.retain(|&waiting| waiting != self.id);
                    if lane.waiting.is_empty() {
                        state.step_out(id);
                    }
                }
            }
            state.seats.remove(self.id);
        });
    }
}
