// SPDX-License-Identifier: Apache-2.0
//! Instances that answer many requests, several at once, where the grant says so (WASI 0.3).
//!
//! Belongs here: which instance takes a request, what bounds it, its end. Does not belong here:
//! calling the guest (exchange.rs), admission and answers (request.rs).
//!
//! Whoever brings a request polls the instance at once, on its own thread: the common answer
//! crosses no threads. When something that the guest waits for comes later, a task of the
//! instance's own does. Each engine thread has instances of its own, so that they rarely meet.

use crate::admission::Pass;
use crate::exchange::{self, Start};
use crate::request::Reply;
use crate::server::Server;
use crate::turn::{Panicked, Turn};
use futures::future::{Either, select};
use http::Request;
use std::cell::Cell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use wasmtime_wasi_http::WasiBody;

/// Requests in one instance at the same time.
const AT_ONCE: usize = 64;

/// How long an instance stays when nobody wants anything.
const IDLE: Duration = Duration::from_secs(10);

/// How often an instance is looked at whether its time is over.
const LOOK: Duration = Duration::from_secs(1);

/// What a grant allows one instance.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub requests: u64,
    pub age: Duration,
}

type Done = Result<Result<(), Start>, Panicked>;

/// A server's instances, by engine thread.
pub struct Hosts {
    rooms: Vec<Mutex<Vec<Arc<Host>>>>,
}

/// One instance and who is in it.
pub struct Host {
    /// Nothing when it is over.
    turn: Mutex<Option<Turn<Result<(), Start>>>>,
    /// How it ended, until its own task has heard of it.
    done: Mutex<Option<Done>>,
    line: Mutex<Line>,
    /// Somebody wanted to poll while another did.
    missed: AtomicBool,
    /// Wakes its own task.
    waker: OnceLock<Waker>,
    changed: Notify,
    terms: Terms,
    born: Instant,
}

struct Line {
    waiting: VecDeque<Job>,
    taken: u64,
    inside: usize,
    /// When the last one left.
    idle_since: Instant,
    /// Takes no more since then.
    closed: Option<Instant>,
    /// One of its requests took too long: it goes with the last one.
    late: bool,
}

/// A request on its way into an instance.
pub struct Job {
    pub request: Request<WasiBody>,
    pub reply: Reply,
    pub place: Place,
}

/// A request's leave to be in its server: its pass, and how long.
pub struct Leave {
    pub _pass: Pass,
    pub until: Instant,
}

/// A request's place in an instance and in its server, until the last of its answer is out.
pub struct Place {
    host: Arc<Host>,
    leave: Arc<Leave>,
}

impl Hosts {
    pub fn new(threads: usize) -> Hosts {
        Hosts { rooms: (0..threads.max(1)).map(|_| Mutex::default()).collect() }
    }

    fn room(&self) -> MutexGuard<'_, Vec<Arc<Host>>> {
        lock(&self.rooms[thread_number() % self.rooms.len()])
    }

    /// One after the other those of this thread that take more; the rest is forgotten.
    fn open(&self, number: usize) -> Option<Arc<Host>> {
        let mut room = self.room();
        while room.get(number).is_some_and(|host| host.is_closed()) {
            room.swap_remove(number);
        }
        room.get(number).cloned()
    }
}

