// SPDX-License-Identifier: Apache-2.0
//! How many descriptors a task may have: all tasks of a worker share its numbers.
//!
//! Files and sockets count alike, each for as long as anything holds it: a stream that outlives
//! its descriptor does.
//!
//! Belongs here: counting, and when there is no room. Does not belong here: which files may be
//! opened and who may be reached (the grant), the calls that open them (files, network).

use crate::stdio::Output;
use std::any::Any;
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Descriptors of a task whose grant says nothing.
pub const DESCRIPTORS_DEFAULT: u64 = 1_024;

/// What every task may have, however few the worker has left.
pub const ALWAYS: usize = 16;

/// Looked through for closed ones when there are this many more than were open the last time.
const SWEEP: usize = 64;

/// The numbers of this process.
pub struct Numbers {
    /// A new descriptor with this number or a larger one means that few are left: the kernel
    /// gives out the smallest that is free.
    scarce: RawFd,
    /// Copied to see which number would be next.
    probe: Option<OwnedFd>,
}

impl Numbers {
    /// Few are left when it is a quarter of them.
    pub fn new() -> Arc<Numbers> {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the kernel fills in what is ours.
        if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } != 0 {
            limit.rlim_cur = libc::RLIM_INFINITY;
        }
        let scarce = RawFd::try_from(limit.rlim_cur / 4 * 3).unwrap_or(RawFd::MAX);
        // SAFETY: makes a descriptor, which is ours.
        let probe = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
        // SAFETY: it is open and nobody else's.
        let probe = (probe >= 0).then(|| unsafe { OwnedFd::from_raw_fd(probe) });
        Arc::new(Numbers { scarce, probe })
    }

    /// Whether few are left now.
    pub fn are_few(&self) -> bool {
        let Some(probe) = &self.probe else { return false };
        // SAFETY: copies our own descriptor; the copy is ours.
        let next = unsafe { libc::fcntl(probe.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 0) };
        if next >= 0 {
            // SAFETY: as above.
            unsafe { libc::close(next) };
        }
        next < 0 || next >= self.scarce
    }
}

pub struct Descriptors {
    numbers: Arc<Numbers>,
    held: Mutex<Held>,
    said: AtomicBool,
}

struct Held {
    max: usize,
    open: Vec<Weak<dyn Any + Send + Sync>>,
    /// Calls that are on their way to one.
    opening: usize,
    sweep_at: usize,
}

impl Held {
    fn count(&self) -> usize {
        self.open.len() + self.opening
    }

    fn sweep(&mut self) {
        self.open.retain(|one| one.strong_count() > 0);
        self.sweep_at = 2 * self.open.len() + SWEEP;
    }

    /// Whether one more may stay when few are left.
    fn has_few(&mut self) -> bool {
        self.sweep();
        self.open.len() < ALWAYS
    }
}

/// A socket's place among what its task has; given back by the last who holds it.
pub struct Socket(());

impl Descriptors {
    pub fn new(max: usize, numbers: &Arc<Numbers>) -> Arc<Descriptors> {
        let held = Held { max, open: Vec::new(), opening: 0, sweep_at: SWEEP };
        let numbers = numbers.clone();
        Arc::new(Descriptors { numbers, held: Mutex::new(held), said: AtomicBool::new(false) })
    }

    pub fn set_max(&self, max: usize) {
        self.lock().max = max;
    }

    /// Room for one more, or `None`.
    pub fn room(self: &Arc<Self>) -> Option<Room> {
        let mut held = self.lock();
        if held.open.len() >= held.sweep_at || held.count() >= held.max {
            held.sweep();
        }
        if held.count() >= held.max {
            return None;
        }
        held.opening += 1;
        Some(Room(self.clone()))
    }

