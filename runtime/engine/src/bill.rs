// SPDX-License-Identifier: Apache-2.0
//! What a turn has cost: the time that a thread was on a processor, not the time that passed.
//!
//! Belongs here: which clock is read when. Does not belong here: who pays (queue.rs).
//!
//! A thread that the kernel has put aside in the middle of a turn would have its guest pay for
//! those who ran meanwhile. But the clock that knows better is a system call; half a microsecond
//! is much for a turn of twenty. So short turns are paid by the clock on the wall.

use crate::pace::is_patient;
use std::cell::Cell;
use std::time::Instant;

/// What is over sooner was hardly interrupted; or, if it was, the kernel took little.
const SHORT_NS: u64 = 200_000;

thread_local! {
    /// What this thread had used when it was last asked.
    static SEEN: Cell<u64> = const { Cell::new(0) };
}

pub struct Bill {
    begun: Instant,
    /// What the thread had used before; known where turns are long.
    used: Option<u64>,
}

impl Bill {
    pub fn open(begun: Instant) -> Bill {
        Bill { begun, used: is_patient().then(used) }
    }

    /// In nanoseconds.
    pub fn total(&self) -> u64 {
        let passed = u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if let Some(before) = self.used {
            return used().saturating_sub(before);
        }
        if passed < SHORT_NS {
            return passed;
        }
        // At most this turn's: since it was last asked the thread may have done other things.
        let now = used();
        passed.min(now.saturating_sub(SEEN.replace(now)))
    }
}

/// CPU time of this thread, in nanoseconds.
fn used() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: room on the stack; this clock is always there.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    u64::try_from(time.tv_sec * 1_000_000_000 + time.tv_nsec).unwrap_or(0)
}
