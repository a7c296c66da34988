// SPDX-License-Identifier: Apache-2.0
//! What guests may do on the network: nothing.
//!
//! Belongs here: every decision on sockets, names and outgoing requests, so that this is
//! the one module to change when guests get sockets of their pod. Sockets and name lookups
//! are refused by WASI's own defaults (a context without permissions); outgoing requests
//! by the hook below. Guests see proper errors, not traps.

use std::future::Future;
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

/// Leaves TCP, UDP and name lookups refused.
pub fn grant(wasi: &mut WasiCtxBuilder) {
    wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
}

/// The host side of wasi:http for one store.
pub struct Hooks;

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        _: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, Io), Error>> + Send> {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}
