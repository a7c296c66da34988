// SPDX-License-Identifier: Apache-2.0
//! Memory that is gone ends the job with a sentence instead of an abort.
//!
//! Belongs here: the allocator's refusal. How much there is, the sandbox decides (RLIMIT_AS).

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicPtr, Ordering};

/// What the program wants to be told; it does not return.
pub type OnGone = unsafe extern "C" fn();

static ON_GONE: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// From now on `gone` is called, once per failing thread, when an allocation fails.
pub fn watch(gone: OnGone) {
    ON_GONE.store(gone as *mut (), Ordering::Release);
}

struct Watched;

#[global_allocator]
static ALLOCATOR: Watched = Watched;

fn checked(memory: *mut u8) -> *mut u8 {
    let gone = ON_GONE.load(Ordering::Acquire);
    if memory.is_null() && !gone.is_null() {
        // SAFETY: only watch() stores here, and only functions of this type.
        unsafe { std::mem::transmute::<*mut (), OnGone>(gone)() };
    }
    memory
}

// SAFETY: everything is the system allocator's; checked() hands its results on unchanged.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the system allocator's.
        checked(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        checked(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        checked(unsafe { System.realloc(memory, layout, size) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}
