// SPDX-License-Identifier: Apache-2.0
//! Streams of files in WASI 0.2: wasmtime-wasi's own, with their work on threads of the task.
//!
//! Belongs here: borrowing for what a stream begins. Does not belong here: reading and writing.

use crate::files::calls::TYPES2;
use crate::files::threads::Share;
use crate::guest::Guest;
use bytes::Bytes;
use std::sync::Arc;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceTable};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::types::{ErrorCode, HostDescriptor};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsResult};
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{InputStream, OutputStream, StreamError, StreamResult};

type File = Resource<Descriptor>;
type Opened<S> = wasmtime::Result<(Result<Resource<S>, ErrorCode>,)>;

/// In place of WASI's own.
pub fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut types = linker.instance(TYPES2)?;
    types.func_wrap(
        "[method]descriptor.read-via-stream",
        |mut store: StoreContextMut<'_, Guest>, (file, at): (File, u64)| {
            let guest = store.data_mut();
            let reader = guest.reader(file, at).map(|reader| Box::new(reader) as DynInputStream);
            opened(guest, reader)
        },
    )?;
    types.func_wrap(
        "[method]descriptor.write-via-stream",
        |mut store: StoreContextMut<'_, Guest>, (file, at): (File, u64)| {
            let guest = store.data_mut();
            let writer = guest.writer(file, Some(at));
            opened(guest, writer.map(|writer| Box::new(writer) as DynOutputStream))
        },
    )?;
    types.func_wrap(
        "[method]descriptor.append-via-stream",
        |mut store: StoreContextMut<'_, Guest>, (file,): (File,)| {
            let guest = store.data_mut();
            let writer = guest.writer(file, None);
            opened(guest, writer.map(|writer| Box::new(writer) as DynOutputStream))
        },
    )
}

fn opened<S: Send + 'static>(guest: &mut Guest, stream: FsResult<S>) -> Opened<S> {
    let table: &mut ResourceTable = guest.filesystem().table;
    match stream {
        Ok(stream) => Ok((Ok(table.push(stream)?),)),
        Err(error) => Ok((Err(error.downcast()?),)),
    }
}

impl Guest {
    pub fn reader(&mut self, file: File, at: u64) -> FsResult<Reader> {
        let share = self.threads.clone();
        let mut files = self.filesystem();
        let stream = files.read_via_stream(file, at)?;
        Ok(Reader { inner: files.table.delete(stream)?, share })
    }

    /// At a place, or at the end.
    pub fn writer(&mut self, file: File, at: Option<u64>) -> FsResult<Writer> {
        let share = self.threads.clone();
        let mut files = self.filesystem();
        let stream = match at {
            Some(at) => files.write_via_stream(file, at)?,
            None => files.append_via_stream(file)?,
        };
        Ok(Writer { inner: files.table.delete(stream)?, share, waiting: None, failed: None })
    }
}

pub struct Reader {
    inner: DynInputStream,
    share: Arc<Share>,
}

#[async_trait::async_trait]
impl Pollable for Reader {
    async fn ready(&mut self) {
        self.share.borrow().await.around(self.inner.ready()).await;
    }
}

#[async_trait::async_trait]
impl InputStream for Reader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        // Without a thread now, as without anything to read yet: the guest waits until it is ready.
        match self.share.try_borrow() {
            Some(thread) => thread.inside(|| self.inner.read(size)),
            None => Ok(Bytes::new()),
        }
    }

    async fn blocking_read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.share.borrow().await.around(self.inner.blocking_read(size)).await
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}

pub struct Writer {
    inner: DynOutputStream,
    share: Arc<Share>,
    /// Taken while there was no thread for it.
    waiting: Option<Bytes>,
    failed: Option<StreamError>,
}

#[async_trait::async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {
        if self.waiting.is_some() {
            let thread = self.share.borrow().await;
            if let Some(bytes) = self.waiting.take() {
                self.failed = thread.inside(|| self.inner.write(bytes)).err();
            }
        }
        self.inner.ready().await;
    }
}

#[async_trait::async_trait]
impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if self.waiting.is_some() || self.failed.is_some() {
            return Err(StreamError::trap("a write that was not permitted"));
        }
        match self.share.try_borrow() {
            Some(thread) => thread.inside(|| self.inner.write(bytes)),
            None if self.inner.check_write()? == 0 => {
                Err(StreamError::trap("a write that was not permitted"))
            }
            None => {
                self.waiting = Some(bytes);
                Ok(())
            }
        }
    }

    fn flush(&mut self) -> StreamResult<()> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.inner.flush(),
        }
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        match (self.failed.take(), &self.waiting) {
            (Some(error), _) => Err(error),
            (None, Some(_)) => Ok(0),
            (None, None) => self.inner.check_write(),
        }
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.ready().await;
        self.flush()?;
        self.share.borrow().await.around(self.inner.blocking_write_and_flush(bytes)).await
    }

    async fn cancel(&mut self) {
        if self.waiting.is_some() {
            self.ready().await;
        }
        self.inner.cancel().await;
    }
}
