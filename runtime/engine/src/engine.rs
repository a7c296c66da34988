// SPDX-License-Identifier: Apache-2.0
//! The engine: one Wasmtime, its threads, its clock, and the list of what runs.
//!
//! Belongs here: making it, sizing it, taking it down. Does not belong here: components
//! (component.rs) and tasks (task.rs).

use crate::abi;
use crate::descriptors::Numbers;
#[cfg(feature = "test-hooks")]
use crate::entry::scan_is_declined;
use crate::files::threads::Threads;
use crate::guest::Guest;
use crate::linker;
use crate::network::slot::Switchboard;
use crate::pace::{self, Crowd, Paces};
use crate::parts::Composer;
use crate::preview1;
use crate::pulse::Ticker;
use crate::queue::Queue;
use crate::sizing;
use crate::task::Task;
use crate::why::{Kind, Result, Why, hook_panics};
use skep_engine_config::{Pool, pooled};
use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use wasmtime::component::Linker;

const THREADS_MAX: u32 = 256;

#[derive(Clone, Copy)]
pub enum Level {
    Error = 0,
    Warn = 1,
    Info = 2,
}

/// The owner's log.
pub struct Log {
    call: Option<abi::LogFn>,
    owner: *mut c_void,
}

// SAFETY: `engine.h` has the owner take lines on any thread.
unsafe impl Send for Log {}
unsafe impl Sync for Log {}

impl Log {
    pub fn line(&self, level: Level, text: &str) {
        if let (Some(call), Ok(text)) = (self.call, CString::new(text)) {
            // SAFETY: the owner's function with the owner's pointer.
            unsafe { call(self.owner, level as i32, text.as_ptr()) };
        }
    }
}

pub struct Engine {
    pub wasm: wasmtime::Engine,
    /// For components.
    pub linker: Linker<Guest>,
    /// For compositions.
    pub composer: Composer,
    /// For core modules.
    pub preview1: wasmtime::Linker<Guest>,
    pub queue: Arc<Queue>,
    pub runtime: Handle,
    pub paces: Paces,
    pub log: Log,
    pub instances: u32,
    /// Processors' worth of them run guests.
    pub threads: usize,
    pub numbers: Arc<Numbers>,
    pub file_threads: Arc<Threads>,
    pub switchboard: Switchboard,
    tasks: Mutex<Tasks>,
    none_left: Condvar,
}

/// So many tasks are a crowd, whose memory is worth giving back.
const CROWD: usize = 256;

#[derive(Default)]
struct Tasks {
    alive: HashMap<u64, Arc<Task>>,
    /// Alive at once since memory was given back.
    most: usize,
    next: u64,
    closing: bool,
}

impl Tasks {
    /// Whether half of a crowd or more has gone; said once.
    fn crowd_gone(&mut self) -> bool {
        let gone = !self.closing && self.most >= CROWD && self.alive.len() <= self.most / 2;
        if gone {
            self.most = self.alive.len();
            self.alive.shrink_to(self.most);
        }
        gone
    }
}

/// What C holds: the engine, and the threads that end with it.
pub struct Owned {
    pub engine: Arc<Engine>,
    // Ended in this order.
    crowd: Option<Crowd>,
    _ticker: Ticker,
}

