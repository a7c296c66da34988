// SPDX-License-Identifier: Apache-2.0
//! What core modules can import: WASI preview 1, over a [`Guest`].
//!
//! The functions are wasmtime-wasi's own. They keep their state here and not in the guest's
//! memory, which is why core modules are not adapted to components.
//!
//! Belongs here: the linker of core modules, and where an answer of ours differs: exit codes,
//! folders that come as descriptors, calls with more bytes than the host holds for one.
//! Does not belong here: what components import (linker.rs), stores (guest.rs).

use crate::ceilings::{CALL_BYTES, RANDOM_BYTES};
use crate::fault::Ending;
use crate::files::calls::open1;
use crate::files::plain::{NAME_TOO_LONG, PATH_BYTES};
use crate::files::threads::Share;
use crate::grant::Grant;
use crate::guest::Guest;
use std::future::Future;
use std::sync::Arc;
use wasmtime::component::Resource;
use wasmtime::{Caller, Engine, Extern, Linker, Memory};
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p1::wasi_snapshot_preview1::{self as stock, WasiSnapshotPreview1};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder, WasiView};
use wiggle::GuestMemory;

pub use skep_engine_config::offers::P1;

/// What a command exports.
pub const START: &str = "_start";

/// The most that one call reads or writes. The rest is the guest's next call, as it is with
/// every short read or write; without this, a call for more than [`CALL_BYTES`] would fail.
const PORTION: u32 = 4 << 20;

/// Buffers of one call that are looked at for one with a length: as many as POSIX's readv takes.
const BUFFERS: usize = 1024;

/// Stands in for a granted folder until its descriptor takes its place. Opened by O_PATH, so
/// no permission is needed and nothing can be done with it.
const STAND_IN: &str = "/";

/// stdin, stdout, stderr, and some that were dropped: numbers that are no folder's.
const OTHER_NUMBERS: usize = 8;

macro_rules! in_portions {
    ($linker:expr, $name:ident, $($arg:ident: $ty:ty),*) => {
        $linker.func_wrap_async(
            P1,
            stringify!($name),
            |mut caller: Caller<'_, Guest>, (fd, list, count, $($arg),*): (i32, i32, i32, $($ty),*)| {
                Box::new(async move {
                    let memory = memory_of(&mut caller)?;
                    let (bytes, guest) = memory.data_and_store_mut(&mut caller);
                    let portion = Portion::cut(bytes, list, count);
                    let threads = threads_for(guest, fd);
                    guest.wasi.set_hostcall_fuel(CALL_BYTES);
                    let mut view = GuestMemory::Unshared(&mut *bytes);
                    let call =
                        stock::$name(&mut guest.wasi, &mut view, fd, list, count, $($arg),*);
                    let done = threaded(threads, call).await;
                    if let Some(portion) = portion {
                        portion.mend(bytes);
                    }
                    done
                })
            },
        )
    };
}

/// A call with paths, of which none may be too long: where their lengths are among its arguments.
macro_rules! with_paths {
    ($linker:expr, $name:ident, ($($arg:ident: $ty:ty),*), $($length:ident)+) => {
        $linker.func_wrap_async(
            P1,
            stringify!($name),
            |mut caller: Caller<'_, Guest>, ($($arg),*,): ($($ty),*,)| {
                Box::new(async move {
                    if $($length as u32 as usize > PATH_BYTES)||+ {
                        return Ok(NAME_TOO_LONG);
                    }
                    let memory = memory_of(&mut caller)?;
                    let (bytes, guest) = memory.data_and_store_mut(&mut caller);
                    guest.wasi.set_hostcall_fuel(CALL_BYTES);
                    let threads = Some(guest.threads.clone());
                    let mut view = GuestMemory::Unshared(bytes);
                    threaded(threads, stock::$name(&mut guest.wasi, &mut view, $($arg),*)).await
                })
            },
        )
    };
}

/// A call on what is open already.
macro_rules! on_open {
    ($linker:expr, $name:ident, $($arg:ident: $ty:ty),*) => {
        $linker.func_wrap_async(
            P1,
            stringify!($name),
            |mut caller: Caller<'_, Guest>, (fd, $($arg),*): (i32, $($ty),*)| {
                Box::new(async move {
                    let memory = memory_of(&mut caller)?;
                    let (bytes, guest) = memory.data_and_store_mut(&mut caller);
                    guest.wasi.set_hostcall_fuel(CALL_BYTES);
                    let threads = threads_for(guest, fd);
                    let mut view = GuestMemory::Unshared(bytes);
                    threaded(threads, stock::$name(&mut guest.wasi, &mut view, fd, $($arg),*)).await
                })
            },
        )
    };
}

