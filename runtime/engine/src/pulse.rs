// SPDX-License-Identifier: Apache-2.0
//! The epoch tick: one thread that interrupts guests, and sleeps while none runs.
//!
//! Belongs here: counting the threads inside guests, ticking. Does not belong here: what
//! an interrupted guest does then (guest.rs), who runs next (turn.rs).

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

/// How often a guest that runs is looked at.
pub const TICK: Duration = Duration::from_millis(1);

/// Ticks without anyone running until the thread sleeps. Above one, so that short turns
/// in quick succession do not wake it each time.
const IDLE_TICKS: u32 = 16;

#[derive(Default)]
struct Shared {
    running: AtomicUsize,
    asleep: AtomicBool,
    stop: AtomicBool,
}

/// Told by the run queue who enters and leaves guests.
#[derive(Clone)]
pub struct Pulse {
    shared: Arc<Shared>,
    thread: Thread,
}

/// The thread; dropping it ends the thread.
pub struct Ticker {
    pulse: Pulse,
    join: Option<JoinHandle<()>>,
}

impl Pulse {
    pub fn enter(&self) {
        // The order against `asleep` is what keeps a tick from being lost: either the
        // ticker sees us running, or we see it asleep.
        self.shared.running.fetch_add(1, SeqCst);
        if self.shared.asleep.load(SeqCst) && self.shared.asleep.swap(false, SeqCst) {
            self.thread.unpark();
        }
    }

    pub fn leave(&self) {
        self.shared.running.fetch_sub(1, SeqCst);
    }
}

impl Ticker {
    pub fn start(tick: impl Fn() + Send + 'static) -> std::io::Result<Ticker> {
        let shared = Arc::new(Shared::default());
        let for_thread = shared.clone();
        let join = std::thread::Builder::new()
            .name("engine-tick".into())
            .spawn(move || run(&for_thread, tick))?;
        let pulse = Pulse { shared, thread: join.thread().clone() };
        Ok(Ticker { pulse, join: Some(join) })
    }

    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.pulse.shared.stop.store(true, SeqCst);
        self.pulse.thread.unpark();
        if let Some(join) = self.join.take() {
            // A panic of the ticker has nobody left to matter to.
            let _ = join.join();
        }
    }
}

fn run(shared: &Shared, tick: impl Fn()) {
    let mut idle = 0;
    while !shared.stop.load(Relaxed) {
        std::thread::sleep(TICK);
        tick();
        if shared.running.load(Relaxed) > 0 {
            idle = 0;
            continue;
        }
        idle += 1;
        if idle >= IDLE_TICKS {
            sleep_until_needed(shared);
            idle = 0;
        }
    }
}

fn sleep_until_needed(shared: &Shared) {
    shared.asleep.store(true, SeqCst);
    if shared.running.load(SeqCst) > 0 {
        shared.asleep.store(false, SeqCst);
        return;
    }
    while shared.asleep.load(SeqCst) && !shared.stop.load(SeqCst) {
        std::thread::park();
    }
}
