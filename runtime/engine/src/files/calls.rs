// SPDX-License-Identifier: Apache-2.0
//! Calls of WASI 0.2, 0.3 and preview 1 that open something, within what a task may have open.
//!
//! Each is wasmtime-wasi's own, with a place taken before and what came out counted.
//!
//! Belongs here: those calls, and one that would keep a thread busy for as long as a guest likes.
//! Does not belong here: counting (descriptors.rs).

use crate::descriptors::Room;
use crate::files::plain::{NAME_TOO_LONG, PATH_BYTES, is_long, threads_of};
use crate::guest::Guest;
use std::fs::File;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use wasmtime::StoreContextMut;
use wasmtime::component::{Accessor, FutureReader, Linker, Resource, StreamReader};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p1::wasi_snapshot_preview1 as stock;
use wasmtime_wasi::p2::bindings::filesystem::types as v2;
use wasmtime_wasi::p2::bindings::filesystem::types::HostDescriptor;
use wasmtime_wasi::p3::bindings::filesystem::types as v3;
use wasmtime_wasi::p3::bindings::filesystem::types::HostDescriptorWithStore;
use wiggle::GuestMemory;

pub const TYPES2: &str = "wasi:filesystem/types@0.2.12";
pub const TYPES3: &str = "wasi:filesystem/types@0.3.0";
const OPEN: &str = "[method]descriptor.open-at";
const LIST: &str = "[method]descriptor.read-directory";

/// Preview 1's `mfile`: too many files open by this process.
const MFILE: i32 = 33;

type Opened2 = Result<Resource<Descriptor>, v2::ErrorCode>;
type Opened3 = Result<Resource<Descriptor>, v3::ErrorCode>;
type Listing = (StreamReader<v3::DirectoryEntry>, FutureReader<Result<(), v3::ErrorCode>>);

/// Where to, as both versions pass it.
type At<P, O, F> = (Resource<Descriptor>, P, String, O, F);
type At2 = At<v2::PathFlags, v2::OpenFlags, v2::DescriptorFlags>;
type At3 = At<v3::PathFlags, v3::OpenFlags, v3::DescriptorFlags>;

/// In place of WASI's own.
pub fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.instance(TYPES2)?.func_wrap_async(OPEN, |store, at: At2| {
        Box::new(async move { Ok((open2(store, at).await?,)) })
    })?;
    let mut types = linker.instance(TYPES3)?;
    types.func_wrap_concurrent(OPEN, |accessor: &Accessor<Guest>, at: At3| {
        let opened: Pin<Box<dyn Future<Output = _> + Send>> =
            Box::pin(async move { Ok((open3(accessor, at).await?,)) });
        opened
    })?;
    types.func_wrap_async(LIST, |store, (dir,): (Resource<Descriptor>,)| {
        Box::new(async move { Ok((list3(store, dir).await?,)) })
    })
}

impl Guest {
    /// A place for one more open file; a refusal is said.
    fn room(&self) -> Option<Room> {
        let room = self.descriptors.room();
        if room.is_none() {
            self.descriptors.refused(&self.grant.error);
        }
        room
    }

    /// Counts what lies behind `opened`, or closes it.
    fn keep(&mut self, room: Room, opened: &Resource<Descriptor>) -> wasmtime::Result<bool> {
        let table = self.wasi.ctx().table;
        if room.take(file_of(table.get(opened)?)) {
            return Ok(true);
        }
        table.delete(Resource::<Descriptor>::new_own(opened.rep()))?;
        self.descriptors.refused(&self.grant.error);
        Ok(false)
    }
}

fn file_of(opened: &Descriptor) -> &Arc<File> {
    match opened {
        Descriptor::File(file) => &file.file,
        Descriptor::Dir(dir) => &dir.dir,
    }
}

async fn open2(mut store: StoreContextMut<'_, Guest>, at: At2) -> wasmtime::Result<Opened2> {
    let thread = store.data().threads.clone().borrow().await;
    let guest = store.data_mut();
    let Some(room) = guest.room() else { return Ok(Err(v2::ErrorCode::InsufficientMemory)) };
    let (dir, path_flags, path, how, flags) = at;
    if is_long(&path) {
        return Ok(Err(v2::ErrorCode::NameTooLong));
    }
    let mut files = guest.filesystem();
    let call = HostDescriptor::open_at(&mut files, dir, path_flags, path, how, flags);
    match thread.around(call).await {
        Ok(opened) if guest.keep(room, &opened)? => Ok(Ok(opened)),
        Ok(_) => Ok(Err(v2::ErrorCode::InsufficientMemory)),
        Err(error) => Ok(Err(error.downcast()?)),
    }
}

