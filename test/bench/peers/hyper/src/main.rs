// SPDX-License-Identifier: Apache-2.0
//! hyper alone: `bench-hyper PORT THREADS` answers every request with one line, HTTP/1.1, and does
//! nothing else.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// tokio's stream with hyper's traits, as hyper's own examples have it.
struct Stream(TcpStream);

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut room: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // SAFETY: only what was filled, and so initialised, is said to be.
        let filled = unsafe {
            let mut buffer = ReadBuf::uninit(room.as_mut());
            match Pin::new(&mut self.0).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) => buffer.filled().len(),
                other => return other,
            }
        };
        // SAFETY: as above.
        unsafe { room.advance(filled) };
        Poll::Ready(Ok(()))
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

async fn answer(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(b"Hello from hyper, nobody!\n"))))
}

async fn serve(port: u16) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;

    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            // A client that goes away is no failure of ours.
            let _ = http1::Builder::new()
                .serve_connection(Stream(stream), service_fn(answer))
                .await;
        });
    }
}

fn main() -> io::Result<()> {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let [port, threads] = numbers[..] else {
        return Err(io::Error::other("usage: bench-hyper PORT THREADS"));
    };
    let port = u16::try_from(port).map_err(io::Error::other)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_io().build()?;
    let server = runtime.spawn(serve(port));

    runtime.block_on(server).map_err(io::Error::other)?
}
