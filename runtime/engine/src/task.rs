// SPDX-License-Identifier: Apache-2.0
//! A task: one running command or server, from its grant to its ending.
//!
//! Belongs here: starting, stopping, limits, and telling the watcher.
//! Does not belong here: what the two kinds do (command.rs, server.rs).

use crate::abi;
use crate::admission::Gate;
use crate::call::Call;
use crate::command;
use crate::component::{Component, Program};
use crate::counters::Counters;
use crate::descriptors::Descriptors;
use crate::engine::Level;
use crate::fault::{Ending, How};
use crate::files::threads::Share;
use crate::grant::{Checked, Grant};
use crate::lane::Lane;
use crate::limits::Limits;
use crate::memory::Budget;
use crate::server;
use crate::why::{Result, Why};
use futures::FutureExt;
use futures::future::select;
use std::net::TcpListener;
use std::os::fd::{FromRawFd, RawFd};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// What a task was told to do. Later ones are never softer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    Run,
    /// End softly, and be cut off at that time.
    Drain(Instant),
    Kill,
}

pub struct Task {
    pub name: String,
    pub component: Arc<Component>,
    pub lane: Arc<Lane>,
    pub counters: Arc<Counters>,
    pub budget: Arc<Budget>,
    pub descriptors: Arc<Descriptors>,
    /// For calls on files.
    pub threads: Arc<Share>,
    /// Requests in flight, for a server.
    pub requests: Arc<Gate>,
    /// Open connections, for a server.
    pub connections: Arc<Gate>,
    id: u64,
    limits: Mutex<Limits>,
    stop: watch::Sender<Stop>,
    watcher: Mutex<Option<Watcher>>,
}

#[derive(Clone, Copy)]
struct Watcher(abi::Watcher);

// SAFETY: `engine.h` has the watcher called on engine threads.
unsafe impl Send for Watcher {}

impl Task {
    /// # Safety
    /// The descriptors in `checked` are nobody else's once this succeeds, the counters in
    /// `given` outlive the task, and `watcher` may be called from any thread.
    pub unsafe fn start(
        component: Arc<Component>,
        given: &abi::Grant,
        checked: Checked,
        watcher: abi::Watcher,
    ) -> Result<Arc<Task>> {
        let call =
            checked.call.as_deref().map(|text| Call::prepare(&component, text)).transpose()?;
        if call.is_none() {
            check_listener(&component.program, checked.listener)?;
        }
        component.program.check(&checked.limits)?;
        if component.parts > checked.part_count() {
            return Err(Why::invalid(format_args!(
                "it is a composition of {} parts, and the grant is for {}",
                component.parts,
                checked.part_count()
            )));
        }
        let engine = component.engine.clone();
        let task = engine.admit(|id| {
            // SAFETY: the caller's promise.
            let counters = Arc::new(unsafe { Counters::new(given.counters, given.latency) });
            Arc::new(Task::new(id, component, &checked, counters, Watcher(watcher)))
        })?;
        // From here on nothing fails, so this is where descriptors change hands.
        // SAFETY: the caller's promise.
        let listener = checked.listener.map(|fd| unsafe { TcpListener::from_raw_fd(fd) });
        let grant = Arc::new(unsafe { checked.take(call, &engine.runtime) });
        engine.runtime.spawn(live(task.clone(), grant, listener));
        Ok(task)
    }

    fn new(
        id: u64,
        component: Arc<Component>,
        checked: &Checked,
        counters: Arc<Counters>,
        watcher: Watcher,
    ) -> Task {
        let limits = checked.limits;
        let lane = Lane::new(&component.engine.queue, counters.clone());
        lane.limit(limits.cpu_weight, limits.cpu_quota);
        let descriptors = Descriptors::new(limits.descriptor_max, &component.engine.numbers);
        Task {
            descriptors,
            threads: component.engine.file_threads.share(),
            name: checked.name().to_string(),
            component,
            lane,
            budget: Budget::new(limits.memory_bytes, counters.clone()),
            counters,
            requests: Gate::new(limits.request_max, limits.queue_max),
            connections: Gate::new(limits.connection_max, usize::MAX),
            id,
            limits: Mutex::new(limits),
            stop: watch::Sender::new(Stop::Run),
            watcher: Mutex::new(Some(watcher)),
        }
    }

    pub fn limits(&self) -> Limits {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn update(&self, limits: Limits) {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner) = limits;
        self.lane.limit(limits.cpu_weight, limits.cpu_quota);
        self.budget.set_limit(limits.memory_bytes);
        self.descriptors.set_max(limits.descriptor_max);
        self.requests.resize(limits.request_max, limits.queue_max);
        self.connections.resize(limits.connection_max, usize::MAX);
    }

    pub fn kill(&self) {
        self.stop.send_if_modified(|stop| std::mem::replace(stop, Stop::Kill) != Stop::Kill);
    }

