// SPDX-License-Identifier: Apache-2.0
//! What components can import: WASI 0.2 and 0.3 with HTTP, over a [`Guest`].
//!
//! Belongs here: the linker, and the interfaces that are answered from the task's grant
//! and not from a copy of it in every store. Does not belong here: what core modules import
//! (preview1.rs), stores (guest.rs), the names of what is offered (config/src/offers.rs).

use crate::files::{calls, plain, streams, streams3};
use crate::grant::Grant;
use crate::guest::Guest;
use crate::network::{lookup, sockets};
use wasmtime::Engine;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::{WasiView, p2, p3};

pub fn new(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;

    linker.allow_shadowing(true);
    let l = &mut linker;
    p2::bindings::cli::environment::add_to_linker::<Guest, Place>(l, place)?;
    p3::bindings::cli::environment::add_to_linker::<Guest, Place>(l, place)?;
    p2::bindings::filesystem::preopens::add_to_linker::<Guest, Place>(l, place)?;
    p3::bindings::filesystem::preopens::add_to_linker::<Guest, Place>(l, place)?;
    lookup::add_to_linker(l)?;
    calls::add_to_linker(l)?;
    plain::add_to_linker(l)?;
    streams::add_to_linker(l)?;
    streams3::add_to_linker(l)?;
    sockets::add_to_linker(l)?;
    linker.allow_shadowing(false);

    #[cfg(feature = "test-hooks")]
    linker
        .instance("skep:test/hooks")?
        .func_wrap("panic", |_, (): ()| -> wasmtime::Result<()> { panic!("a deliberate panic") })?;
    Ok(linker)
}

/// Where a guest finds itself: its arguments, environment and folders.
struct Place;

impl HasData for Place {
    type Data<'a> = PlaceView<'a>;
}

struct PlaceView<'a> {
    grant: &'a Grant,
    table: &'a mut ResourceTable,
}

fn place(guest: &mut Guest) -> PlaceView<'_> {
    PlaceView { grant: &guest.grant, table: guest.wasi.ctx().table }
}

impl PlaceView<'_> {
    fn folders(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let mut folders = Vec::with_capacity(self.grant.folders.len());
        for (dir, path) in &self.grant.folders {
            let resource = self.table.push(Descriptor::Dir(dir.clone()))?;
            folders.push((resource, path.clone()));
        }
        Ok(folders)
    }
}

impl p2::bindings::cli::environment::Host for PlaceView<'_> {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(self.grant.env.clone())
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(self.grant.args.clone())
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(Some(self.grant.cwd.clone()))
    }
}

impl p3::bindings::cli::environment::Host for PlaceView<'_> {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(self.grant.env.clone())
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(self.grant.args.clone())
    }

    fn get_initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(Some(self.grant.cwd.clone()))
    }
}

impl p2::bindings::filesystem::preopens::Host for PlaceView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        self.folders()
    }
}

impl p3::bindings::filesystem::preopens::Host for PlaceView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        self.folders()
    }
}
