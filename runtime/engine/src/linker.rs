// SPDX-License-Identifier: Apache-2.0
//! What components can import: WASI 0.2 and 0.3 with HTTP, over a [`Guest`].
//!
//! Belongs here: the interfaces that give nothing by themselves, which all parts of a composition
//! share, and the linker of components that are no composition. Does not belong here: the
//! interfaces that give (roots.rs), compositions (parts.rs), what core modules import
//! (preview1.rs), the names of what is offered (config/src/offers.rs).

use crate::files::{calls, plain, streams, streams3};
use crate::guest::Guest;
use crate::network::sockets;
use crate::roots;
use wasmtime::Engine;
use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::bindings as v2;
use wasmtime_wasi::p3::{self, bindings as v3};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView};
use wasmtime_wasi_http::p2::bindings as http2;
use wasmtime_wasi_http::p3::bindings as http3;
use wasmtime_wasi_http::{WasiHttp, WasiHttpView};
use wasmtime_wasi_io::bindings::wasi::io;

pub fn new(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = shared(engine)?;
    roots::bind(&mut linker, 0, "")?;

    #[cfg(feature = "test-hooks")]
    linker
        .instance("skep:test/hooks")?
        .func_wrap("panic", |_, (): ()| -> wasmtime::Result<()> { panic!("a deliberate panic") })?;
    Ok(linker)
}

struct Io;

impl HasData for Io {
    type Data<'a> = &'a mut ResourceTable;
}

/// What takes handles and makes none out of nothing. Whatever else there is belongs to roots.rs:
/// what is bound here under its own name is common to all parts of a composition.
pub fn shared(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    let l = &mut linker;
    io::error::add_to_linker::<Guest, Io>(l, |guest| guest.ctx().table)?;
    io::poll::add_to_linker::<Guest, Io>(l, |guest| guest.ctx().table)?;
    io::streams::add_to_linker::<Guest, Io>(l, |guest| guest.ctx().table)?;
    v2::clocks::wall_clock::add_to_linker::<Guest, WasiClocks>(l, Guest::clocks)?;
    v2::clocks::monotonic_clock::add_to_linker::<Guest, WasiClocks>(l, Guest::clocks)?;
    v2::cli::terminal_input::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    v2::cli::terminal_output::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    v2::filesystem::types::add_to_linker::<Guest, WasiFilesystem>(l, Guest::filesystem)?;
    let stable = v2::sockets::network::LinkOptions::default();
    v2::sockets::network::add_to_linker::<Guest, WasiSockets>(l, &stable, Guest::sockets)?;
    v2::sockets::tcp::add_to_linker::<Guest, WasiSockets>(l, Guest::sockets)?;
    v2::sockets::udp::add_to_linker::<Guest, WasiSockets>(l, Guest::sockets)?;
    let stable = http2::http::types::LinkOptions::default();
    http2::http::types::add_to_linker::<Guest, WasiHttp>(l, &stable, Guest::http)?;

    p3::clocks::add_to_linker(l)?;
    v3::cli::terminal_input::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    v3::cli::terminal_output::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    v3::filesystem::types::add_to_linker::<Guest, WasiFilesystem>(l, Guest::filesystem)?;
    http3::http::types::add_to_linker::<Guest, WasiHttp>(l, Guest::http)?;

    l.allow_shadowing(true);
    calls::add_to_linker(l)?;
    plain::add_to_linker(l)?;
    streams::add_to_linker(l)?;
    streams3::add_to_linker(l)?;
    sockets::add_to_linker(l)?;
    l.allow_shadowing(false);
    Ok(linker)
}