/// Stdio does not block, and may be waited for at length.
fn threads_for(guest: &Guest, fd: i32) -> Option<Arc<Share>> {
    (fd > libc::STDERR_FILENO).then(|| guest.threads.clone())
}

async fn threaded<R>(threads: Option<Arc<Share>>, call: impl Future<Output = R>) -> R {
    match threads {
        Some(threads) => threads.borrow().await.around(call).await,
        None => call.await,
    }
}

fn bound_open(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    on_open!(linker, fd_advise, at: i64, length: i64, advice: i32)?;
    on_open!(linker, fd_datasync,)?;
    on_open!(linker, fd_fdstat_get, stat: i32)?;
    on_open!(linker, fd_filestat_get, stat: i32)?;
    on_open!(linker, fd_filestat_set_size, size: i64)?;
    on_open!(linker, fd_filestat_set_times, read: i64, written: i64, which: i32)?;
    on_open!(linker, fd_readdir, bytes: i32, room: i32, from: i64, done: i32)?;
    on_open!(linker, fd_seek, by: i64, from: i32, now: i32)?;
    on_open!(linker, fd_sync,)?;
    Ok(())
}

fn bound_paths(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    with_paths!(linker, path_create_directory, (dir: i32, path: i32, length: i32), length)?;
    with_paths!(linker, path_filestat_get,
        (dir: i32, links: i32, path: i32, length: i32, stat: i32), length)?;
    with_paths!(linker, path_filestat_set_times,
        (dir: i32, links: i32, path: i32, length: i32, read: i64, written: i64, which: i32),
        length)?;
    with_paths!(linker, path_link,
        (dir: i32, links: i32, old: i32, length: i32, to: i32, new: i32, more: i32),
        length more)?;
    with_paths!(linker, path_readlink,
        (dir: i32, path: i32, length: i32, bytes: i32, room: i32, done: i32), length)?;
    with_paths!(linker, path_remove_directory, (dir: i32, path: i32, length: i32), length)?;
    with_paths!(linker, path_rename,
        (dir: i32, old: i32, length: i32, to: i32, new: i32, more: i32), length more)?;
    with_paths!(linker, path_symlink,
        (old: i32, length: i32, dir: i32, new: i32, more: i32), length more)?;
    with_paths!(linker, path_unlink_file, (dir: i32, path: i32, length: i32), length)?;
    Ok(())
}

pub fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    p1::add_to_linker_async(&mut linker, |guest: &mut Guest| &mut guest.wasi)?;
    linker.allow_shadowing(true);
    // The stock one takes codes from 126 on for a trap.
    linker.func_wrap(P1, "proc_exit", |code: i32| -> wasmtime::Result<()> {
        Err(I32Exit(code).into())
    })?;
    in_portions!(linker, fd_read, done: i32)?;
    in_portions!(linker, fd_write, done: i32)?;
    in_portions!(linker, fd_pread, at: i64, done: i32)?;
    in_portions!(linker, fd_pwrite, at: i64, done: i32)?;
    linker.func_wrap_async(P1, "random_get", |caller, (at, length): (i32, i32)| {
        Box::new(random_get(caller, at as u32, length as u32))
    })?;
    linker.func_wrap_async(P1, "path_open", |mut caller: Caller<'_, Guest>, at| {
        Box::new(async move {
            let memory = memory_of(&mut caller)?;
            let (bytes, guest) = memory.data_and_store_mut(&mut caller);
            guest.wasi.set_hostcall_fuel(CALL_BYTES);
            open1(guest, bytes, at).await
        })
    })?;
    bound_paths(&mut linker)?;
    bound_open(&mut linker)?;
    linker.allow_shadowing(false);
    Ok(linker)
}

fn memory_of(caller: &mut Caller<'_, Guest>) -> wasmtime::Result<Memory> {
    match caller.get_export("memory") {
        Some(Extern::Memory(memory)) => Ok(memory),
        _ => wasmtime::bail!("the module exports no memory"),
    }
}

/// A buffer in a guest's list that is announced shorter than it is, for one call.
struct Portion {
    /// Where its length stands.
    at: usize,
    length: [u8; 4],
}

impl Portion {
    /// Shortens the buffer that the call will use, the first that is not empty, if it is long.
    fn cut(memory: &mut [u8], list: i32, count: i32) -> Option<Portion> {
        let entries = memory.get(list as u32 as usize..)?.chunks_exact(8);
        let entries = entries.take(BUFFERS.min(count as u32 as usize));
        let lengths =
            entries.map(|entry| u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]));
        let (index, length) = lengths.enumerate().find(|(_, length)| *length > 0)?;
        if length <= PORTION {
            return None;
        }
        let at = list as u32 as usize + index * 8 + 4;
        memory.get_mut(at..at + 4)?.copy_from_slice(&PORTION.to_le_bytes());
        Some(Portion { at, length: length.to_le_bytes() })
    }

    fn mend(&self, memory: &mut [u8]) {
        if let Some(place) = memory.get_mut(self.at..self.at + 4) {
            place.copy_from_slice(&self.length);
        }
    }
}