/// A number for each thread that asks, from 0.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: Cell<Option<usize>> = const { Cell::new(None) };
    }
    MINE.with(|mine| {
        let number = mine.get().unwrap_or_else(|| NEXT.fetch_add(1, Relaxed));
        mine.set(Some(number));
        number
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a request to one of the server's instances, or to a new one.
pub fn seat(
    server: &Arc<Server>,
    terms: Terms,
    request: Request<WasiBody>,
    reply: Reply,
    leave: Leave,
) -> Arc<Host> {
    let leave = Arc::new(leave);
    let mut request = request;
    for number in 0.. {
        let Some(host) = server.hosts.open(number) else { break };
        match host.offer(request, &reply, &leave) {
            None => return host,
            Some(refused) => request = refused,
        }
    }
    let host = Host::new(terms);
    if let Some(place) = host.enter(&leave) {
        host.line().waiting.push_back(Job { request, reply, place });
    }
    let body = exchange::run_many(server.clone(), host.clone());
    let body = server.grant.slot.around(body);
    *lock(&host.turn) = Some(Turn::new(&server.task.lane, server.task.counters.clone(), body));
    server.hosts.room().push(host.clone());
    // Not as a guest, which may go on as another task: `waker` is of this one.
    server.crew.spawn(live(server.clone(), End(host.clone())));
    host
}

impl Host {
    fn new(terms: Terms) -> Arc<Host> {
        let now = Instant::now();
        Arc::new(Host {
            turn: Mutex::new(None),
            done: Mutex::new(None),
            line: Mutex::new(Line {
                waiting: VecDeque::new(),
                taken: 0,
                inside: 0,
                idle_since: now,
                closed: None,
                late: false,
            }),
            missed: AtomicBool::new(false),
            waker: OnceLock::new(),
            changed: Notify::new(),
            terms,
            born: now,
        })
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        lock(&self.line)
    }

    /// A place, if there is one.
    fn enter(self: &Arc<Self>, leave: &Arc<Leave>) -> Option<Place> {
        let mut line = self.line();
        if line.closed.is_some() || line.inside >= AT_ONCE {
            return None;
        }
        line.inside += 1;
        line.taken += 1;
        if line.taken >= self.terms.requests {
            line.closed = Some(Instant::now());
        }
        Some(Place { host: self.clone(), leave: leave.clone() })
    }

    /// Gives it a request, and runs it to its next pause. Comes back if it is busy.
    fn offer(
        self: &Arc<Self>,
        request: Request<WasiBody>,
        reply: &Reply,
        leave: &Arc<Leave>,
    ) -> Option<Request<WasiBody>> {
        let (Some(waker), Some(mut turn)) = (self.waker.get(), self.try_turn()) else {
            return Some(request);
        };
        let Some(place) = self.enter(leave) else { return Some(request) };
        self.line().waiting.push_back(Job { request, reply: reply.clone(), place });
        self.run(&mut turn, waker);
        let left = self.not_taken(turn.as_ref().is_some_and(|turn| !turn.has_run()));
        drop(turn);
        self.wake_who_missed();
        left.map(|job| job.request)
    }

    /// The request that was just added, unless the guest has it or will have it. One that computes,
    /// or that cannot be entered now, has not asked for it. An empty one that only waits for its
    /// turn keeps it: a new instance would wait for the same.
    fn not_taken(&self, waits: bool) -> Option<Job> {
        let mut line = self.line();
        if waits && line.inside == 1 { None } else { line.waiting.pop_back() }
    }

    fn step(&self) -> bool {
        let (Some(waker), Some(mut turn)) = (self.waker.get(), self.try_turn()) else {
            return false;
        };
        self.run(&mut turn, waker);
        drop(turn);
        self.wake_who_missed();
        true
    }

    fn try_turn(&self) -> Option<MutexGuard<'_, Option<Turn<Result<(), Start>>>>> {
        match self.turn.try_lock() {
            Ok(turn) => Some(turn),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn run(&self, turn: &mut Option<Turn<Result<(), Start>>>, waker: &Waker) {
        let Some(running) = turn else { return };
        if let Poll::Ready(done) = Pin::new(running).poll(&mut Context::from_waker(waker)) {
            *turn = None;
            *lock(&self.done) = Some(done);
            self.close(false);
        }
    }

    fn wake_who_missed(&self) {
        if self.missed.swap(false, SeqCst)
            && let Some(waker) = self.waker.get()
        {
            waker.wake_by_ref();
        }
    }

    /// Polled by its own task: its end.
    fn poll(&self, cx: &Context<'_>) -> Poll<Option<Done>> {
        let waker = self.waker.get_or_init(|| cx.waker().clone());
        let turn = self.try_turn().or_else(|| {
            // Whoever is in it tells us when it leaves, unless it has just left.
            self.missed.store(true, SeqCst);
            self.try_turn()
        });
        let Some(mut turn) = turn else { return Poll::Pending };
        self.run(&mut turn, waker);
        let over = turn.is_none();
        drop(turn);
        self.wake_who_missed();
        if over { Poll::Ready(lock(&self.done).take()) } else { Poll::Pending }
    }

    /// One of its requests took too long. There is no way to end one call of an instance: it takes
    /// no more, and goes when the others that are in it have their answers.
    pub fn is_late(&self) {
        self.close(true);
    }

    fn close(&self, late: bool) {
        let mut line = self.line();
        line.closed.get_or_insert_with(Instant::now);
        line.late |= late;
        drop(line);
        self.changed.notify_one();
    }

    /// The next request.
    pub fn next(&self) -> Option<Job> {
        self.line().waiting.pop_front()
    }

    /// Whether no more will come.
    pub fn is_closed(&self) -> bool {
        self.line().closed.is_some()
    }

    /// Closes it if its time is over; whether it must end now.
    fn is_over(&self, request_time: Duration) -> bool {
        let now = Instant::now();
        let mut line = self.line();
        let idle = line.inside == 0 && now >= line.idle_since + IDLE;
        if idle || now >= self.born + self.terms.age {
            line.closed.get_or_insert(now);
        }
        let Some(closed) = line.closed else { return false };
        (line.late && line.inside == 0) || now >= closed + request_time
    }
}

impl Place {
    pub fn until(&self) -> Instant {
        self.leave.until
    }

    pub fn is_late(&self) {
        self.host.is_late();
    }

    /// Runs the instance to its next pause, if nobody else does.
    pub fn step(&self) -> bool {
        self.host.step()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut line = self.host.line();
        line.inside -= 1;
        if line.inside > 0 {
            return;
        }
        line.idle_since = Instant::now();
        if line.closed.is_some() {
            drop(line);
            self.host.changed.notify_one();
        }
    }
}

/// The task of an instance: polls it when what it waits for has come, and ends it.
async fn live(server: Arc<Server>, end: End) {
    let host = &end.0;
    let mut closing = pin!(server.closed());
    let mut drained = false;
    let done = loop {
        if host.is_over(server.task.limits().request_time) {
            return;
        }
        let turned = poll_fn(|cx| host.poll(cx));
        let told = pin!(host.changed.notified());
        let events = pin!(async {
            if drained {
                told.await;
                return false;
            }
            matches!(select(closing.as_mut(), told).await, Either::Left(_))
        });
        let woken = tokio::time::timeout(LOOK, select(turned, events)).await;
        match woken {
            Ok(Either::Left((done, _))) => break done,
            Ok(Either::Right((true, _))) => {
                drained = true;
                host.close(false);
            }
            Ok(Either::Right((false, _))) | Err(_) => {}
        }
    };
    if let Some(refusal) = done.and_then(|done| server.refusal_after(done)) {
        while let Some(job) = host.next() {
            job.reply.send(Err(refusal));
        }
    }
}

/// However its task ends, the instance goes with it.
struct End(Arc<Host>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.close(false);
        let turn = lock(&self.0.turn).take();
        drop(turn);
        let waiting = std::mem::take(&mut self.0.line().waiting);
        drop(waiting);
    }
}
