// SPDX-License-Identifier: Apache-2.0
//! How many files a task may have open: all tasks of a worker share its descriptors.
//!
//! A file counts for as long as anything holds it: a stream that outlives its descriptor does.
//!
//! Belongs here: counting, and when there is no room. Does not belong here: which files may
//! be opened (the grant's folders), the calls that open them ([`calls`]).

pub mod calls;
pub mod paths;

use crate::stdio::Output;
use std::fs::File;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use wasmtime_wasi::filesystem::Descriptor;

/// Open files of a task whose grant says nothing.
pub const FILES_DEFAULT: u64 = 1_024;

/// What every task may have, however few descriptors the worker has left.
const FILES_ALWAYS: usize = 16;

/// Looked through for closed ones when there are this many more than were open the last time.
const SWEEP: usize = 64;

pub struct Files {
    /// A new descriptor with this number or a larger one means that few are left: the kernel
    /// gives out the smallest that is free.
    scarce: RawFd,
    held: Mutex<Held>,
    said: AtomicBool,
}

struct Held {
    max: usize,
    files: Vec<Weak<File>>,
    /// Calls that are on their way to a file.
    opening: usize,
    sweep_at: usize,
}

impl Held {
    fn count(&self) -> usize {
        self.files.len() + self.opening
    }

    fn sweep(&mut self) {
        self.files.retain(|file| file.strong_count() > 0);
        self.sweep_at = 2 * self.files.len() + SWEEP;
    }
}

impl Files {
    pub fn new(max: usize, scarce: RawFd) -> Arc<Files> {
        let held = Held { max, files: Vec::new(), opening: 0, sweep_at: SWEEP };
        Arc::new(Files { scarce, held: Mutex::new(held), said: AtomicBool::new(false) })
    }

    pub fn set_max(&self, max: usize) {
        self.lock().max = max;
    }

    /// Room for one more, or `None`.
    pub fn room(self: &Arc<Files>) -> Option<Room> {
        let mut held = self.lock();
        if held.files.len() >= held.sweep_at || held.count() >= held.max {
            held.sweep();
        }
        if held.count() >= held.max {
            return None;
        }
        held.opening += 1;
        Some(Room(self.clone()))
    }

    /// The first refusal is said on the task's stderr.
    pub fn refused(&self, stderr: &Output) {
        if !self.said.swap(true, Relaxed) {
            let max = self.lock().max;
            stderr.offer(&format!("skep: no more files can be opened (limit of {max} files)\n"));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place for a file that is being opened.
pub struct Room(Arc<Files>);

impl Room {
    /// Counts what was opened; whether it may stay so.
    #[must_use]
    pub fn take(self, opened: &Descriptor) -> bool {
        match opened {
            Descriptor::File(file) => self.take_file(&file.file),
            Descriptor::Dir(dir) => self.take_file(&dir.dir),
        }
    }

    fn take_file(self, file: &Arc<File>) -> bool {
        let mut held = self.0.lock();
        if file.as_raw_fd() >= self.0.scarce {
            held.sweep();
            if held.files.len() >= FILES_ALWAYS {
                return false;
            }
        }
        held.files.push(Arc::downgrade(file));
        true
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.0.lock().opening -= 1;
    }
}

/// The number from which on descriptors of this process are few: a quarter of them is left.
pub fn scarce() -> RawFd {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel fills in what is ours.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } != 0 {
        return RawFd::MAX;
    }
    RawFd::try_from(limit.rlim_cur / 4 * 3).unwrap_or(RawFd::MAX)
}

#[cfg(test)]
mod tests {
    use super::{FILES_ALWAYS, Files, SWEEP};
    use std::fs::File;
    use std::os::fd::RawFd;
    use std::sync::Arc;

    fn file() -> Arc<File> {
        Arc::new(File::open("/dev/null").unwrap())
    }

    #[test]
    fn what_is_open_counts_and_what_was_closed_does_not() {
        let files = Files::new(3, RawFd::MAX);
        let open: Vec<_> = (0..3).map(|_| file()).collect();
        assert!(open.iter().all(|file| files.room().unwrap().take_file(file)));
        assert!(files.room().is_none());
        drop(open);
        assert!(files.room().is_some());
    }

    #[test]
    fn a_call_on_its_way_has_a_place_and_gives_it_back() {
        let files = Files::new(1, RawFd::MAX);
        let room = files.room();
        assert!(files.room().is_none());
        drop(room);
        assert!(files.room().is_some());
    }

    #[test]
    fn when_few_are_left_a_task_keeps_to_what_all_may_have() {
        let files = Files::new(1_000, 0);
        let mut open = Vec::new();
        loop {
            let one = file();
            if !files.room().unwrap().take_file(&one) {
                break;
            }
            open.push(one);
        }
        assert_eq!(open.len(), FILES_ALWAYS);
    }

    #[test]
    fn a_million_that_come_and_go_leave_no_list_behind() {
        let files = Files::new(1_000, RawFd::MAX);
        let kept = file();
        assert!(files.room().unwrap().take_file(&kept));
        for _ in 0..10 * SWEEP {
            assert!(files.room().unwrap().take_file(&file()));
        }
        assert!(files.lock().files.len() <= 3 * SWEEP);
    }
}