    /// Room for a socket that is about to be made, or was just made and is closed without it.
    pub fn socket(self: &Arc<Self>) -> Option<Arc<Socket>> {
        let room = self.room()?;
        let mut held = self.lock();
        if held.open.len() >= ALWAYS && self.numbers.are_few() && !held.has_few() {
            return None;
        }
        let socket = Arc::new(Socket(()));
        held.open.push(Arc::downgrade(&socket) as Weak<_>);
        drop(held);
        drop(room);
        Some(socket)
    }

    /// The first refusal is said on the task's stderr.
    pub fn refused(&self, stderr: &Output) {
        if !self.said.swap(true, Relaxed) {
            let max = self.lock().max;
            stderr.offer(&format!(
                "skep: no more can be opened (limit of {max} files and sockets)\n"
            ));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place for one that is being opened.
pub struct Room(Arc<Descriptors>);

impl Room {
    /// Counts what was opened; whether it may stay so.
    #[must_use]
    pub fn take(self, file: &Arc<File>) -> bool {
        let mut held = self.0.lock();
        if file.as_raw_fd() >= self.0.numbers.scarce && !held.has_few() {
            return false;
        }
        let weak: Weak<File> = Arc::downgrade(file);
        held.open.push(weak);
        true
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.0.lock().opening -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{ALWAYS, Descriptors, Numbers, SWEEP};
    use std::fs::File;
    use std::os::fd::RawFd;
    use std::sync::Arc;

    fn file() -> Arc<File> {
        Arc::new(File::open("/dev/null").unwrap())
    }

    fn with(max: usize, scarce: RawFd) -> Arc<Descriptors> {
        let probe = Numbers::new();
        let probe = probe.probe.as_ref().and_then(|fd| fd.try_clone().ok());
        Descriptors::new(max, &Arc::new(Numbers { scarce, probe }))
    }

    #[test]
    fn what_is_open_counts_and_what_was_closed_does_not() {
        let descriptors = with(3, RawFd::MAX);
        let files: Vec<_> = (0..2).map(|_| file()).collect();
        assert!(files.iter().all(|file| descriptors.room().unwrap().take(file)));
        let socket = descriptors.socket();
        assert!(socket.is_some());
        assert!(descriptors.room().is_none());
        assert!(descriptors.socket().is_none());
        drop(socket);
        assert!(descriptors.socket().is_some());
        drop(files);
        let sockets: Vec<_> = (0..3).map(|_| descriptors.socket()).collect();
        assert!(sockets.iter().all(Option::is_some));
        assert!(descriptors.room().is_none());
    }

    #[test]
    fn a_call_on_its_way_has_a_place_and_gives_it_back() {
        let descriptors = with(1, RawFd::MAX);
        let room = descriptors.room();
        assert!(descriptors.room().is_none());
        drop(room);
        assert!(descriptors.room().is_some());
    }

    #[test]
    fn when_few_are_left_a_task_keeps_to_what_all_may_have() {
        let descriptors = with(1_000, 0);
        let mut open = Vec::new();
        while let Some(one) = Some(file()).filter(|one| descriptors.room().unwrap().take(one)) {
            open.push(one);
        }
        assert_eq!(open.len(), ALWAYS);
        assert!(descriptors.socket().is_none());
        open.pop();
        assert!(descriptors.socket().is_some());
    }

    #[test]
    fn there_are_many_until_the_next_number_says_otherwise() {
        let probe = Numbers::new().probe.as_ref().and_then(|fd| fd.try_clone().ok());
        assert!(!Numbers { scarce: RawFd::MAX, probe }.are_few());
    }

    #[test]
    fn a_million_that_come_and_go_leave_no_list_behind() {
        let descriptors = with(1_000, RawFd::MAX);
        let kept = file();
        assert!(descriptors.room().unwrap().take(&kept));
        for _ in 0..10 * SWEEP {
            assert!(descriptors.room().unwrap().take(&file()));
            assert!(descriptors.socket().is_some());
        }
        assert!(descriptors.lock().open.len() <= 3 * SWEEP);
    }
}