    pub fn drain(&self, grace: Duration) {
        let until = Instant::now() + grace;
        self.stop.send_if_modified(|stop| {
            let harder = match *stop {
                Stop::Run => true,
                Stop::Drain(old) => until < old,
                Stop::Kill => false,
            };
            if harder {
                *stop = Stop::Drain(until);
            }
            harder
        });
    }

    /// Completes when the task is told to end, softly or not.
    pub async fn stopped(&self) -> Stop {
        let mut stop = self.stop.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        stop.wait_for(|stop| *stop != Stop::Run).await.map_or(Stop::Kill, |stop| *stop)
    }

    /// Completes when whatever still runs has to go: at a kill, or at the end of the grace.
    pub async fn cut_off(&self) -> Stop {
        let mut stop = self.stop.subscribe();
        loop {
            let now = *stop.borrow_and_update();
            let changed = stop.changed();
            match now {
                Stop::Kill => return now,
                Stop::Run => drop(changed.await),
                Stop::Drain(until) => {
                    if tokio::time::timeout_at(until, changed).await.is_err() {
                        return now;
                    }
                }
            }
        }
    }

    /// The end of the handle: nobody wants to hear of the ending any more.
    pub fn forget_watcher(&self) {
        self.watcher.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn report(&self, ending: &Ending) {
        let watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Watcher(watcher)) = watcher
            && let Some(on_exit) = watcher.on_exit
        {
            let exit = abi::Exit::new(ending.how as i32, ending.code, &ending.text);
            // SAFETY: the owner's function with the owner's pointer, once.
            unsafe { on_exit(watcher.owner, &exit) };
        }
        self.component.engine.remove(self.id);
    }

    /// A defect of the host that one store paid for.
    pub fn panicked(&self, words: &str) -> Ending {
        let text = format!("{}: a host function panicked: {words}", self.name);
        self.component.engine.log.line(Level::Error, &text);
        Ending::new(How::Trapped, format!("a host function panicked: {words}"))
    }

    /// How a task that obeyed `stop` has ended.
    pub fn obeyed(stop: Stop, text: String) -> Ending {
        Ending::new(if stop == Stop::Kill { How::Killed } else { How::Stopped }, text)
    }
}

/// The whole life. Whatever goes wrong in here, the watcher hears of an ending.
async fn live(task: Arc<Task>, grant: Arc<Grant>, listener: Option<TcpListener>) {
    let work = async {
        match listener {
            Some(listener) => server::run(&task, &grant, listener).await,
            None => command::run(&task, &grant).await,
        }
    };
    let ending = AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Ending::failed("a defect of the engine ended it"));
    say_goodbye(&task, &grant, &ending).await;
    if Arc::strong_count(&grant) != 1 {
        let text = format!("{}: its descriptors are still in use at its end", task.name);
        task.component.engine.log.line(Level::Warn, &text);
    }
    drop(grant);
    task.report(&ending);
}

/// The guest's last words and ours. A reader that does not read holds this up, as it holds
/// up a process; a kill or the end of the grace does not wait for it.
async fn say_goodbye(task: &Task, grant: &Grant, ending: &Ending) {
    let words = async {
        // Each by itself: a stdout that is gone says nothing of stderr, and nobody is left
        // to be told of either.
        let _ = grant.output.flushed().await;
        if let Some(line) = ending.line() {
            let _ = grant.error.say(&line).await;
        }
        let _ = grant.error.flushed().await;
        for part in grant.parts() {
            let _ = part.output.flushed().await;
            let _ = part.error.flushed().await;
        }
    };
    select(pin!(words), pin!(task.cut_off())).await;
}

fn check_listener(program: &Program, listener: Option<RawFd>) -> Result<()> {
    match (program, listener) {
        (Program::Library(_), _) => {
            Err(Why::invalid("it exports neither wasi:cli/run nor a wasi:http handler"))
        }
        (Program::Server2(..) | Program::Server3(..), None) => {
            Err(Why::invalid("a server needs a listening socket"))
        }
        (Program::Command1(_) | Program::Command2(..) | Program::Command3(..), Some(_)) => {
            Err(Why::invalid("a command has no use for a listening socket"))
        }
        (_, None) => Ok(()),
        (_, Some(fd)) => check_socket(fd),
    }
}

fn check_socket(fd: RawFd) -> Result<()> {
    let option = |name| {
        let mut value: libc::c_int = 0;
        let mut length = size_of::<libc::c_int>() as libc::socklen_t;
        let pointer = (&raw mut value).cast();
        // SAFETY: an integer and its size, on the stack.
        let result = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, name, pointer, &mut length) };
        (result == 0).then_some(value)
    };
    let family = option(libc::SO_DOMAIN);
    if option(libc::SO_ACCEPTCONN) != Some(1)
        || !(family == Some(libc::AF_INET) || family == Some(libc::AF_INET6))
    {
        return Err(Why::invalid("the listener is not a listening TCP socket"));
    }
    Ok(())
}
