// SPDX-License-Identifier: Apache-2.0
//! One instance's store: what it holds and what bounds it.
//!
//! Belongs here: making a store for a task, answering its interruptions.
//! Does not belong here: calling into it (command.rs, request.rs).

use crate::ceilings::{CALL_BYTES, FIELD_BYTES, RANDOM_BYTES};
use crate::descriptors::Descriptors;
use crate::fault::{Ending, How};
use crate::files::threads::Share;
use crate::grant::Grant;
use crate::memory::Meter;
use crate::network;
use crate::network::sockets::Sockets;
use crate::parts::Seats;
use crate::preview1;
use crate::streams::{Stdin, Stdout};
use crate::task::Task;
use crate::turn::shall_yield;
use std::sync::Arc;
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

pub struct Guest {
    /// WASI of all versions; what preview 1 adds to it is empty in components.
    pub wasi: WasiP1Ctx,
    pub http: WasiHttpCtx,
    hooks: network::Hooks,
    pub meter: Meter,
    /// All that the task has open.
    pub descriptors: Arc<Descriptors>,
    pub sockets: Sockets,
    /// For calls on files.
    pub threads: Arc<Share>,
    pub grant: Arc<Grant>,
    /// Of a composition: what its parts have.
    pub seats: Seats,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi.ctx()
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let table = self.wasi.ctx().table;
        WasiHttpCtxView { ctx: &mut self.http, table, hooks: &mut self.hooks }
    }
}

/// Stdio and bounds as a grant has them; nothing else yet.
pub fn context(grant: &Grant, preview1: bool) -> WasiCtxBuilder {
    let mut wasi = WasiCtx::builder();
    wasi.stdin(Stdin(grant.input.clone()))
        .stdout(Stdout { output: grant.output.clone(), preview1 })
        .stderr(Stdout { output: grant.error.clone(), preview1 })
        .max_random_size(RANDOM_BYTES);
    wasi
}

/// A store for one instance of `task`, or why there is no room for it.
pub fn store(task: &Task, grant: &Arc<Grant>) -> Result<Store<Guest>, Ending> {
    let handle_max = task.limits().handles();
    let preview1 = task.component.program.is_preview1();
    let mut wasi = context(grant, preview1);
    let sockets = Sockets::new(&mut wasi, &task.descriptors, grant);
    let mut wasi = if preview1 { preview1::furnish(wasi, grant)? } else { wasi.build_p1() };
    wasi.ctx().table.set_max_capacity(handle_max);
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(FIELD_BYTES);
    let guest = Guest {
        wasi,
        http,
        hooks: network::Hooks {
            network: grant.network.clone(),
            descriptors: task.descriptors.clone(),
        },
        meter: Meter::new(&task.budget),
        descriptors: task.descriptors.clone(),
        sockets,
        threads: task.threads.clone(),
        grant: grant.clone(),
        seats: Seats::default(),
    };
    if let Some(refusal) = guest.meter.refusal() {
        return Err(Ending::new(How::Oom, refusal));
    }
    let mut store = Store::new(&task.component.engine.wasm, guest);
    store.limiter(|guest| &mut guest.meter);
    store.set_hostcall_fuel(CALL_BYTES);
    store.set_max_component_handles(handle_max);
    if let Some(table) = store.concurrent_resource_table() {
        table.set_max_capacity(handle_max);
    }
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|_| {
        // Yielding goes all the way to the run queue, which decides on pauses, quotas
        // and order; a kill simply never polls the store again.
        Ok(if shall_yield() { UpdateDeadline::Yield(1) } else { UpdateDeadline::Continue(1) })
    });
    Ok(store)
}
