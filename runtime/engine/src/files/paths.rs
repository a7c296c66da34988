// SPDX-License-Identifier: Apache-2.0
//! No path is longer than the kernel's own longest, in any call of any version of WASI.
//!
//! Paths are walked name by name here (a worker may not use openat2, see the sandbox's
//! syscalls.c), so nothing else would bound how long a call keeps one of the threads for files,
//! which all tasks share.
//!
//! Belongs here: that bound. Does not belong here: opening (calls.rs has its own look at it).

use crate::guest::Guest;
use std::future::Future;
use std::pin::Pin;
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

type Dir = Resource<Descriptor>;
type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

macro_rules! bound2 {
    ($types:ident, $name:literal, $method:ident, ($($arg:ident: $ty:ty),*), $($path:ident)+) => {
        $types.func_wrap_async(
            concat!("[method]descriptor.", $name),
            |mut store: StoreContextMut<'_, Guest>, (dir, $($arg),*): (Dir, $($ty),*)| {
                Box::new(async move {
                    if $(is_long(&$path))||+ {
                        return Ok((Err(v2::ErrorCode::NameTooLong),));
                    }
                    let mut files = store.data_mut().filesystem();
                    Ok((match HostDescriptor::$method(&mut files, dir, $($arg),*).await {
                        Ok(done) => Ok(done),
                        Err(error) => Err(error.downcast()?),
                    },))
                })
            },
        )?
    };
}

macro_rules! bound3 {
    ($types:ident, $name:literal, $method:ident, ($($arg:ident: $ty:ty),*), $($path:ident)+) => {
        $types.func_wrap_concurrent(
            concat!("[method]descriptor.", $name),
            |accessor: &Accessor<Guest>, (dir, $($arg),*): (Dir, $($ty),*)| {
                let done: Later<_> = Box::pin(async move {
                    if $(is_long(&$path))||+ {
                        return Ok((Err(v3::ErrorCode::NameTooLong),));
                    }
                    let files = accessor
                        .with_getter::<WasiFilesystem>(<Guest as WasiFilesystemView>::filesystem);
                    Ok((match WasiFilesystem::$method(&files, dir, $($arg),*).await {
                        Ok(done) => Ok(done),
                        Err(error) => Err(error.downcast()?),
                    },))
                });
                done
            },
        )?
    };
}

/// In place of WASI's own.
pub fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    add2(linker)?;
    add3(linker)
}

fn add2(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    use v2::{NewTimestamp as Time, PathFlags};
    let mut types = linker.instance(super::calls::TYPES2)?;
    bound2!(types, "create-directory-at", create_directory_at, (path: String), path);
    bound2!(types, "stat-at", stat_at, (links: PathFlags, path: String), path);
    bound2!(types, "set-times-at", set_times_at,
        (links: PathFlags, path: String, read: Time, written: Time), path);
    bound2!(types, "link-at", link_at,
        (links: PathFlags, old: String, to: Dir, new: String), old new);
    bound2!(types, "readlink-at", readlink_at, (path: String), path);
    bound2!(types, "remove-directory-at", remove_directory_at, (path: String), path);
    bound2!(types, "rename-at", rename_at, (old: String, to: Dir, new: String), old new);
    bound2!(types, "symlink-at", symlink_at, (old: String, new: String), old new);
    bound2!(types, "unlink-file-at", unlink_file_at, (path: String), path);
    bound2!(types, "metadata-hash-at", metadata_hash_at, (links: PathFlags, path: String), path);
    Ok(())
}

fn add3(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    use v3::{NewTimestamp as Time, PathFlags};
    let mut types = linker.instance(super::calls::TYPES3)?;
    bound3!(types, "create-directory-at", create_directory_at, (path: String), path);
    bound3!(types, "stat-at", stat_at, (links: PathFlags, path: String), path);
    bound3!(types, "set-times-at", set_times_at,
        (links: PathFlags, path: String, read: Time, written: Time), path);
    bound3!(types, "link-at", link_at,
        (links: PathFlags, old: String, to: Dir, new: String), old new);
    bound3!(types, "readlink-at", readlink_at, (path: String), path);
    bound3!(types, "remove-directory-at", remove_directory_at, (path: String), path);
    bound3!(types, "rename-at", rename_at, (old: String, to: Dir, new: String), old new);
    bound3!(types, "symlink-at", symlink_at, (old: String, new: String), old new);
    bound3!(types, "unlink-file-at", unlink_file_at, (path: String), path);
    bound3!(types, "metadata-hash-at", metadata_hash_at, (links: PathFlags, path: String), path);
    Ok(())
}
