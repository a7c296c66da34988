// SPDX-License-Identifier: Apache-2.0
//! Calls of WASI 0.2 and 0.3 on files that open nothing: on a thread of the task, and with no path
//! that is longer than the kernel's own longest.
//!
//! Paths are walked name by name here (a worker may not use openat2, see the sandbox's
//! syscalls.c), so nothing else would bound how long a call keeps its thread.
//!
//! Belongs here: those calls. Does not belong here: opening (calls.rs), streams (streams.rs,
//! streams3.rs), preview 1 (preview1.rs).

use crate::files::threads::Share;
use crate::guest::Guest;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use wasmtime::StoreContextMut;
use wasmtime::component::{Accessor, Linker, Resource};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::types as v2;
use wasmtime_wasi::p2::bindings::filesystem::types::HostDescriptor;
use wasmtime_wasi::p3::bindings::filesystem::types as v3;
use wasmtime_wasi::p3::bindings::filesystem::types::HostDescriptorWithStore;

/// limits.h: PATH_MAX without its final NUL.
pub const PATH_BYTES: usize = 4095;

/// Preview 1's `nametoolong`.
pub const NAME_TOO_LONG: i32 = 37;

pub fn is_long(path: &str) -> bool {
    path.len() > PATH_BYTES
}

const SAME: &str = "[method]descriptor.is-same-object";

type Any = Resource<Descriptor>;
type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

macro_rules! bound2 {
    ($types:ident, $name:literal, $method:ident, ($($arg:ident: $ty:ty),*), $($path:ident)*) => {
        $types.func_wrap_async(
            concat!("[method]descriptor.", $name),
            |mut store: StoreContextMut<'_, Guest>, (file, $($arg),*): (Any, $($ty),*)| {
                Box::new(async move {
                    if false $(|| is_long(&$path))* {
                        return Ok((Err(v2::ErrorCode::NameTooLong),));
                    }
                    let thread = store.data().threads.clone().borrow().await;
                    let mut files = store.data_mut().filesystem();
                    let call = HostDescriptor::$method(&mut files, file, $($arg),*);
                    Ok((match thread.around(call).await {
                        Ok(done) => Ok(done),
                        Err(error) => Err(error.downcast()?),
                    },))
                })
            },
        )?
    };
}

macro_rules! bound3 {
    ($types:ident, $name:literal, $method:ident, ($($arg:ident: $ty:ty),*), $($path:ident)*) => {
        $types.func_wrap_concurrent(
            concat!("[method]descriptor.", $name),
            |accessor: &Accessor<Guest>, (file, $($arg),*): (Any, $($ty),*)| {
                let done: Later<_> = Box::pin(async move {
                    if false $(|| is_long(&$path))* {
                        return Ok((Err(v3::ErrorCode::NameTooLong),));
                    }
                    let thread = threads_of(accessor).borrow().await;
                    let files = accessor
                        .with_getter::<WasiFilesystem>(<Guest as WasiFilesystemView>::filesystem);
                    let call = WasiFilesystem::$method(&files, file, $($arg),*);
                    Ok((match thread.around(call).await {
                        Ok(done) => Ok(done),
                        Err(error) => Err(error.downcast()?),
                    },))
                });
                done
            },
        )?
    };
}

pub fn threads_of(accessor: &Accessor<Guest>) -> Arc<Share> {
    accessor.with(|mut access| access.get().threads.clone())
}

/// In place of WASI's own.
pub fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    add2(linker)?;
    add3(linker)
}

