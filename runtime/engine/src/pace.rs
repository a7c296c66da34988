// SPDX-License-Identifier: Apache-2.0
//! The threads that poll guests: prompt ones, and patient ones for guests that compute for long.
//!
//! Belongs here: starting both kinds, what the kernel is told of them, which kind this thread is.
//! Does not belong here: who is polled by which (crew.rs), when (queue.rs).
//!
//! Prompt threads do all that is short: events, connections, a guest's first slice. They sleep
//! most of the time, and what wakes them takes a processor from a patient one at once, in the
//! middle of a slice. Patient threads have no events of their own: guests on them make their
//! sockets and timers with the prompt ones.

use crate::why::{Result, Why};
use std::cell::Cell;
use std::sync::mpsc;
use std::time::Duration;
use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};

/// Threads for what blocks and has no thread of its task ([`crate::files::threads::Threads`]): a
/// core module's calls on the numbers 0 to 2, where it has closed its stdio and opened files.
const OTHER_THREADS_MAX: usize = 16;

/// Task polls between two looks at the event loop. A poll of a guest can take a slice, and
/// nobody's input should wait for dozens of those.
const EVENT_INTERVAL: u32 = 4;

/// How far patient threads stand back behind the rest of their group: their weight is a third.
/// Enough for a kernel before 6.12, which does not know turns of different lengths.
const PATIENCE: i32 = 5;

/// The turns on a processor that the kernel is asked for, in nanoseconds. From 6.12 on, who wants
/// a shorter one has it at once.
const PROMPT_TURN_NS: u64 = 100_000;
const PATIENT_TURN_NS: u64 = 3_000_000;

thread_local! {
    static PATIENT: Cell<bool> = const { Cell::new(false) };
}

pub fn is_patient() -> bool {
    PATIENT.with(Cell::get)
}

/// Where to run what.
#[derive(Clone)]
pub struct Paces {
    pub prompt: Handle,
    pub patient: Handle,
}

impl Paces {
    /// On a patient thread: while the guard lives, sockets and timers are of the prompt ones.
    pub fn at_home(&self) -> Option<EnterGuard<'_>> {
        is_patient().then(|| self.prompt.enter())
    }
}

/// Both kinds, until they are taken down.
pub struct Crowd {
    prompt: Runtime,
    patient: Runtime,
}

impl Crowd {
    /// `threads` of each kind. `begin` is called by each at its start.
    pub fn start(threads: usize, begin: fn()) -> Result<Crowd> {
        let failed = |error| Why::system("start the threads", error);
        let prompt = with_prompt_threads(|| {
            Builder::new_multi_thread()
                .worker_threads(threads)
                .max_blocking_threads(OTHER_THREADS_MAX)
                .event_interval(EVENT_INTERVAL)
                .thread_name("engine")
                .on_thread_start(begin)
                .enable_io()
                .enable_time()
                .build()
        })
        .map_err(failed)?;
        let (tell, told) = mpsc::channel();
        let patient = Builder::new_multi_thread()
            .worker_threads(threads)
            // Whoever is called by the queue, or ended, comes from another thread.
            .global_queue_interval(1)
            .thread_name("engine-patient")
            .on_thread_start(move || {
                begin();
                stand_back();
                // Nobody listens any more where starting them took too long.
                let _ = tell.send(());
            })
            .build()
            .map_err(failed)?;
        // The owner may forbid the calls of `stand_back` as soon as there is an engine.
        for _ in 0..threads {
            let _ = told.recv_timeout(Duration::from_secs(1));
        }
        Ok(Crowd { prompt, patient })
    }

    pub fn paces(&self) -> Paces {
        Paces { prompt: self.prompt.handle().clone(), patient: self.patient.handle().clone() }
    }

    /// Waits at most so long for each kind.
    pub fn shut_down(self, at_most: Duration) {
        self.patient.shutdown_timeout(at_most);
        self.prompt.shutdown_timeout(at_most);
    }
}

/// What is made by `make` has threads that run as soon as their time has come: the kernel hands
/// on what it knows of this one to those that it starts. Best effort, as all of this.
pub fn with_prompt_threads<T>(make: impl FnOnce() -> T) -> T {
    let before = attributes();
    if let Some(before) = &before {
        set(&libc::sched_attr { sched_runtime: PROMPT_TURN_NS, ..*before });
    }
    let made = make();
    if let Some(before) = &before {
        set(before);
    }
    made
}

fn stand_back() {
    PATIENT.with(|cell| cell.set(true));
    let Some(mut wanted) = attributes() else { return };
    if wanted.sched_policy == libc::SCHED_OTHER as u32 {
        wanted.sched_policy = libc::SCHED_BATCH as u32;
    }
    wanted.sched_nice = (wanted.sched_nice + PATIENCE).min(19);
    wanted.sched_runtime = PATIENT_TURN_NS;
    set(&wanted);
}

/// What the kernel knows of this thread.
fn attributes() -> Option<libc::sched_attr> {
    let size = size_of::<libc::sched_attr>();
    // SAFETY: plain numbers, for which zeros are fine, and their size.
    unsafe {
        let mut found: libc::sched_attr = std::mem::zeroed();
        let done = libc::syscall(libc::SYS_sched_getattr, 0, &raw mut found, size, 0);
        (done == 0).then_some(found)
    }
}

fn set(wanted: &libc::sched_attr) {
    // SAFETY: a structure that says its size, this thread's own attributes.
    unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const *wanted, 0) };
}
