// SPDX-License-Identifier: Apache-2.0
//! A guest's stdin, stdout and stderr as descriptors that never block a thread.
//!
//! Belongs here: reading, writing and waiting, one descriptor each.
//! Does not belong here: WASI's view of it (streams.rs).
//!
//! System calls are tried first; only a descriptor that says "not now" is registered with
//! the event loop, so that ten thousand quiet guests cost no registrations. What a guest
//! wrote and the descriptor did not take yet is kept here, at most one chunk per stream,
//! and until it is gone the guest is told that there is no room.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::io::unix::AsyncFd;
use tokio::runtime::Handle;

/// Bytes that a stream may take while its descriptor is full.
pub const CHUNK: usize = 16 << 10;

/// Bytes kept for all streams of one descriptor together; streams that are given room at
/// the same moment can add up, a guest that makes thousands of them cannot.
const KEPT_MAX: usize = 256 * CHUNK;

/// The descriptor's number for the event loop; closing it is the handle's.
struct Number(RawFd);

impl AsRawFd for Number {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

struct Open {
    // Before the descriptor: it is forgotten by the event loop, then closed.
    events: OnceLock<AsyncFd<Number>>,
    registering: Mutex<()>,
    fd: OwnedFd,
    terminal: bool,
    /// The flags to go back to, because they are shared with whoever else has it open.
    flags: Option<libc::c_int>,
    /// Whose event loop it is; a call on a file has another context.
    runtime: Handle,
}

impl Open {
    /// # Safety
    /// `fd` is open and nobody else's from now on.
    unsafe fn new(fd: RawFd, runtime: &Handle) -> Open {
        // SAFETY: the caller's promise.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: asking about an open descriptor.
        let terminal = unsafe { libc::isatty(fd.as_raw_fd()) } == 1;
        let flags = stop_blocking(fd.as_raw_fd(), terminal);
        let runtime = runtime.clone();
        let events = OnceLock::new();
        Open { events, registering: Mutex::new(()), fd, terminal, flags, runtime }
    }

    fn events(&self) -> io::Result<&AsyncFd<Number>> {
        if let Some(events) = self.events.get() {
            return Ok(events);
        }
        let _one = self.registering.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(events) = self.events.get() {
            return Ok(events);
        }
        let _inside = self.runtime.enter();
        // SAFETY: our own descriptor, which is closed after forgetting this.
        let events = unsafe { AsyncFd::register(Number(self.fd.as_raw_fd())) }?;
        Ok(self.events.get_or_init(|| events))
    }

    /// What poll(2) says at this moment; hang-ups and errors count as ready.
    fn is_ready(&self, events: libc::c_short) -> bool {
        let mut one = libc::pollfd { fd: self.fd.as_raw_fd(), events, revents: 0 };
        // SAFETY: one entry, on the stack, no waiting.
        unsafe { libc::poll(&mut one, 1, 0) != 0 }
    }

    async fn readable(&self) -> io::Result<()> {
        while !self.is_ready(libc::POLLIN) {
            let mut guard = self.events()?.readable().await?;
            if !self.is_ready(libc::POLLIN) {
                guard.clear_ready();
            }
        }
        Ok(())
    }

    async fn writable(&self) -> io::Result<()> {
        while !self.is_ready(libc::POLLOUT) {
            let mut guard = self.events()?.writable().await?;
            if !self.is_ready(libc::POLLOUT) {
                guard.clear_ready();
            }
        }
        Ok(())
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let pointer = buffer.as_mut_ptr().cast();
        // SAFETY: the pointer and length of a slice.
        retried(|| unsafe { libc::read(self.fd.as_raw_fd(), pointer, buffer.len()) })
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let pointer = bytes.as_ptr().cast();
        // SAFETY: the pointer and length of a slice.
        retried(|| unsafe { libc::write(self.fd.as_raw_fd(), pointer, bytes.len()) })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(flags) = self.flags {
            // SAFETY: a flag on our own descriptor.
            unsafe { libc::fcntl(self.fd.as_raw_fd(), libc::F_SETFL, flags) };
        }
    }
}

/// Pipes, sockets and terminals can keep a thread waiting; regular files cannot be told
/// otherwise, and /dev/null does not care. The old flags, if they were changed.
fn stop_blocking(fd: RawFd, terminal: bool) -> Option<libc::c_int> {
    // SAFETY: plain questions about an open descriptor, into a zeroed struct.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        if libc::fstat(fd, &mut stat) != 0 {
            return None;
        }
        let kind = stat.st_mode & libc::S_IFMT;
        if kind != libc::S_IFIFO && kind != libc::S_IFSOCK && !terminal {
            return None;
        }
        let flags = libc::fcntl(fd, libc::F_GETFL);
        if flags < 0 || flags & libc::O_NONBLOCK != 0 {
            return None;
        }
        libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK);
        Some(flags)
    }
}