impl Owned {
    pub fn new(options: &abi::Options) -> Result<Owned> {
        hook_panics();
        let log = Log { call: options.log, owner: options.log_owner };
        let size = sizing::size(options.instances);
        if let Some(note) = &size.note {
            log.line(Level::Warn, note);
        }
        let wasm = wasm_engine(size.instances, &log)?;
        let defect = |error| Why::new(Kind::Bug, format!("{error:#}"));
        let linker = linker::new(&wasm).map_err(defect)?;
        let preview1 = preview1::linker(&wasm).map_err(defect)?;
        let threads = threads(options.threads)?;
        log.line(
            Level::Info,
            &format!("room for {} instances on {threads} threads", size.instances),
        );
        let crowd = Crowd::start(threads, leave_signals_to_others)?;
        let paces = crowd.paces();
        let for_tick = wasm.clone();
        let tick = move || for_tick.increment_epoch();
        let ticker = pace::with_prompt_threads(|| Ticker::start(tick))
            .map_err(|error| Why::system("start the tick", error))?;
        let queue = Queue::new(threads, ticker.pulse(), paces.prompt.clone());
        let engine = Engine {
            wasm,
            linker,
            composer: Composer::default(),
            preview1,
            queue,
            runtime: paces.prompt.clone(),
            paces,
            log,
            instances: size.instances,
            threads,
            numbers: Numbers::new(),
            file_threads: Threads::new(leave_signals_to_others),
            // SAFETY: `engine.h` has it outlive the engine.
            switchboard: unsafe { Switchboard::new(options.switchboard) },
            tasks: Mutex::new(Tasks::default()),
            none_left: Condvar::new(),
        };
        Ok(Owned { engine: Arc::new(engine), crowd: Some(crowd), _ticker: ticker })
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.engine.end_all_tasks();
        if let Some(crowd) = self.crowd.take() {
            // Only a file call stuck in the kernel can outlast its task.
            crowd.shut_down(Duration::from_secs(2));
        }
    }
}

impl Engine {
    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists a task made from its number, unless the engine is being taken down.
    pub fn admit(&self, make: impl FnOnce(u64) -> Arc<Task>) -> Result<Arc<Task>> {
        let mut tasks = self.tasks();
        if tasks.closing {
            return Err(Why::invalid("the engine is being taken down"));
        }
        let id = tasks.next;
        tasks.next += 1;
        let task = make(id);
        tasks.alive.insert(id, task.clone());
        tasks.most = tasks.most.max(tasks.alive.len());
        Ok(task)
    }

    pub fn remove(&self, id: u64) {
        let (gone, crowd_gone) = {
            let mut tasks = self.tasks();
            let gone = tasks.alive.remove(&id);
            if tasks.alive.is_empty() {
                self.none_left.notify_all();
            }
            (gone, tasks.crowd_gone())
        };
        drop(gone);
        if crowd_gone {
            // The allocator keeps what it once had. This takes milliseconds.
            // SAFETY: the C library's own, for any thread.
            self.runtime.spawn_blocking(|| unsafe { libc::malloc_trim(0) });
        }
    }

    fn end_all_tasks(&self) {
        let mut tasks = self.tasks();
        tasks.closing = true;
        for task in tasks.alive.values() {
            task.kill();
        }
        while !tasks.alive.is_empty() {
            tasks = self.none_left.wait(tasks).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn threads(wanted: u32) -> Result<usize> {
    if wanted > THREADS_MAX {
        let text = format!("an engine has at most {THREADS_MAX} threads, not {wanted}");
        return Err(Why::new(Kind::Limit, text));
    }
    if wanted > 0 {
        return Ok(wanted as usize);
    }
    let all = std::thread::available_parallelism().map_or(1, |count| count.get());
    Ok(all.min(THREADS_MAX as usize))
}

fn wasm_engine(instances: u32, log: &Log) -> Result<wasmtime::Engine> {
    let make = |pagemap_scan| wasmtime::Engine::new(&pooled(Pool { instances, pagemap_scan }));
    let without = if scan_is_declined() {
        "a test wants it so"
    } else if sizing::may_swap() {
        // A page that was swapped out is not seen by the scan and would keep its bytes.
        "swap is on for this process"
    } else {
        match make(true) {
            Ok(engine) => return Ok(engine),
            Err(_) => "this kernel has no PAGEMAP_SCAN, or /proc is not there",
        }
    };
    let engine = make(false)
        .map_err(|error| Why::new(Kind::System, format!("reserve the pool: {error:#}")))?;
    log.line(Level::Warn, &format!("instances are reset the slower way: {without}"));
    Ok(engine)
}

#[cfg(not(feature = "test-hooks"))]
fn scan_is_declined() -> bool {
    false
}

/// Only faults are for us. SIGPIPE stays blocked with the rest: a write into a pipe
/// without a reader then fails with EPIPE alone.
fn leave_signals_to_others() {
    // SAFETY: sets on the stack, this thread's own mask.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut set);
        for fault in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT] {
            libc::sigdelset(&mut set, fault);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
    }
}
