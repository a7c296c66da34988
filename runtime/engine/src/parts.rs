// SPDX-License-Identifier: Apache-2.0
//! Compositions: components linked to each other, each with what its own grant holds.
//!
//! The compiler renames what gives (roots.rs) in each part before it links them: `wasi:cli/stdin`
//! of part 3 is `c3-wasi:cli/stdin`. Here these names are bound to that part's grant. The same
//! interfaces under their own names are not offered to a composition: whatever the compiler would
//! have left unrenamed is refused.
//!
//! Belongs here: these names, what a store has for each part, the linker. Does not belong here:
//! which component is linked to which (the compiler), and with which grant (the owner).

use crate::descriptors::Descriptors;
use crate::grant::Grant;
use crate::guest::{self, Guest};
use crate::linker;
use crate::network::Hooks;
use crate::network::lookup::LookupView;
use crate::network::sockets::Door;
use crate::place::PlaceView;
use crate::roots;
use std::sync::{Arc, Mutex, PoisonError};
use wasmtime::component::{Component, HasData, InstancePre, Linker};
use wasmtime_wasi::cli::WasiCliCtxView;
use wasmtime_wasi::sockets::WasiSocketsCtxView;
use wasmtime_wasi::{I32Exit, WasiCtx, WasiCtxView, WasiView, p2, p3};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

pub const PARTS_MAX: usize = 64;

/// The part that an import of a composition belongs to, and its name without that.
pub fn split(import: &str) -> Option<(usize, &str)> {
    let (number, name) = import.strip_prefix('c')?.split_once('-')?;
    let part: usize = number.parse().ok().filter(|&part| part < PARTS_MAX)?;
    let plain = part.to_string() == number && name.starts_with("wasi:");
    plain.then_some((part, name))
}

/// How many parts a composition has at least; 0 of a component that is none.
pub fn count<'a>(imports: impl Iterator<Item = &'a str>) -> usize {
    imports.filter_map(split).map(|(part, _)| part + 1).max().unwrap_or(0)
}

/// The linker of compositions, which knows as many parts as were needed yet.
#[derive(Default)]
pub struct Composer(Mutex<Option<Known>>);

struct Known {
    linker: Linker<Guest>,
    parts: usize,
}

impl Composer {
    pub fn instantiate_pre(
        &self,
        engine: &wasmtime::Engine,
        component: &Component,
        parts: usize,
    ) -> wasmtime::Result<InstancePre<Guest>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_none() {
            *known = Some(Known { linker: linker::shared(engine)?, parts: 0 });
        }
        let known = known.as_mut().ok_or_else(|| wasmtime::format_err!("there is no linker"))?;
        while known.parts < parts {
            roots::bind(&mut known.linker, known.parts, &format!("c{}-", known.parts))?;
            known.parts += 1;
        }
        known.linker.instantiate_pre(component)
    }
}

/// What a store has for the parts behind the entry, made when each first asks for something.
#[derive(Default)]
pub struct Seats(Vec<Option<Box<Seat>>>);

struct Seat {
    wasi: WasiCtx,
    hooks: Hooks,
    door: Arc<Door>,
}

impl Seat {
    fn new(grant: &Arc<Grant>, descriptors: &Arc<Descriptors>, entry: &Arc<Door>) -> Box<Seat> {
        let mut wasi = guest::context(grant, false);
        let door = Door::of_part(&mut wasi, descriptors, grant, entry);
        let hooks = Hooks { network: grant.network.clone(), descriptors: descriptors.clone() };
        Box::new(Seat { wasi: wasi.build(), hooks, door })
    }
}

impl Seats {
    fn at(
        &mut self,
        part: usize,
        grant: &Arc<Grant>,
        descriptors: &Arc<Descriptors>,
        entry: &Arc<Door>,
    ) -> &mut Seat {
        if self.0.len() < part {
            self.0.resize_with(part, || None);
        }
        let make = || Seat::new(grant.part(part), descriptors, entry);
        self.0[part - 1].get_or_insert_with(make)
    }
}