fn retried(mut call: impl FnMut() -> isize) -> io::Result<usize> {
    loop {
        if let Ok(done) = usize::try_from(call()) {
            return Ok(done);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

fn unless_blocked(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// stdin. Without a descriptor it is at its end.
pub struct Input(Option<Open>);

impl Input {
    /// # Safety
    /// `fd` is open and nobody else's from now on, or negative.
    pub unsafe fn new(fd: RawFd, runtime: &Handle) -> Input {
        // SAFETY: the caller's promise.
        Input((fd >= 0).then(|| unsafe { Open::new(fd, runtime) }))
    }

    pub fn is_terminal(&self) -> bool {
        self.0.as_ref().is_some_and(|handle| handle.terminal)
    }

    /// Bytes read, 0 at the end, nothing while there is nothing.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match &self.0 {
            Some(handle) => unless_blocked(handle.read(buffer)),
            None => Ok(Some(0)),
        }
    }

    pub async fn readable(&self) -> io::Result<()> {
        match &self.0 {
            Some(handle) => handle.readable().await,
            None => Ok(()),
        }
    }
}

/// stdout or stderr. Without a descriptor everything is taken and thrown away.
pub struct Output {
    kept: Mutex<Vec<u8>>,
    handle: Option<Open>,
}

impl Output {
    /// # Safety
    /// `fd` is open and nobody else's from now on, or negative.
    pub unsafe fn new(fd: RawFd, runtime: &Handle) -> Output {
        // SAFETY: the caller's promise.
        let handle = (fd >= 0).then(|| unsafe { Open::new(fd, runtime) });
        Output { kept: Mutex::new(Vec::new()), handle }
    }

    pub fn is_terminal(&self) -> bool {
        self.handle.as_ref().is_some_and(|handle| handle.terminal)
    }

    fn kept(&self) -> MutexGuard<'_, Vec<u8>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing is kept (any more).
    fn drained(&self, kept: &mut Vec<u8>) -> io::Result<bool> {
        let Some(handle) = &self.handle else { return Ok(true) };
        let mut done = 0;
        let result = loop {
            if done == kept.len() {
                break Ok(true);
            }
            match unless_blocked(handle.write(&kept[done..])) {
                Ok(Some(more)) => done += more,
                Ok(None) => break Ok(false),
                Err(error) => {
                    // Nobody will ever take it.
                    done = kept.len();
                    break Err(error);
                }
            }
        };
        kept.drain(..done);
        if kept.is_empty() && kept.capacity() > CHUNK {
            kept.shrink_to(0);
        }
        result
    }

    /// How much [`Output::put`] takes now.
    pub fn room(&self) -> io::Result<usize> {
        let drained = self.drained(&mut self.kept())?;
        Ok(if drained { CHUNK } else { 0 })
    }

    /// Writes, and keeps what the descriptor does not take at once.
    pub fn put(&self, bytes: &[u8]) -> io::Result<()> {
        let Some(handle) = &self.handle else { return Ok(()) };
        let mut kept = self.kept();
        let mut rest = bytes;
        if self.drained(&mut kept)? {
            while !rest.is_empty() {
                match unless_blocked(handle.write(rest))? {
                    Some(done) => rest = &rest[done..],
                    None => break,
                }
            }
        }
        if kept.len() + rest.len() > KEPT_MAX {
            return Err(io::Error::other("too much was written without waiting for room"));
        }
        kept.extend_from_slice(rest);
        Ok(())
    }

    /// Writes what the descriptor takes at once; nothing if that is nothing.
    pub fn write(&self, bytes: &[u8]) -> io::Result<Option<usize>> {
        let Some(handle) = &self.handle else { return Ok(Some(bytes.len())) };
        if !self.drained(&mut self.kept())? {
            return Ok(None);
        }
        unless_blocked(handle.write(bytes))
    }

    /// Waits until there is room again.
    pub async fn writable(&self) -> io::Result<()> {
        let Some(handle) = &self.handle else { return Ok(()) };
        while !self.kept().is_empty() {
            handle.writable().await?;
            self.drained(&mut self.kept())?;
        }
        handle.writable().await
    }

    /// Waits until nothing is kept.
    pub async fn flushed(&self) -> io::Result<()> {
        let Some(handle) = &self.handle else { return Ok(()) };
        while !self.drained(&mut self.kept())? {
            handle.writable().await?;
        }
        Ok(())
    }

    /// Adds a line of our own and waits until it is out.
    pub async fn say(&self, line: &str) -> io::Result<()> {
        let mut rest = line.as_bytes();
        while !rest.is_empty() {
            match self.write(rest)? {
                Some(done) => rest = &rest[done..],
                None => self.writable().await?,
            }
        }
        Ok(())
    }

    /// Adds lines of our own if there is room for them now, all or nothing; a reader that does
    /// not keep up loses them. Whether they were taken.
    pub fn offer(&self, lines: &str) -> bool {
        let Some(handle) = &self.handle else { return true };
        let mut kept = self.kept();
        if !self.drained(&mut kept).unwrap_or(false) {
            return false;
        }
        match unless_blocked(handle.write(lines.as_bytes())) {
            Ok(Some(done)) => {
                kept.extend_from_slice(&lines.as_bytes()[done..]);
                true
            }
            Ok(None) | Err(_) => false,
        }
    }
}
