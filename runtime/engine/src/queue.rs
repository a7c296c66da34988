// SPDX-License-Identifier: Apache-2.0
//! The run queue: which store runs next on an engine thread.
//!
//! Belongs here: permits (one per processor), order by weighted time used, pausing, quotas.
//! Does not belong here: who is in line (lane.rs), the futures (turn.rs), interrupting them
//! (pulse.rs).
//!
//! The executor below is first come, first served, so one light guest would wait behind
//! every spinning one. Here each store future is polled only with a permit. Whoever leaves
//! hands the permit to the lane (one per task) that has used the least time for its weight;
//! within a lane it is first come, first served. A store that has been running for a whole
//! slice yields, and so is in line again.
//!
//! A slice is long for one who needs a tenth of it, and its thread may be without a processor. So
//! whoever has used hardly more than the least, and is on a thread for short turns, waits for no
//! permit: for the length of a turn there are more turns than processors, and the kernel prefers
//! the short one (pace.rs). It pays like all others, so it can do this only within its share.

use crate::counters::Counters;
use crate::pulse::{Pulse, TICK};
use crate::quota::Quota;
use slab::Slab;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// The weight for which used time counts as it is.
const WEIGHT_ONE: u64 = 100;

/// How much more than the least a lane may have used and still overtake: as much as those in line
/// are apart, and some for a burst.
const AHEAD_NS: u64 = 2 * TICK.as_nanos() as u64;

pub struct Queue {
    state: Mutex<State>,
    pulse: Pulse,
    runtime: Handle,
    epoch: Instant,
}

struct State {
    permits: usize,
    /// Permits to overtake.
    passes: usize,
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
    /// Runs without a permit.
    overtook: bool,
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
            passes: permits,
            floor: 0,
            running: Vec::with_capacity(2 * permits),
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

    pub fn enter(self: &Arc<Self>, seat: usize, waker: &Waker, overtakes: bool) -> bool {
        let entered = self.change(|state, now, errands| {
            if state.seats[seat].standing == Standing::Away {
                if overtakes && state.overtake(seat, now) {
                    return true;
                }
                state.join_line(seat, now, errands);
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

    pub fn leave(self: &Arc<Self>, seat: usize, ns: u64, again: Option<&Waker>) {
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

    pub fn add_lane(&self, counters: Arc<Counters>) -> usize {
        self.lock().lanes.insert(LaneState {
            used: 0,
            weight: WEIGHT_ONE,
            waiting: VecDeque::new(),
            ready_as: None,
            paused: false,
            quota: None,
            refill_pending: false,
            counters,
        })
    }

    pub fn remove_lane(&self, id: usize) {
        let mut state = self.lock();
        state.step_out(id);
        state.lanes.remove(id);
    }

    /// `quota` is CPU time per period.
    pub fn limit(self: &Arc<Self>, id: usize, weight: u64, quota: Option<(Duration, Duration)>) {
        self.change(|state, now, errands| {
            let lane = &mut state.lanes[id];
            lane.weight = weight.max(1);
            lane.quota = match (quota, lane.quota.take()) {
                (Some(size), Some(old)) => Some(old.resized(size, now)),
                (Some(size), None) => Some(Quota::new(size, now)),
                (None, _) => None,
            };
            state.step_out(id);
            state.line_up(id, now, errands);
        });
    }

    pub fn pause(self: &Arc<Self>, id: usize, paused: bool) {
        self.change(|state, now, errands| {
            state.lanes[id].paused = paused;
            state.step_out(id);
            state.line_up(id, now, errands);
        });
    }

    pub fn add_seat(&self, lane: usize) -> usize {
        let standing = Standing::Away;
        self.lock().seats.insert(SeatState { lane, standing, overtook: false, waker: None })
    }

    pub fn remove_seat(self: &Arc<Self>, id: usize) {
        self.change(|state, _, _| {
            match state.seats[id].standing {
                Standing::Away => {}
                Standing::Called | Standing::Running => state.give_back(id),
                Standing::Waiting => {
                    let lane_id = state.seats[id].lane;
                    let lane = &mut state.lanes[lane_id];
                    lane.waiting.retain(|&waiting| waiting != id);
                    if lane.waiting.is_empty() {
                        state.step_out(lane_id);
                    }
                }
            }
            state.seats.remove(id);
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

    /// Lets a seat that is not in line run without a permit, if it may.
    fn overtake(&mut self, seat: usize, now: u64) -> bool {
        let id = self.seats[seat].lane;
        let lane = &mut self.lanes[id];
        // Where there is a permit nobody needs to be overtaken.
        if self.permits > 0
            || self.passes == 0
            || lane.paused
            || !lane.waiting.is_empty()
            || lane.used > self.floor.saturating_add(AHEAD_NS)
            || lane.quota_wait(now).is_some()
        {
            return false;
        }
        lane.used = lane.used.max(self.floor);
        self.passes -= 1;
        self.running.push(id);
        let place = &mut self.seats[seat];
        place.standing = Standing::Running;
        place.overtook = true;
        true
    }

    /// Takes the permit of a seat back.
    fn give_back(&mut self, seat: usize) {
        let place = &mut self.seats[seat];
        place.standing = Standing::Away;
        let lane = place.lane;
        if std::mem::take(&mut place.overtook) {
            self.passes += 1;
        } else {
            self.permits += 1;
        }
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

#[cfg(test)]
mod tests;
