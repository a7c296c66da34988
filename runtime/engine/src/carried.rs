// SPDX-License-Identifier: Apache-2.0
//! The body of an answer from an instance that takes several requests.
//!
//! Belongs here: keeping the request's place until the last of its body is out, and running the
//! instance when the connection has taken what there was. Does not belong here: the instance
//! (reuse.rs).

use crate::reuse::Place;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use wasmtime_wasi_http::{Error, WasiBody};

pub struct Carried {
    pub body: WasiBody,
    pub place: Place,
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
        if frame.is_pending() && self.place.step() {
            return Pin::new(&mut self.body).poll_frame(cx);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
