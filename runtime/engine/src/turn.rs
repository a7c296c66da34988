// SPDX-License-Identifier: Apache-2.0
//! The run queue: which store runs next on an engine thread.
//!
//! Belongs here: permits (one per thread), order by weighted time used, pausing, quotas.
//! Does not belong here: what runs (guest.rs), the interruption of what runs (pulse.rs).
//!
//! The executor below is first come, first served, so one light guest would wait behind
//! every spinning one. Here each store future is polled only with a permit. Whoever leaves
//! hands the permit to the lane (one per task) that has used the least time for its weight;
//! within a lane it is first come, first served. A store that has been running for a whole
//! slice yields, and so queues again.

use crate::counters::Counters;
use crate::pulse::{Pulse, TICK};
use crate::quota::Quota;
use crate::why::catch;
use slab::Slab;
use std::cell::Cell;
use std::collections::{BTreeSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// How long a store runs before it must queue again; it is looked at every tick.
const SLICE_NS: u64 = TICK.as_nanos() as u64;

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
    /// Time used by the lane that was served last: a lane that returns from idling starts
    /// here, so that it cannot save up time.
    floor: u64,
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

    /// Whether the seat may run now; if not, `waker` is woken when it may.
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

    fn leave(self: &Arc<Self>, seat: usize, ns: u64) {
        self.pulse.leave();
        self.change(|state, _, _| {
            state.seats[seat].standing = Standing::Away;
            state.permits += 1;
            let lane = &mut state.lanes[state.seats[seat].lane];
            lane.used = lane.used.saturating_add(ns.saturating_mul(WEIGHT_ONE) / lane.weight);
            if let Some(quota) = &mut lane.quota {
                quota.charge(ns);
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
        if let Some(wait) = lane.quota.as_mut().and_then(|quota| quota.wait(now)) {
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

    /// Hands out permits as long as there are permits and lanes that want one.
    fn call_next(&mut self, now: u64, errands: &mut Errands) {
        while self.permits > 0 {
            let Some(&(used, id)) = self.ready.first() else { return };
            self.step_out(id);
            let lane = &mut self.lanes[id];
            if lane.used > used || lane.quota.as_mut().is_some_and(|q| q.wait(now).is_some()) {
                // Others of the lane ran since it joined: it belongs further back.
                self.line_up(id, now, errands);
                continue;
            }
            self.floor = self.floor.max(used);
            if let Some(seat) = lane.waiting.pop_front() {
                self.permits -= 1;
                let place = &mut self.seats[seat];
                place.standing = Standing::Called;
                errands.wake.extend(place.waker.take());
            }
            self.line_up(id, now, errands);
        }
    }
}

/// A task's line in front of the threads. Its seats keep it.
pub struct Lane {
    queue: Arc<Queue>,
    id: usize,
}

impl Lane {
    pub fn new(queue: &Arc<Queue>) -> Arc<Lane> {
        let id = queue.lock().lanes.insert(LaneState {
            used: 0,
            weight: WEIGHT_ONE,
            waiting: VecDeque::new(),
            ready_as: None,
            paused: false,
            quota: None,
            refill_pending: false,
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
struct Seat {
    lane: Arc<Lane>,
    id: usize,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.lane.queue.change(|state, _, _| {
            let gone = state.seats.remove(self.id);
            match gone.standing {
                Standing::Away => {}
                Standing::Called | Standing::Running => state.permits += 1,
                Standing::Waiting => {
                    let lane = &mut state.lanes[gone.lane];
                    lane.waiting.retain(|&waiting| waiting != self.id);
                    if lane.waiting.is_empty() {
                        state.step_out(gone.lane);
                    }
                }
            }
        });
    }
}

/// A future that is polled only with a permit, metered, and whose panics are its own.
pub struct Turn<T> {
    // Before the seat: what runs is dropped before its place.
    work: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    seat: Seat,
    counters: Arc<Counters>,
}

/// The words of a panic inside a [`Turn`].
pub struct Panicked(pub String);

impl<T> Turn<T> {
    pub fn new(
        lane: &Arc<Lane>,
        counters: Arc<Counters>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Turn<T> {
        let place = SeatState { lane: lane.id, standing: Standing::Away, waker: None };
        let id = lane.queue.lock().seats.insert(place);
        let seat = Seat { lane: lane.clone(), id };
        Turn { work: Some(Box::pin(work)), seat, counters }
    }
}

impl<T> Future for Turn<T> {
    type Output = Result<T, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let queue = &this.seat.lane.queue;
        if !queue.enter(this.seat.id, cx.waker()) {
            return Poll::Pending;
        }
        let started = Instant::now();
        STARTED.with(|cell| cell.set(Some(started)));
        let polled = catch(|| match &mut this.work {
            Some(work) => work.as_mut().poll(cx).map(Ok),
            None => Poll::Ready(Err(Panicked("polled after its end".into()))),
        });
        let polled = match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(result)) => Poll::Ready(result),
            Err(words) => Poll::Ready(Err(Panicked(words))),
        };
        if polled.is_ready() {
            // Tearing a store down is the guest's bill as well. A panic in it is a
            // second failure of the same store: the first one is reported.
            let work = this.work.take();
            let _ = catch(|| drop(work));
        }
        STARTED.with(|cell| cell.set(None));
        let ns = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        this.counters.cpu(ns);
        queue.leave(this.seat.id, ns);
        polled
    }
}

thread_local! {
    /// When this thread entered the store that it is polling.
    static STARTED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Whether the store that this thread is polling has used up its slice. A store that was
/// idle past its deadline is not told to leave at its first step: the slice counts from
/// when it was entered.
pub fn slice_is_over() -> bool {
    STARTED.with(Cell::get).is_none_or(|at| at.elapsed().as_nanos() as u64 >= SLICE_NS)
}
