// SPDX-License-Identifier: Apache-2.0
//! A command: one instance, which runs to its end.
//!
//! Belongs here: calling `_start` or `wasi:cli/run` of either version.
//! Does not belong here: servers, calls of other exports (call.rs).

use crate::component::Program;
use crate::crew::Crew;
use crate::fault::{Ending, How};
use crate::grant::Grant;
use crate::guest::{self, Guest};
use crate::preview1;
use crate::task::Task;
use crate::turn::{Panicked, Turn};
use futures::FutureExt;
use futures::future::{Either, select};
use std::pin::pin;
use std::sync::Arc;
#[cfg(feature = "test-hooks")]
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::SeqCst};
#[cfg(feature = "test-hooks")]
use std::time::Instant;
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

pub async fn run(task: &Arc<Task>, grant: &Arc<Grant>) -> Ending {
    let body = grant.slot.around(body(task.clone(), grant.clone()));
    let turn = Turn::new(&task.lane, task.counters.clone(), body);
    let crew = Crew::new(&task.component.engine.paces);
    let (tell, mut told) = oneshot::channel();
    crew.spawn_guest(turn.map(|done| drop(tell.send(done))), false);
    let stop = match select(&mut told, pin!(task.stopped())).await {
        Either::Left((done, _)) => return ended(task, done.ok()),
        Either::Right((stop, _)) => stop,
    };
    // Takes effect wherever the guest is: at its next interruption, or at once if it is
    // parked. If it came to its end before, that counts.
    crew.dismiss();
    crew.gone().await;
    match told.try_recv() {
        Ok(done) => ended(task, Some(done)),
        Err(_) => Task::obeyed(stop, String::new()),
    }
}

fn ended(task: &Task, done: Option<Result<Ending, Panicked>>) -> Ending {
    let ending = match done {
        Some(Ok(ending)) => ending,
        Some(Err(Panicked(words))) => task.panicked(&words),
        None => task.panicked("outside of its turn"),
    };
    match ending.how {
        How::Trapped => task.counters.trap(),
        How::Oom => task.counters.oom(),
        _ => {}
    }
    ending
}

async fn body(task: Arc<Task>, grant: Arc<Grant>) -> Ending {
    #[cfg(feature = "test-hooks")]
    if let Err(ending) = time_starts(&task, &grant).await {
        return ending;
    }
    let mut store = match guest::store(&task, &grant) {
        Ok(store) => store,
        Err(ending) => return ending,
    };
    let ending = run_in(&mut store, &task.component.program, &grant).await;
    let handle_max = task.limits().handles();
    ending.with_ceiling(handle_max).or_oom(store.data().meter.refusal())
}

async fn run_in(store: &mut Store<Guest>, program: &Program, grant: &Grant) -> Ending {
    if let (Some(call), Some(pre)) = (&grant.call, program.pre()) {
        return call.run(store, pre, &grant.output).await;
    }
    match program {
        Program::Command1(pre) => run1(store, pre).await,
        Program::Command2(pre, _) | Program::Command3(pre, _) => {
            run_component(store, pre, program).await
        }
        _ => Ending::failed("it is not a command"),
    }
}

/// Set by tests: where the next command puts the nanoseconds of so many starts (a store, its
/// instance, its call) before its own, and those of as many ends behind them.
#[cfg(feature = "test-hooks")]
pub static TIMED: AtomicPtr<u64> = AtomicPtr::new(std::ptr::null_mut());
#[cfg(feature = "test-hooks")]
pub static TIMED_COUNT: AtomicUsize = AtomicUsize::new(0);

#[cfg(feature = "test-hooks")]
async fn time_starts(task: &Arc<Task>, grant: &Arc<Grant>) -> Result<(), Ending> {
    let count = TIMED_COUNT.swap(0, SeqCst);
    let told = |index: usize, since: Instant| {
        let ns = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        // SAFETY: the test has given room for twice the count.
        unsafe { TIMED.load(SeqCst).add(index).write(ns) };
    };
    for index in 0..count {
        let begun = Instant::now();
        let mut store = guest::store(task, grant)?;
        let ending = run_in(&mut store, &task.component.program, grant).await;
        told(index, begun);
        if !matches!(ending.how, How::Exited) {
            return Err(ending);
        }
        let begun = Instant::now();
        drop(store);
        told(count + index, begun);
        // A turn for each, so that no tick ends the turn of many in the middle of one.
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn run1(store: &mut Store<Guest>, pre: &wasmtime::InstancePre<Guest>) -> Ending {
    let instance = match pre.instantiate_async(&mut *store).await {
        Ok(instance) => instance,
        Err(error) => return Ending::of_start(&error),
    };
    let called = match instance.get_typed_func::<(), ()>(&mut *store, preview1::START) {
        Ok(start) => start.call_async(store, ()).await,
        Err(error) => Err(error),
    };
    called.map_or_else(|error| Ending::of_call(&error), |()| Ending::exited(0))
}

async fn run_component(
    store: &mut Store<Guest>,
    pre: &InstancePre<Guest>,
    program: &Program,
) -> Ending {
    match pre.instantiate_async(&mut *store).await {
        Ok(instance) => match call(program, store, &instance).await {
            Ok(result) => Ending::exited(if result.is_ok() { 0 } else { 1 }),
            Err(error) => Ending::of_call(&error),
        },
        Err(error) => Ending::of_start(&error),
    }
}

async fn call(
    program: &Program,
    store: &mut Store<Guest>,
    instance: &Instance,
) -> wasmtime::Result<Result<(), ()>> {
    match program {
        Program::Command2(_, at) => {
            let command = at.load(&mut *store, instance)?;
            command.wasi_cli_run().call_run(store).await
        }
        Program::Command3(_, at) => {
            let command = at.load(&mut *store, instance)?;
            store.run_concurrent(async |store| command.wasi_cli_run().call_run(store).await).await?
        }
        _ => wasmtime::bail!("it is not a command of the component model"),
    }
}