/// Any length, in turns.
async fn random_get(mut caller: Caller<'_, Guest>, at: u32, length: u32) -> wasmtime::Result<i32> {
    let memory = memory_of(&mut caller)?;
    let (bytes, guest) = memory.data_and_store_mut(&mut caller);
    let mut view = GuestMemory::Unshared(bytes);
    let mut done = 0;
    loop {
        let part = (length - done).min(RANDOM_BYTES as u32);
        // A sum beyond the memory's end is found out by the call.
        let errno = stock::random_get(
            &mut guest.wasi,
            &mut view,
            at.saturating_add(done) as i32,
            part as i32,
        )?;
        done += part;
        if errno != 0 || done == length {
            return Ok(errno);
        }
        tokio::task::yield_now().await;
    }
}

/// The context of a core module: arguments, environment and folders in it.
pub fn furnish(mut wasi: WasiCtxBuilder, grant: &Grant) -> Result<WasiP1Ctx, Ending> {
    let failed = |error| Ending::failed(format!("cannot hand over the folders: {error:#}"));
    wasi.args(&grant.args).envs(&grant.env);
    for (_, path) in &grant.folders {
        wasi.preopened_dir(STAND_IN, path, FsPerms::ReadOnly).map_err(failed)?;
    }
    let mut wasi = wasi.build_p1();
    place_folders(&mut wasi, grant).map_err(failed)?;
    Ok(wasi)
}

/// Puts the granted folders where the builder, which takes only paths, has put others.
fn place_folders(wasi: &mut WasiP1Ctx, grant: &Grant) -> wasmtime::Result<()> {
    // The first call gives out the numbers, in the order of the folders; its answer is EBADF.
    stock::fd_prestat_get(wasi, &mut GuestMemory::Unshared(&mut []), 0, 0)?;
    let table = wasi.ctx().table;
    let mut folders = grant.folders.iter();
    for number in 0..grant.folders.len() + OTHER_NUMBERS {
        let number = Resource::<Descriptor>::new_borrow(number as u32);
        if let Ok(place) = table.get_mut(&number)
            && let Some((dir, _)) = folders.next()
        {
            *place = Descriptor::Dir(dir.clone());
        }
    }
    if folders.next().is_some() {
        wasmtime::bail!("they have other numbers than they should");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{P1, PORTION, Portion};
    use skep_engine_config::offers::P1_FUNCTIONS;
    use wasmtime::{Engine, Linker, Store};
    use wasmtime_wasi::WasiCtx;

    #[test]
    fn what_the_compiler_lets_through_is_what_the_host_has() {
        let engine = Engine::new(&skep_engine_config::code()).unwrap();
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p1::add_to_linker_async(&mut linker, |wasi| wasi).unwrap();
        let mut store = Store::new(&engine, WasiCtx::builder().build_p1());
        let found: Vec<_> = linker.iter(&mut store).map(|(from, name, _)| (from, name)).collect();
        let mut names: Vec<_> = found.iter().map(|(_, name)| *name).collect();
        names.sort_unstable();
        assert!(found.iter().all(|(from, _)| *from == P1));
        assert_eq!(names, P1_FUNCTIONS);
    }

    fn list(lengths: &[u32]) -> Vec<u8> {
        lengths.iter().flat_map(|length| [0, *length]).flat_map(u32::to_le_bytes).collect()
    }

    #[test]
    fn the_first_buffer_with_a_length_is_shortened_and_mended() {
        let given = list(&[0, PORTION + 1, PORTION + 2]);
        let mut memory = given.clone();
        let portion = Portion::cut(&mut memory, 0, 3).unwrap();
        assert_eq!(memory, list(&[0, PORTION, PORTION + 2]));
        portion.mend(&mut memory);
        assert_eq!(memory, given);
    }

    #[test]
    fn lists_that_are_short_or_point_out_are_left_alone() {
        let mut memory = list(&[PORTION, PORTION + 1]);
        let given = memory.clone();
        assert!(Portion::cut(&mut memory, 0, 2).is_none());
        assert!(Portion::cut(&mut memory, 8, 0).is_none());
        assert!(Portion::cut(&mut memory, 12, 1).is_none());
        assert!(Portion::cut(&mut memory, -1, -1).is_none());
        assert_eq!(memory, given);
    }
}