impl Guest {
    pub fn wasi_of(&mut self, part: usize) -> WasiCtxView<'_> {
        if part == 0 {
            return self.wasi.ctx();
        }
        let seat = self.seats.at(part, &self.grant, &self.descriptors, self.sockets.door());
        WasiCtxView { ctx: &mut seat.wasi, table: self.wasi.ctx().table }
    }

    pub fn http_of(&mut self, part: usize) -> WasiHttpCtxView<'_> {
        if part == 0 {
            return self.http();
        }
        let seat = self.seats.at(part, &self.grant, &self.descriptors, self.sockets.door());
        let table = self.wasi.ctx().table;
        WasiHttpCtxView { ctx: &mut self.http, table, hooks: &mut seat.hooks }
    }

    pub fn door_of(&mut self, part: usize) -> &Arc<Door> {
        if part == 0 {
            return self.sockets.door();
        }
        &self.seats.at(part, &self.grant, &self.descriptors, self.sockets.door()).door
    }

    pub fn cli_of(&mut self, part: usize) -> WasiCliCtxView<'_> {
        let WasiCtxView { ctx, table } = self.wasi_of(part);
        WasiCliCtxView { ctx: ctx.cli(), table }
    }

    pub fn sockets_of(&mut self, part: usize) -> WasiSocketsCtxView<'_> {
        let WasiCtxView { ctx, table } = self.wasi_of(part);
        WasiSocketsCtxView { ctx: ctx.sockets(), table }
    }

    pub fn place_of(&mut self, part: usize) -> PlaceView<'_> {
        PlaceView { grant: self.grant.part(part), table: self.wasi.ctx().table }
    }

    pub fn lookup_of(&mut self, part: usize) -> LookupView<'_> {
        let network = self.grant.part(part).network.as_ref();
        LookupView { network, table: self.wasi.ctx().table }
    }

    pub fn leaver_of(&mut self, part: usize) -> LeaverView<'_> {
        LeaverView((part > 0).then(|| &**self.grant.part(part)))
    }
}

/// `wasi:cli/exit`. The end of a composition is its entry's to choose; another part that calls it
/// has failed.
pub struct Leaver;

impl HasData for Leaver {
    type Data<'a> = LeaverView<'a>;
}

/// Whose end would be everybody's; nothing for the entry.
pub struct LeaverView<'a>(Option<&'a Grant>);

impl LeaverView<'_> {
    fn leave(&self, code: i32) -> wasmtime::Error {
        match self.0 {
            None => wasmtime::format_err!(I32Exit(code)),
            Some(grant) => wasmtime::format_err!(
                "{} called exit with {code}; only the component that is run can",
                grant.name
            ),
        }
    }
}

impl p2::bindings::cli::exit::Host for LeaverView<'_> {
    fn exit(&mut self, status: Result<(), ()>) -> wasmtime::Result<()> {
        Err(self.leave(i32::from(status.is_err())))
    }

    fn exit_with_code(&mut self, code: u8) -> wasmtime::Result<()> {
        Err(self.leave(code.into()))
    }
}

impl p3::bindings::cli::exit::Host for LeaverView<'_> {
    fn exit(&mut self, status: Result<(), ()>) -> wasmtime::Result<()> {
        Err(self.leave(i32::from(status.is_err())))
    }

    fn exit_with_code(&mut self, code: u8) -> wasmtime::Result<()> {
        Err(self.leave(code.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::{count, split};

    #[test]
    fn a_part_is_told_by_its_number() {
        assert_eq!(split("c0-wasi:cli/stdin@0.2.0"), Some((0, "wasi:cli/stdin@0.2.0")));
        assert_eq!(split("c63-wasi:x/y"), Some((63, "wasi:x/y")));
    }

    #[test]
    fn what_looks_like_a_part_is_none() {
        for name in ["wasi:cli/stdin", "c64-wasi:cli/stdin", "c01-wasi:cli/stdin", "c-wasi:cli/a"] {
            assert_eq!(split(name), None, "{name}");
        }
        for name in ["c1-acme:vault/store", "c+1-wasi:cli/stdin", "C1-wasi:cli/stdin", "c1wasi:a/b"]
        {
            assert_eq!(split(name), None, "{name}");
        }
    }

    #[test]
    fn parts_are_counted_by_their_highest_number() {
        assert_eq!(count(["wasi:io/poll@0.2.0", "acme:a/b"].into_iter()), 0);
        assert_eq!(count(["c0-wasi:cli/stdin@0.2.0"].into_iter()), 1);
        assert_eq!(count(["c4-wasi:cli/stdin@0.2.0", "c2-wasi:cli/exit@0.2.0"].into_iter()), 5);
    }
}
