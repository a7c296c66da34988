// SPDX-License-Identifier: Apache-2.0
//! stdio.rs as the streams of WASI 0.2 and 0.3.
//!
//! Belongs here: adapting. Does not belong here: descriptors.

use crate::stdio::{CHUNK, Input, Output};
use bytes::{Bytes, BytesMut};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{InputStream, OutputStream, StreamError, StreamResult};

/// The longest single read; what a guest asks for beyond it comes with the next one.
const READ_MAX: usize = 64 << 10;

#[derive(Clone)]
pub struct Stdin(pub Arc<Input>);

#[derive(Clone)]
pub struct Stdout {
    pub output: Arc<Output>,
    /// Whether a core module of preview 1 writes, which knows error numbers.
    pub preview1: bool,
}

impl IsTerminal for Stdin {
    fn is_terminal(&self) -> bool {
        self.0.is_terminal()
    }
}

impl IsTerminal for Stdout {
    fn is_terminal(&self) -> bool {
        self.output.is_terminal()
    }
}

impl StdinStream for Stdin {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(Waiting::new(self.0.clone()))
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(self.clone())
    }
}

impl StdoutStream for Stdout {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(Waiting::new(self.output.clone()))
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

/// A reader or writer that went away closes the stream, which C libraries report as EPIPE.
fn stream_error(error: io::Error) -> StreamError {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => StreamError::Closed,
        _ => StreamError::LastOperationFailed(error.into()),
    }
}

impl Stdout {
    /// In preview 1 a closed stream would be EIO.
    fn failed(&self, error: io::Error) -> StreamError {
        if self.preview1 {
            StreamError::LastOperationFailed(error.into())
        } else {
            stream_error(error)
        }
    }
}

#[async_trait::async_trait]
impl Pollable for Stdin {
    async fn ready(&mut self) {
        // An error shows again, and is reported, when the guest reads.
        let _ = self.0.readable().await;
    }
}

impl InputStream for Stdin {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        let mut buffer = BytesMut::zeroed(size.min(READ_MAX));
        match self.0.read(&mut buffer).map_err(stream_error)? {
            Some(0) => Err(StreamError::Closed),
            Some(done) => {
                buffer.truncate(done);
                Ok(buffer.freeze())
            }
            None => Ok(Bytes::new()),
        }
    }
}

#[async_trait::async_trait]
impl Pollable for Stdout {
    async fn ready(&mut self) {
        // An error shows again, and is reported, when the guest writes.
        let _ = self.output.writable().await;
    }
}

impl OutputStream for Stdout {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > CHUNK {
            return Err(StreamError::trap("a write beyond the permitted size"));
        }
        self.output.put(&bytes).map_err(|error| self.failed(error))
    }

    fn flush(&mut self) -> StreamResult<()> {
        // From here until all is out, check_write() answers 0.
        self.output.room().map(drop).map_err(|error| self.failed(error))
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.output.room().map_err(|error| self.failed(error))
    }
}

type Wait = Pin<Box<dyn Future<Output = io::Result<()>> + Send + Sync>>;

/// A stream of WASI 0.3, which polls: it keeps the wait that it is in. Each stream has one
/// of its own, because a descriptor may have several.
struct Waiting<S> {
    stdio: Arc<S>,
    wait: Option<Wait>,
}

impl<S> Waiting<S> {
    fn new(stdio: Arc<S>) -> Waiting<S> {
        Waiting { stdio, wait: None }
    }

    fn poll_with<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&S) -> io::Result<Option<R>>,
        wait: impl Fn(Arc<S>) -> Wait,
    ) -> Poll<io::Result<R>> {
        loop {
            if let Some(waiting) = &mut self.wait {
                std::task::ready!(waiting.as_mut().poll(cx))?;
                self.wait = None;
            }
            if let Some(done) = attempt(&self.stdio)? {
                return Poll::Ready(Ok(done));
            }
            self.wait = Some(wait(self.stdio.clone()));
        }
    }
}

impl AsyncRead for Waiting<Input> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buffer.initialize_unfilled();
        let done = std::task::ready!(self.poll_with(
            cx,
            |input| input.read(room),
            |input| Box::pin(async move { input.readable().await }),
        ))?;
        buffer.advance(done);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Waiting<Output> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_with(
            cx,
            |output| output.write(bytes),
            |output| Box::pin(async move { output.writable().await }),
        )
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Nothing is buffered on this way.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
