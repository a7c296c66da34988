// SPDX-License-Identifier: Apache-2.0
//! Threads for calls on files, which may block for as long as a file system likes.
//!
//! A call borrows a thread before it begins. wasmtime-wasi hands its work to the runtime whose
//! context it finds, so each thread here is a runtime of its own that has no other, and the call
//! is polled in its context. The thread comes back when the work is done, and not when somebody
//! stopped waiting for it: one that hangs in the kernel stays lent to its task.
//!
//! Belongs here: lending, and how many a task may borrow. Does not belong here: the calls.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// For all tasks; they end when unused.
const THREADS: usize = 128;

/// For one task at once.
const TASK_MAX: usize = 8;

/// When no more than these are left, a task has one.
const FEW: usize = THREADS / 4;

/// All that there are.
pub struct Threads {
    state: Mutex<State>,
    returned: Notify,
    on_start: fn(),
}

#[derive(Default)]
struct State {
    idle: Vec<Thread>,
    made: usize,
}

/// A runtime without clock or events, of a single thread for what blocks.
struct Thread {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Thread {
    fn new(on_start: fn()) -> Option<Thread> {
        let mut builder = Builder::new_current_thread();
        builder.max_blocking_threads(1).thread_name("files").on_thread_start(on_start);
        let runtime = builder.build().ok()?;
        Some(Thread { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        // Dropped as it is, it would wait for what hangs.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What one task may borrow.
pub struct Share {
    threads: Arc<Threads>,
    places: Arc<Semaphore>,
    borrowed: AtomicUsize,
}

impl Threads {
    pub fn new(on_start: fn()) -> Arc<Threads> {
        Arc::new(Threads { state: Mutex::default(), returned: Notify::new(), on_start })
    }

    pub fn share(self: &Arc<Threads>) -> Arc<Share> {
        let places = Arc::new(Semaphore::new(TASK_MAX));
        Arc::new(Share { threads: self.clone(), places, borrowed: AtomicUsize::new(0) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lend(&self, share: &Share) -> Option<Thread> {
        let mut state = self.lock();
        let left = THREADS - state.made + state.idle.len();
        if left <= FEW && share.borrowed.load(Relaxed) > 0 {
            return None;
        }
        // The one that was used last, so that the others can end.
        let thread = match state.idle.pop() {
            Some(thread) => thread,
            None if state.made < THREADS => {
                let thread = Thread::new(self.on_start)?;
                state.made += 1;
                thread
            }
            None => return None,
        };
        share.borrowed.fetch_add(1, Relaxed);
        Some(thread)
    }
}

impl Share {
    /// A thread, when this task may have one.
    pub async fn borrow(self: &Arc<Share>) -> Borrowed {
        let Ok(place) = self.places.clone().acquire_owned().await else {
            // Nobody closes it.
            return std::future::pending().await;
        };
        loop {
            let mut returned = pin!(self.threads.returned.notified());
            returned.as_mut().enable();
            if let Some(thread) = self.threads.lend(self) {
                return Borrowed::new(self, thread, place);
            }
            returned.await;
        }
    }

    /// A thread, if this task may have one now.
    pub fn try_borrow(self: &Arc<Share>) -> Option<Borrowed> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        self.threads.lend(self).map(|thread| Borrowed::new(self, thread, place))
    }
}

/// A thread that is lent.
pub struct Borrowed {
    handle: Handle,
    loan: Option<Loan>,
}

struct Loan {
    share: Arc<Share>,
    thread: Option<Thread>,
    _place: OwnedSemaphorePermit,
}

impl Borrowed {
    fn new(share: &Arc<Share>, thread: Thread, place: OwnedSemaphorePermit) -> Borrowed {
        let handle = thread.handle.clone();
        let loan = Loan { share: share.clone(), thread: Some(thread), _place: place };
        Borrowed { handle, loan: Some(loan) }
    }

    /// What is called here puts its work on this thread.
    pub fn inside<R>(&self, call: impl FnOnce() -> R) -> R {
        let _inside = self.handle.enter();
        call()
    }

    /// A call that is over when its work is.
    pub async fn around<R>(self, call: impl Future<Output = R>) -> R {
        let mut call = pin!(call);
        let done = poll_fn(|cx| self.inside(|| call.as_mut().poll(cx))).await;
        self.finished();
        done
    }

    /// All work is known to be done.
    pub fn finished(mut self) {
        self.loan = None;
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        // One at a time, first come, first served: after all that was put on it.
        if let Some(loan) = self.loan.take() {
            drop(self.handle.spawn_blocking(move || drop(loan)));
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let threads = &self.share.threads;
        let mut state = threads.lock();
        state.idle.extend(self.thread.take());
        self.share.borrowed.fetch_sub(1, Relaxed);
        drop(state);
        threads.returned.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::{FEW, Share, TASK_MAX, THREADS, Threads};
    use std::future::Future;
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;
    use tokio::time::timeout;

    fn run(test: impl Future<Output = ()>) {
        match tokio::runtime::Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime.block_on(test),
            Err(error) => panic!("no runtime: {error}"),
        }
    }

    /// Hangs until the sender is dropped.
    fn hang() -> (Sender<()>, impl FnOnce() + Send + 'static) {
        let (sender, receiver): (Sender<()>, Receiver<()>) = channel();
        (sender, move || {
            let _ = receiver.recv();
        })
    }

    async fn work<R: Send + 'static>(
        share: &Arc<Share>,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Option<R> {
        let call = async { tokio::task::spawn_blocking(work).await.ok() };
        share.borrow().await.around(call).await
    }

    async fn abandoned(share: &Arc<Share>) -> Option<Sender<()>> {
        let (sender, hanging) = hang();
        let call = work(share, hanging);
        timeout(Duration::from_millis(5), call).await.is_err().then_some(sender)
    }

    #[test]
    fn work_that_hangs_keeps_its_thread_and_a_task_can_lose_only_its_own() {
        run(async {
            let threads = Threads::new(|| ());
            let (dead, well) = (threads.share(), threads.share());
            let mut hanging = Vec::new();
            for _ in 0..TASK_MAX {
                hanging.push(abandoned(&dead).await);
            }
            assert!(hanging.iter().all(Option::is_some));
            assert!(dead.try_borrow().is_none());
            assert_eq!(work(&well, || 7).await, Some(7));
            drop(hanging);
            assert_eq!(work(&dead, || 8).await, Some(8));
            assert!(threads.lock().made <= TASK_MAX + 1);
        });
    }

    #[test]
    fn when_few_are_left_every_task_still_has_one() {
        run(async {
            let threads = Threads::new(|| ());
            let greedy: Vec<_> = (0..THREADS / TASK_MAX).map(|_| threads.share()).collect();
            let all = || greedy.iter().filter_map(Share::try_borrow);
            let held: Vec<_> = (0..TASK_MAX).flat_map(|_| all()).collect();
            assert!(held.len() >= THREADS - FEW && held.len() <= THREADS - FEW + greedy.len());
            let late = threads.share();
            let one = late.try_borrow();
            assert!(one.is_some());
            assert!(late.try_borrow().is_none());
            held.into_iter().for_each(super::Borrowed::finished);
            assert!(late.try_borrow().is_some());
        });
    }

    #[test]
    fn a_thread_is_used_again() {
        run(async {
            let threads = Threads::new(|| ());
            let share = threads.share();
            for _ in 0..100 {
                assert_eq!(work(&share, || 1).await, Some(1));
            }
            assert_eq!(threads.lock().made, 1);
        });
    }
}
