// SPDX-License-Identifier: Apache-2.0
//! A store's future, polled in its turn: metered, interruptible, its panics its own.
//!
//! Belongs here: what happens around each poll. Does not belong here: whose turn it is
//! (queue.rs), what runs (guest.rs).

use crate::bill::Bill;
use crate::counters::Counters;
use crate::lane::{Lane, Seat};
use crate::pace::is_patient;
use crate::pulse::TICK;
use crate::why::catch;
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

/// How long a store runs before it must queue again; it is looked at every tick.
const SLICE_NS: u64 = TICK.as_nanos() as u64;

/// A future that is polled only with a permit, metered, and whose panics are its own.
pub struct Turn<T> {
    // Before the seat: what runs is dropped before its place.
    work: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    seat: Seat,
    counters: Arc<Counters>,
    ran: bool,
    is_long: bool,
}

/// The words of a panic inside a [`Turn`].
pub struct Panicked(pub String);

impl<T> Turn<T> {
    pub fn new(
        lane: &Arc<Lane>,
        counters: Arc<Counters>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Turn<T> {
        Turn {
            work: Some(Box::pin(work)),
            seat: Seat::new(lane),
            counters,
            ran: false,
            is_long: false,
        }
    }

    /// Whether it had its permit when it was last polled.
    pub fn has_run(&self) -> bool {
        self.ran
    }

    /// Whether it was interrupted when it last ran.
    pub fn is_long(&self) -> bool {
        self.is_long
    }
}

impl<T> Future for Turn<T> {
    type Output = Result<T, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.ran = this.seat.enter(cx.waker(), !is_patient());
        if !this.ran {
            return Poll::Pending;
        }
        let started = Instant::now();
        let bill = Bill::open(started);
        STARTED.with(|cell| cell.set(Some(started)));
        INTERRUPTED.with(|cell| cell.set(false));
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
        let ns = bill.total();
        this.counters.cpu(ns);
        let again = polled.is_pending() && INTERRUPTED.with(Cell::get);
        this.is_long = again;
        LAST.with(|cell| cell.set(Some(if again { Last::Interrupted } else { Last::Paused })));
        this.seat.leave(ns, again.then(|| cx.waker()));
        polled
    }
}

thread_local! {
    /// When this thread entered the store that it is polling.
    static STARTED: Cell<Option<Instant>> = const { Cell::new(None) };
    /// Whether that store was made to yield.
    static INTERRUPTED: Cell<bool> = const { Cell::new(false) };
    /// How the last turn on this thread ended, until somebody has asked.
    static LAST: Cell<Option<Last>> = const { Cell::new(None) };
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// It was made to yield, and goes on when it may.
    Interrupted,
    /// It waits for something, or is over.
    Paused,
}

/// How the last turn on this thread ended, if there was one since this was asked before.
pub fn last() -> Option<Last> {
    LAST.with(Cell::take)
}

/// Asked at each tick by the store that this thread is polling: whether it shall yield. A
/// store that was idle past its deadline is not sent away at its first step: the slice
/// counts from when it was entered.
pub fn shall_yield() -> bool {
    let over = STARTED
        .with(Cell::get)
        .is_none_or(|at| u64::try_from(at.elapsed().as_nanos()).is_ok_and(|ns| ns >= SLICE_NS));
    if over {
        INTERRUPTED.with(|cell| cell.set(true));
    }
    over
}
