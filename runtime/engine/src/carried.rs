// SPDX-License-Identifier: Apache-2.0
//! The body of an answer from an instance that takes several requests.
//!
//! Belongs here: keeping the request's place until the last of its body is out or its time is over,
//! and running the instance when the connection has taken what there was. Does not belong here: the instance
//! (reuse.rs).

use crate::reuse::Place;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::{Sleep, sleep_until};
use wasmtime_wasi_http::{Error, WasiBody};

pub struct Carried {
    pub body: WasiBody,
    pub place: Place,
    /// Wakes at the end of the request's time, once there is something to wait for.
    pub late: Option<Pin<Box<Sleep>>>,
}

impl Body for Carried {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        // What is missing is mostly one step of the guest away, and then a write of the
        // connection's less.
        if frame.is_ready() {
            return frame;
        }
        if self.place.step() {
            let frame = Pin::new(&mut self.body).poll_frame(cx);
            if frame.is_ready() {
                return frame;
            }
        }
        let until = self.place.until();
        let late = self.late.get_or_insert_with(|| Box::pin(sleep_until(until)));
        std::task::ready!(late.as_mut().poll(cx));
        self.place.is_late();
        Poll::Ready(Some(Err(Error::HttpResponseTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
