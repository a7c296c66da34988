// SPDX-License-Identifier: Apache-2.0
//! Where a guest finds itself: its arguments, environment and folders.
//!
//! Belongs here: the interfaces that are answered from a grant and not from a copy of it in every
//! store. Does not belong here: who is given which view (roots.rs), stores (guest.rs).

use crate::grant::Grant;
use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::{p2, p3};

pub struct Place;

impl HasData for Place {
    type Data<'a> = PlaceView<'a>;
}

pub struct PlaceView<'a> {
    pub grant: &'a Grant,
    pub table: &'a mut ResourceTable,
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
