// SPDX-License-Identifier: Apache-2.0
//! The interfaces that give something to whoever imports them: environment, folders, stdio,
//! sockets, names, requests, randomness, an end.
//!
//! Belongs here: the list of them, and binding them under any name to one part of a composition;
//! a component that is none is its own part 0. Does not belong here: what a part has (parts.rs).

use crate::guest::Guest;
use crate::network::lookup::{Lookup, LookupView};
use crate::network::sockets;
use crate::parts::{Leaver, LeaverView, PARTS_MAX};
use crate::place::{Place, PlaceView};
use wasmtime::component::Linker;
use wasmtime_wasi::cli::{WasiCli, WasiCliCtxView};
use wasmtime_wasi::p2::bindings as v2;
use wasmtime_wasi::p3::bindings as v3;
use wasmtime_wasi::random::{WasiRandom, WasiRandomCtx};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsCtxView};
use wasmtime_wasi_http::p2::bindings as http2;
use wasmtime_wasi_http::p3::bindings as http3;
use wasmtime_wasi_http::{WasiHttp, WasiHttpCtxView};

/// The ways to what a part has. Wasmtime takes plain functions, so that each part has its own.
struct Ways {
    place: fn(&mut Guest) -> PlaceView<'_>,
    cli: fn(&mut Guest) -> WasiCliCtxView<'_>,
    leaver: fn(&mut Guest) -> LeaverView<'_>,
    random: fn(&mut Guest) -> &mut WasiRandomCtx,
    sockets: fn(&mut Guest) -> WasiSocketsCtxView<'_>,
    lookup: fn(&mut Guest) -> LookupView<'_>,
    http: fn(&mut Guest) -> WasiHttpCtxView<'_>,
}

const fn ways<const PART: usize>() -> Ways {
    Ways {
        place: |guest| guest.place_of(PART),
        cli: |guest| guest.cli_of(PART),
        leaver: |guest| guest.leaver_of(PART),
        random: |guest| guest.wasi_of(PART).ctx.random(),
        sockets: |guest| guest.sockets_of(PART),
        lookup: |guest| guest.lookup_of(PART),
        http: |guest| guest.http_of(PART),
    }
}

macro_rules! ways_of {
    ($($part:literal)*) => { [$(ways::<$part>()),*] };
}

#[rustfmt::skip]
static WAYS: [Ways; PARTS_MAX] = ways_of!(
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15
    16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
    32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47
    48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
);

macro_rules! bind {
    ($linker:expr, $start:expr, $name:literal, $interface:path, $data:ty, $way:expr) => {{
        use $interface as interface;
        let name = format!("{}{}", $start, $name);
        interface::add_to_linker_instance::<Guest, $data>(&mut $linker.instance(&name)?, $way)?;
    }};
}

/// Binds what gives, named `start` and then as ever, to a part.
pub fn bind(linker: &mut Linker<Guest>, part: usize, start: &str) -> wasmtime::Result<()> {
    let ways = &WAYS[part];
    bind2(linker, ways, part, start)?;
    bind3(linker, ways, part, start)
}

#[rustfmt::skip]
fn bind2(l: &mut Linker<Guest>, ways: &Ways, part: usize, start: &str) -> wasmtime::Result<()> {
    use v2::{cli, filesystem, random, sockets as net};
    bind!(l, start, "wasi:cli/environment@0.2.12", cli::environment, Place, ways.place);
    bind!(l, start, "wasi:filesystem/preopens@0.2.12", filesystem::preopens, Place, ways.place);
    bind!(l, start, "wasi:cli/exit@0.2.12", cli::exit, Leaver, ways.leaver);
    bind!(l, start, "wasi:cli/stdin@0.2.12", cli::stdin, WasiCli, ways.cli);
    bind!(l, start, "wasi:cli/stdout@0.2.12", cli::stdout, WasiCli, ways.cli);
    bind!(l, start, "wasi:cli/stderr@0.2.12", cli::stderr, WasiCli, ways.cli);
    bind!(l, start, "wasi:cli/terminal-stdin@0.2.12", cli::terminal_stdin, WasiCli, ways.cli);
    bind!(l, start, "wasi:cli/terminal-stdout@0.2.12", cli::terminal_stdout, WasiCli, ways.cli);
    bind!(l, start, "wasi:cli/terminal-stderr@0.2.12", cli::terminal_stderr, WasiCli, ways.cli);
    bind!(l, start, "wasi:random/random@0.2.12", random::random, WasiRandom, ways.random);
    bind!(l, start, "wasi:random/insecure@0.2.12", random::insecure, WasiRandom, ways.random);
    bind!(l, start, "wasi:random/insecure-seed@0.2.12", random::insecure_seed, WasiRandom, ways.random);
    bind!(l, start, "wasi:sockets/instance-network@0.2.12", net::instance_network, WasiSockets, ways.sockets);
    bind!(l, start, "wasi:sockets/ip-name-lookup@0.2.12", net::ip_name_lookup, Lookup, ways.lookup);
    bind!(l, start, "wasi:http/outgoing-handler@0.2.12", http2::http::outgoing_handler, WasiHttp, ways.http);
    sockets::bind2(l, part, start)
}

#[rustfmt::skip]
fn bind3(l: &mut Linker<Guest>, ways: &Ways, part: usize, start: &str) -> wasmtime::Result<()> {
    use v3::{cli, filesystem, random, sockets as net};
    bind!(l, start, "wasi:cli/environment@0.3.0", cli::environment, Place, ways.place);
    bind!(l, start, "wasi:filesystem/preopens@0.3.0", filesystem::preopens, Place, ways.place);
    bind!(l, start, "wasi:cli/exit@0.3.0", cli::exit, Leaver, ways.leaver);
    bind!(l, start, "wasi:cli/stdin@0.3.0", cli::stdin, WasiCli, ways.cli);
    bind!(l, start, "wasi:cli/stdout@0.3.0", cli::stdout, WasiCli, ways.cli);
    bind!(l, start, "wasi:cli/stderr@0.3.0", cli::stderr, WasiCli, ways.cli);
    bind!(l, start, "wasi:cli/terminal-stdin@0.3.0", cli::terminal_stdin, WasiCli, ways.cli);
    bind!(l, start, "wasi:cli/terminal-stdout@0.3.0", cli::terminal_stdout, WasiCli, ways.cli);
    bind!(l, start, "wasi:cli/terminal-stderr@0.3.0", cli::terminal_stderr, WasiCli, ways.cli);
    bind!(l, start, "wasi:random/random@0.3.0", random::random, WasiRandom, ways.random);
    bind!(l, start, "wasi:random/insecure@0.3.0", random::insecure, WasiRandom, ways.random);
    bind!(l, start, "wasi:random/insecure-seed@0.3.0", random::insecure_seed, WasiRandom, ways.random);
    bind!(l, start, "wasi:sockets/types@0.3.0", net::types, WasiSockets, ways.sockets);
    bind!(l, start, "wasi:sockets/ip-name-lookup@0.3.0", net::ip_name_lookup, Lookup, ways.lookup);
    bind!(l, start, "wasi:http/client@0.3.0", http3::http::client, WasiHttp, ways.http);
    sockets::bind3(l, part, start)
}