fn add2(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    use v2::{Advice, NewTimestamp as Time, PathFlags};
    let mut types = linker.instance(super::calls::TYPES2)?;
    bound2!(types, "advise", advise, (at: u64, length: u64, advice: Advice),);
    bound2!(types, "sync-data", sync_data, (),);
    bound2!(types, "get-flags", get_flags, (),);
    bound2!(types, "get-type", get_type, (),);
    bound2!(types, "set-size", set_size, (size: u64),);
    bound2!(types, "set-times", set_times, (read: Time, written: Time),);
    bound2!(types, "read", read, (length: u64, at: u64),);
    bound2!(types, "write", write, (bytes: Vec<u8>, at: u64),);
    bound2!(types, "read-directory", read_directory, (),);
    bound2!(types, "sync", sync, (),);
    bound2!(types, "stat", stat, (),);
    bound2!(types, "metadata-hash", metadata_hash, (),);
    types.func_wrap_async(
        SAME,
        |mut store: StoreContextMut<'_, Guest>, (one, other): (Any, Any)| {
            Box::new(async move {
                let thread = store.data().threads.clone().borrow().await;
                let mut files = store.data_mut().filesystem();
                Ok((thread.around(HostDescriptor::is_same_object(&mut files, one, other)).await?,))
            })
        },
    )?;
    bound2!(types, "create-directory-at", create_directory_at, (path: String), path);
    bound2!(types, "stat-at", stat_at, (links: PathFlags, path: String), path);
    bound2!(types, "set-times-at", set_times_at,
        (links: PathFlags, path: String, read: Time, written: Time), path);
    bound2!(types, "link-at", link_at,
        (links: PathFlags, old: String, to: Any, new: String), old new);
    bound2!(types, "readlink-at", readlink_at, (path: String), path);
    bound2!(types, "remove-directory-at", remove_directory_at, (path: String), path);
    bound2!(types, "rename-at", rename_at, (old: String, to: Any, new: String), old new);
    bound2!(types, "symlink-at", symlink_at, (old: String, new: String), old new);
    bound2!(types, "unlink-file-at", unlink_file_at, (path: String), path);
    bound2!(types, "metadata-hash-at", metadata_hash_at, (links: PathFlags, path: String), path);
    Ok(())
}

fn add3(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    use v3::{Advice, NewTimestamp as Time, PathFlags};
    let mut types = linker.instance(super::calls::TYPES3)?;
    bound3!(types, "advise", advise, (at: u64, length: u64, advice: Advice),);
    bound3!(types, "sync-data", sync_data, (),);
    bound3!(types, "get-flags", get_flags, (),);
    bound3!(types, "get-type", get_type, (),);
    bound3!(types, "set-size", set_size, (size: u64),);
    bound3!(types, "set-times", set_times, (read: Time, written: Time),);
    bound3!(types, "sync", sync, (),);
    bound3!(types, "stat", stat, (),);
    bound3!(types, "metadata-hash", metadata_hash, (),);
    types.func_wrap_concurrent(SAME, |accessor: &Accessor<Guest>, (one, other): (Any, Any)| {
        let done: Later<_> = Box::pin(async move {
            let thread = threads_of(accessor).borrow().await;
            let files =
                accessor.with_getter::<WasiFilesystem>(<Guest as WasiFilesystemView>::filesystem);
            Ok((thread.around(WasiFilesystem::is_same_object(&files, one, other)).await?,))
        });
        done
    })?;
    bound3!(types, "create-directory-at", create_directory_at, (path: String), path);
    bound3!(types, "stat-at", stat_at, (links: PathFlags, path: String), path);
    bound3!(types, "set-times-at", set_times_at,
        (links: PathFlags, path: String, read: Time, written: Time), path);
    bound3!(types, "link-at", link_at,
        (links: PathFlags, old: String, to: Any, new: String), old new);
    bound3!(types, "readlink-at", readlink_at, (path: String), path);
    bound3!(types, "remove-directory-at", remove_directory_at, (path: String), path);
    bound3!(types, "rename-at", rename_at, (old: String, to: Any, new: String), old new);
    bound3!(types, "symlink-at", symlink_at, (old: String, new: String), old new);
    bound3!(types, "unlink-file-at", unlink_file_at, (path: String), path);
    bound3!(types, "metadata-hash-at", metadata_hash_at, (links: PathFlags, path: String), path);
    Ok(())
}
