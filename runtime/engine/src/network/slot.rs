// SPDX-License-Identifier: Apache-2.0
//! Which task a thread acts for, for those who make its sockets.
//!
//! Belongs here: writing the switchboard around each poll of a task's futures.
//! Does not belong here: reading it (who answers `socket(2)` does).

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

/// One more than the largest thread id of Linux (PID_MAX_LIMIT, 4194304).
pub const SLOTS: usize = 4_194_305;

/// Shared memory with a slot for each thread id; null: nobody asks.
#[derive(Clone, Copy)]
pub struct Switchboard(*mut u32);

// SAFETY: only touched by atomic operations; `engine.h` has it outlive the engine.
unsafe impl Send for Switchboard {}
unsafe impl Sync for Switchboard {}

impl Switchboard {
    /// # Safety
    /// `slots` is null, or [`SLOTS`] aligned words that outlive the engine.
    pub unsafe fn new(slots: *mut u32) -> Switchboard {
        Switchboard(slots)
    }

    /// The word of this thread.
    pub fn word(&self) -> Option<&AtomicU32> {
        let thread = THREAD.with(|cell| {
            if cell.get() == 0 {
                // SAFETY: asks for a number.
                cell.set(usize::try_from(unsafe { libc::gettid() }).unwrap_or(SLOTS));
            }
            cell.get()
        });
        if self.0.is_null() || thread >= SLOTS {
            return None;
        }
        // SAFETY: in bounds of what the owner promised.
        Some(unsafe { AtomicU32::from_ptr(self.0.add(thread)) })
    }
}

thread_local! {
    static THREAD: Cell<usize> = const { Cell::new(0) };
}

/// A task's mark on the switchboard; 0 for a task without a network.
#[derive(Clone, Copy)]
pub struct Slot {
    pub board: Switchboard,
    pub id: u32,
}

impl Slot {
    /// The same future, with this thread marked during each of its polls and its end.
    pub fn around<F: Future>(self, work: F) -> Around<F> {
        Around { work: Some(Box::pin(work)), slot: self }
    }

    /// Does something with this thread marked.
    pub fn during<R>(self, work: impl FnOnce() -> R) -> R {
        let _mark = self.enter();
        work()
    }

    fn enter(&self) -> Mark<'_> {
        let word = self.board.word();
        let before = word.map_or(0, |word| word.swap(self.id, Ordering::SeqCst));
        Mark { word, before }
    }
}

/// Takes the mark back, also when the poll panics.
struct Mark<'a> {
    word: Option<&'a AtomicU32>,
    before: u32,
}

impl Drop for Mark<'_> {
    fn drop(&mut self) {
        if let Some(word) = self.word {
            word.store(self.before, Ordering::SeqCst);
        }
    }
}

pub struct Around<F> {
    work: Option<Pin<Box<F>>>,
    slot: Slot,
}

impl<F: Future> Future for Around<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let slot = self.slot;
        let _mark = slot.enter();
        match &mut self.work {
            Some(work) => work.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<F> Drop for Around<F> {
    fn drop(&mut self) {
        let slot = self.slot;
        let _mark = slot.enter();
        self.work = None;
    }
}
