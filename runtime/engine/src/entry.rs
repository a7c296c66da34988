// SPDX-License-Identifier: Apache-2.0
//! The functions of `engine.h`.
//!
//! Belongs here: pointers in and out, and nothing that could panic past this file.
//! Does not belong here: any work.
//!
//! What every function relies on: pointers are as `engine.h` says, and a handle is used by
//! nobody after its `_free`.

use crate::abi;
use crate::component::Component;
use crate::engine::Owned;
use crate::grant::Checked;
use crate::limits::Limits;
use crate::task::Task;
use crate::why::{Kind, Result, Why, catch};
use std::ffi::c_int;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

const DONE: c_int = 0;
const FAILED: c_int = -1;

/// Runs `work` and puts its failure, or its panic, into `why`.
///
/// # Safety
/// `why` is null or writable.
unsafe fn answer(why: *mut abi::EngineWhy, work: impl FnOnce() -> Result<()>) -> c_int {
    let result = catch(work).unwrap_or_else(|words| Err(Why::new(Kind::Bug, words)));
    match result {
        Ok(()) => DONE,
        Err(reason) => {
            // SAFETY: the caller's promise.
            if let Some(why) = unsafe { why.as_mut() } {
                why.set(&reason);
            }
            FAILED
        }
    }
}

/// For functions that cannot fail: a panic in them is swallowed, there is nobody to tell.
fn quietly(work: impl FnOnce()) {
    let _ = catch(work);
}

/// # Safety
/// See the head of this file; so for all that follow.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_new(
    options: *const abi::Options,
    ret_engine: *mut *mut Owned,
    why: *mut abi::EngineWhy,
) -> c_int {
    unsafe {
        answer(why, || {
            let owned = Owned::new(&*options)?;
            *ret_engine = Box::into_raw(Box::new(owned));
            Ok(())
        })
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_free(engine: *mut Owned) -> *mut Owned {
    if !engine.is_null() {
        quietly(|| drop(unsafe { Box::from_raw(engine) }));
    }
    ptr::null_mut()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_instances(engine: *const Owned) -> u32 {
    unsafe { &*engine }.engine.instances
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_component_load(
    engine: *mut Owned,
    cwasm: c_int,
    ret_info: *mut abi::ComponentInfo,
    ret_component: *mut *const Component,
    why: *mut abi::EngineWhy,
) -> c_int {
    unsafe {
        answer(why, || {
            let component = Component::load(&(*engine).engine, cwasm)?;
            if let Some(info) = ret_info.as_mut() {
                info.kind = component.program.kind();
                info.wasi_minor = component.program.wasi_minor();
            }
            *ret_component = Arc::into_raw(Arc::new(component));
            Ok(())
        })
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_component_free(component: *const Component) -> *const Component {
    if !component.is_null() {
        quietly(|| drop(unsafe { Arc::from_raw(component) }));
    }
    ptr::null()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_task_start(
    component: *const Component,
    grant: *const abi::Grant,
    watcher: *const abi::Watcher,
    ret_task: *mut *const Task,
    why: *mut abi::EngineWhy,
) -> c_int {
    unsafe {
        answer(why, || {
            let checked = Checked::read(&*grant, (&*component).engine.switchboard)?;
            Arc::increment_strong_count(component);
            let component = Arc::from_raw(component);
            let task = Task::start(component, &*grant, checked, *watcher)?;
            *ret_task = Arc::into_raw(task);
            Ok(())
        })
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_task_kill(task: *const Task) {
    quietly(|| unsafe { (*task).kill() });
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_task_drain(task: *const Task, grace_ns: u64) {
    quietly(|| unsafe { (*task).drain(Duration::from_nanos(grace_ns)) });
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_task_pause(task: *const Task) {
    quietly(|| unsafe { (*task).lane.pause(true) });
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_task_resume(task: *const Task) {
    quietly(|| unsafe { (*task).lane.pause(false) });
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_task_update(
    task: *const Task,
    limits: *const abi::Limits,
    why: *mut abi::EngineWhy,
) -> c_int {
    unsafe {
        answer(why, || {
            let task = &*task;
            let limits = Limits::from_abi(&*limits)?;
            task.component.program.check(&limits)?;
            task.update(limits);
            Ok(())
        })
    }
}

/// What a panic inside the boundary comes back as.
#[cfg(feature = "test-hooks")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_test_panic(why: *mut abi::EngineWhy) -> c_int {
    unsafe { answer(why, || panic!("a deliberate panic")) }
}

/// Whether engines made from now on reset memories as where the kernel has no PAGEMAP_SCAN.
#[cfg(feature = "test-hooks")]
static WITHOUT_SCAN: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

#[cfg(feature = "test-hooks")]
#[unsafe(no_mangle)]
pub extern "C" fn engine_test_without_scan(without: bool) {
    WITHOUT_SCAN.store(without, std::sync::atomic::Ordering::Relaxed);
}

#[cfg(feature = "test-hooks")]
pub fn scan_is_declined() -> bool {
    WITHOUT_SCAN.load(std::sync::atomic::Ordering::Relaxed)
}

/// Where starts are timed by the next command: its result is so many starts before its own.
#[cfg(feature = "test-hooks")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_test_time_starts(count: usize, ret_ns: *mut u64) {
    crate::command::TIMED.store(ret_ns, std::sync::atomic::Ordering::SeqCst);
    crate::command::TIMED_COUNT.store(count, std::sync::atomic::Ordering::SeqCst);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn engine_task_free(task: *const Task) -> *const Task {
    if !task.is_null() {
        quietly(|| {
            let task = unsafe { Arc::from_raw(task) };
            task.forget_watcher();
            task.kill();
        });
    }
    ptr::null()
}
