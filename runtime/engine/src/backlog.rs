// SPDX-License-Identifier: Apache-2.0
//! What a connection of HTTP/2 holds of its answers: taken from guests, not yet by the peer.
//!
//! A stream has a buffer of its own, and an answer that fits into it lets its instance and its
//! request go. So a peer which takes nothing could have one such buffer filled for each stream;
//! all streams of a connection together keep to [`UNSENT_MAX`], and what is beyond it stays with
//! the guests, who are counted.
//!
//! Belongs here: counting, and holding bodies back. Does not belong here: streams (http2.rs).

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wasmtime_wasi_http::{Error, WasiBody};

const UNSENT_MAX: usize = 256 << 10;

#[derive(Default)]
pub struct Backlog(Mutex<State>);

#[derive(Default)]
struct State {
    unsent: usize,
    waiting: Vec<Waker>,
}

impl Backlog {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.unsent < UNSENT_MAX {
            return Poll::Ready(());
        }
        if !state.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    fn took(&self, bytes: usize) {
        self.state().unsent += bytes;
    }

    /// Frames have heads, which were not counted: it is never more than what is left.
    fn sent(&self, bytes: usize) {
        let waiting = {
            let mut state = self.state();
            state.unsent = state.unsent.saturating_sub(bytes);
            if state.unsent >= UNSENT_MAX {
                return;
            }
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// An answer's body.
pub struct HeldBack {
    pub body: WasiBody,
    pub backlog: Arc<Backlog>,
}

impl Body for HeldBack {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        std::task::ready!(self.backlog.poll_room(cx));
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            self.backlog.took(data.remaining());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Where the answers leave.
pub struct Outlet<S> {
    pub stream: S,
    pub backlog: Arc<Backlog>,
}

impl<S: Unpin> Outlet<S> {
    fn note(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            self.backlog.sent(bytes);
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Outlet<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Outlet<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::{Backlog, UNSENT_MAX};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::task::{Context, Wake, Waker};

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn what_the_peer_does_not_take_holds_bodies_back_until_it_does() {
        let backlog = Backlog::default();
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let cx = Context::from_waker(&waker);
        assert!(backlog.poll_room(&cx).is_ready());
        backlog.took(UNSENT_MAX + 5);
        assert!(backlog.poll_room(&cx).is_pending() && backlog.poll_room(&cx).is_pending());
        backlog.sent(5);
        assert_eq!(woken.0.load(Relaxed), 0);
        backlog.sent(1);
        assert_eq!(woken.0.load(Relaxed), 1);
        assert!(backlog.poll_room(&cx).is_ready());
        backlog.sent(usize::MAX);
        backlog.took(1);
        assert!(backlog.poll_room(&cx).is_ready());
    }
}
