// SPDX-License-Identifier: Apache-2.0
//! Streams of files in WASI 0.3, over those of 0.2, whose work is on threads of the task.
//!
//! Belongs here: the one as the other. Does not belong here: reading and writing (streams.rs).

use crate::files::calls::TYPES3;
use crate::files::streams::{Reader, Writer};
use crate::guest::Guest;
use bytes::Bytes;
use std::future::{Future, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready as when_ready};
use tokio::sync::oneshot;
use wasmtime::StoreContextMut;
use wasmtime::component::{
    Destination, FutureReader, Linker, Resource, Source, StreamConsumer, StreamProducer,
    StreamReader, StreamResult,
};
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::FsError;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode as Code2;
use wasmtime_wasi::p3::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi_io::streams::{InputStream, OutputStream, StreamError};

/// Bytes that are read or written at once.
const PART: usize = 64 << 10;

type File = Resource<Descriptor>;
type End = Result<(), ErrorCode>;
type Store<'a> = StoreContextMut<'a, Guest>;

/// In place of WASI's own.
pub fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut types = linker.instance(TYPES3)?;
    types.func_wrap(
        "[method]descriptor.read-via-stream",
        |store: Store<'_>, (file, at): (File, u64)| Ok((read(store, file, at)?,)),
    )?;
    types.func_wrap(
        "[method]descriptor.write-via-stream",
        |store: Store<'_>, (file, data, at): (File, StreamReader<u8>, u64)| {
            Ok((write(store, file, data, Some(at))?,))
        },
    )?;
    types.func_wrap(
        "[method]descriptor.append-via-stream",
        |store: Store<'_>, (file, data): (File, StreamReader<u8>)| {
            Ok((write(store, file, data, None)?,))
        },
    )
}

fn read(
    mut store: Store<'_>,
    file: File,
    at: u64,
) -> wasmtime::Result<(StreamReader<u8>, FutureReader<End>)> {
    match store.data_mut().reader(file, at) {
        Ok(reader) => {
            let (told, end) = oneshot::channel();
            let bytes = Bytes3 { work: Work::Idle(reader), told: Told(Some(told)) };
            let bytes = StreamReader::new(&mut store, bytes)?;
            Ok((bytes, FutureReader::new(&mut store, end)?))
        }
        Err(error) => {
            let end = ready(wasmtime::error::Ok(Err(refused(error)?)));
            let none = StreamReader::new(&mut store, std::iter::empty())?;
            Ok((none, FutureReader::new(&mut store, end)?))
        }
    }
}

fn write(
    mut store: Store<'_>,
    file: File,
    mut data: StreamReader<u8>,
    at: Option<u64>,
) -> wasmtime::Result<FutureReader<End>> {
    match store.data_mut().writer(file, at) {
        Ok(writer) => {
            let (told, end) = oneshot::channel();
            let into = Into3 { work: Work::Idle(writer), told: Told(Some(told)) };
            data.pipe(&mut store, into)?;
            FutureReader::new(&mut store, end)
        }
        Err(error) => {
            data.close(&mut store)?;
            let end = ready(wasmtime::error::Ok(Err(refused(error)?)));
            FutureReader::new(&mut store, end)
        }
    }
}

/// Why a stream could not be opened, in the words of 0.3.
fn refused(error: FsError) -> wasmtime::Result<ErrorCode> {
    Ok(match error.downcast()? {
        Code2::IsDirectory => ErrorCode::IsDirectory,
        Code2::NotPermitted => ErrorCode::NotPermitted,
        Code2::BadDescriptor => ErrorCode::BadDescriptor,
        _ => ErrorCode::Io,
    })
}

fn failed(error: &StreamError) -> End {
    match error {
        StreamError::Closed => Ok(()),
        StreamError::LastOperationFailed(error) | StreamError::Trap(error) => {
            Err(error.downcast_ref::<io::Error>().map_or(ErrorCode::Io, ErrorCode::from))
        }
    }
}

/// Who waits for a stream's end hears of it, also when the stream is just dropped.
struct Told(Option<oneshot::Sender<End>>);

impl Told {
    fn end(&mut self, end: End) {
        if let Some(told) = self.0.take() {
            // Nobody has to listen.
            let _ = told.send(end);
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.end(Ok(()));
    }
}

type Done<S, R> = (S, Result<R, StreamError>);

/// A stream of 0.2, and what it is doing.
enum Work<S, R> {
    Idle(S),
    Busy(Pin<Box<dyn Future<Output = Done<S, R>> + Send>>),
    Over,
}

impl<S, R> Work<S, R> {
    fn begin<F: Future<Output = Done<S, R>> + Send + 'static>(
        &mut self,
        call: impl FnOnce(S) -> F,
    ) {
        *self = match std::mem::replace(self, Work::Over) {
            Work::Idle(stream) => Work::Busy(Box::pin(call(stream))),
            other => other,
        };
    }

    /// Its result; a stream that failed is over.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<R, StreamError>> {
        let Work::Busy(call) = self else { return Poll::Ready(Err(StreamError::Closed)) };
        let (stream, done) = when_ready!(call.as_mut().poll(cx));
        *self = if done.is_ok() { Work::Idle(stream) } else { Work::Over };
        Poll::Ready(done)
    }
}

struct Bytes3 {
    work: Work<Reader, Bytes>,
    told: Told,
}

impl StreamProducer<Guest> for Bytes3 {
    type Item = u8;
    type Buffer = Bytes;

    /// What was begun is waited for, also where the guest would rather not any more: the thread
    /// that does it cannot be told.
    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        _: StoreContextMut<'a, Guest>,
        mut to: Destination<'a, u8, Bytes>,
        _: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let this = &mut *self;
        this.work.begin(|mut reader| async move {
            let done = reader.blocking_read(PART).await;
            (reader, done)
        });
        match when_ready!(this.work.poll(cx)) {
            Ok(bytes) => {
                to.set_buffer(bytes);
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Err(error) => {
                this.told.end(failed(&error));
                Poll::Ready(Ok(StreamResult::Dropped))
            }
        }
    }
}

struct Into3 {
    work: Work<Writer, usize>,
    told: Told,
}

impl StreamConsumer<Guest> for Into3 {
    type Item = u8;

    /// As above.
    fn poll_consume(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<Guest>,
        from: Source<u8>,
        _: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let this = &mut *self;
        let mut from = from.as_direct(store);
        if let Work::Idle(_) = this.work {
            let given = from.remaining();
            let bytes = Bytes::copy_from_slice(&given[..given.len().min(PART)]);
            this.work.begin(|mut writer| async move {
                let length = bytes.len();
                let done = writer.blocking_write_and_flush(bytes).await;
                (writer, done.map(|()| length))
            });
        }
        match when_ready!(this.work.poll(cx)) {
            Ok(length) => {
                from.mark_read(length);
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Err(error) => {
                this.told.end(failed(&error));
                Poll::Ready(Ok(StreamResult::Dropped))
            }
        }
    }
}