async fn open3(accessor: &Accessor<Guest>, at: At3) -> wasmtime::Result<Opened3> {
    let full = Ok(Err(v3::ErrorCode::InsufficientMemory));
    let thread = threads_of(accessor).borrow().await;
    let Some(room) = accessor.with(|mut access| access.get().room()) else { return full };
    let (dir, path_flags, path, how, flags) = at;
    if is_long(&path) {
        return Ok(Err(v3::ErrorCode::NameTooLong));
    }
    let files = accessor.with_getter::<WasiFilesystem>(<Guest as WasiFilesystemView>::filesystem);
    let call = WasiFilesystem::open_at(&files, dir, path_flags, path, how, flags);
    match thread.around(call).await {
        Ok(opened) if accessor.with(|mut access| access.get().keep(room, &opened))? => {
            Ok(Ok(opened))
        }
        Ok(_) => full,
        Err(error) => Ok(Err(error.downcast()?)),
    }
}

/// A folder's names, all at once: WASI's own keeps one of the threads for file calls, which all
/// tasks share, until the last name was read.
async fn list3(
    mut store: StoreContextMut<'_, Guest>,
    dir: Resource<Descriptor>,
) -> wasmtime::Result<Listing> {
    let (names, end) = match names(store.data_mut(), dir).await {
        Ok(names) => (names, Ok(())),
        Err(error) => (Vec::new(), Err(code3(error.downcast()?))),
    };
    let names = StreamReader::new(&mut store, names)?;
    Ok((names, FutureReader::new(&mut store, ready(wasmtime::error::Ok(end)))?))
}

async fn names(
    guest: &mut Guest,
    dir: Resource<Descriptor>,
) -> wasmtime_wasi::p2::FsResult<Vec<v3::DirectoryEntry>> {
    let thread = guest.threads.clone().borrow().await;
    let mut files = guest.filesystem();
    let listing = thread.around(files.read_directory(dir)).await?;
    let entries = files.table.delete(listing)?.into_iter();
    let renamed = |entry: v2::DirectoryEntry| v3::DirectoryEntry {
        type_: type3(entry.type_),
        name: entry.name,
    };
    entries.map(|entry| entry.map(renamed)).collect()
}

fn type3(of: v2::DescriptorType) -> v3::DescriptorType {
    use v2::DescriptorType as Old;
    use v3::DescriptorType as New;
    match of {
        Old::BlockDevice => New::BlockDevice,
        Old::CharacterDevice => New::CharacterDevice,
        Old::Directory => New::Directory,
        Old::Fifo => New::Fifo,
        Old::SymbolicLink => New::SymbolicLink,
        Old::RegularFile => New::RegularFile,
        Old::Socket => New::Socket,
        Old::Unknown => New::Other(None),
    }
}

/// What listing a folder can fail with.
fn code3(code: v2::ErrorCode) -> v3::ErrorCode {
    use v2::ErrorCode as Old;
    use v3::ErrorCode as New;
    match code {
        Old::Access => New::Access,
        Old::BadDescriptor => New::BadDescriptor,
        Old::IllegalByteSequence => New::IllegalByteSequence,
        Old::InsufficientMemory => New::InsufficientMemory,
        Old::NoEntry => New::NoEntry,
        Old::NotDirectory => New::NotDirectory,
        Old::NotPermitted => New::NotPermitted,
        _ => New::Io,
    }
}

/// Where preview 1 writes the number of what it opened, and all that it is asked for.
type At1 = (i32, i32, i32, i32, i32, i64, i64, i32, i32);

/// The stock call keeps its numbers to itself; what it opened is where the next entry of the
/// table was going to be.
pub async fn open1(guest: &mut Guest, memory: &mut [u8], at: At1) -> wasmtime::Result<i32> {
    let Some(room) = guest.room() else { return Ok(MFILE) };
    let table = guest.wasi.ctx().table;
    let next = table.push(())?;
    let rep = next.rep();
    table.delete(next)?;
    let (dir, links, path, length, how, rights, inherited, flags, number) = at;
    if length as u32 as usize > PATH_BYTES {
        return Ok(NAME_TOO_LONG);
    }
    let thread = guest.threads.clone().borrow().await;
    let mut view = GuestMemory::Unshared(&mut *memory);
    let call = stock::path_open(
        &mut guest.wasi,
        &mut view,
        dir,
        links,
        path,
        length,
        how,
        rights,
        inherited,
        flags,
        number,
    );
    let errno = thread.around(call).await?;
    if errno != 0 || guest.hold1(room, rep)? {
        return Ok(errno);
    }
    guest.descriptors.refused(&guest.grant.error);
    let number = number as u32 as usize;
    let opened = memory.get(number..number + 4).and_then(|bytes| bytes.try_into().ok());
    let opened = i32::from_le_bytes(opened.unwrap_or_default());
    stock::fd_close(&mut guest.wasi, &mut GuestMemory::Unshared(memory), opened).await?;
    Ok(MFILE)
}

impl Guest {
    fn hold1(&mut self, room: Room, rep: u32) -> wasmtime::Result<bool> {
        let opened = Resource::<Descriptor>::new_borrow(rep);
        Ok(room.take(file_of(self.wasi.ctx().table.get(&opened)?)))
    }
}
