// SPDX-License-Identifier: Apache-2.0
//! The one description of Wasmtime that the worker and the compiler share.
//!
//! Belongs here: every setting that changes native code, and the sizes of the pool.
//! Does not belong here: anything that runs, loads or compiles.
//!
//! A precompiled component is refused by an engine whose settings differ, so both
//! programs call [`code`] and change nothing in what it returns that affects code.

pub mod offers;

use std::num::NonZeroUsize;
use wasmtime::{Config, Inlining, WasmBacktraceDetails};

/// Address space of one linear memory: all that a 32-bit guest can name, so that
/// compiled code needs no bounds checks.
pub const MEMORY_RESERVATION: u64 = 4 << 30;

/// Unmapped space behind it, for accesses with a constant offset.
pub const MEMORY_GUARD: u64 = 32 << 20;

/// The settings that decide what code is made and what code is accepted.
///
/// For the compiler this is all; the worker uses [`pooled`].
pub fn code() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .wasm_component_model_async(true)
        .concurrency_support(true)
        .epoch_interruption(true)
        .memory_reservation(MEMORY_RESERVATION)
        .memory_guard_size(MEMORY_GUARD)
        .memory_init_cow(true)
        .compiler_inlining(Inlining::No)
        // Wasm proposals that 32-bit, single-threaded components do without.
        .wasm_memory64(false)
        .wasm_gc(false)
        .gc_support(false)
        // Backtraces carry function names. They come from frame pointers, so neither
        // unwind tables nor a map back to wasm offsets is needed in every artifact.
        .wasm_backtrace_max_frames(NonZeroUsize::new(16))
        .native_unwind_info(false)
        .generate_address_map(false)
        // Left alone, this one is read from the environment.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config
}

/// How much room a running engine has.
#[cfg(feature = "runtime")]
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    /// Component instances alive at once.
    pub instances: u32,
    /// Reset memories by asking the kernel which pages were written (Linux 6.7). A page
    /// that was swapped out is not seen, so this is for processes that cannot swap.
    pub pagemap_scan: bool,
}

#[cfg(feature = "runtime")]
impl Pool {
    /// Freed slots that stay mapped, so that the next start of the same component is warm.
    const WARM_SLOTS: u32 = 1024;

    /// Bytes of a freed memory that stay resident. Without the scan these are cleared
    /// from the start of the memory up, so more of them must be kept to hit the dirty ones.
    const fn keep_resident(self) -> usize {
        if self.pagemap_scan { 64 << 10 } else { 256 << 10 }
    }

    fn allocation(self) -> wasmtime::PoolingAllocationConfig {
        let mut pool = wasmtime::PoolingAllocationConfig::new();
        pool.total_component_instances(self.instances)
            // Toolchains make about four core instances of a component (the program, the
            // adapter, two shims); compositions hold several programs.
            .total_core_instances(self.instances.saturating_mul(8))
            .total_memories(self.instances)
            .total_tables(self.instances.saturating_mul(3))
            .total_stacks(self.instances)
            .max_core_instances_per_component(128)
            .max_memories_per_component(32)
            .max_tables_per_component(64)
            .max_tables_per_module(4)
            // Of the tables that interpreters for Python and JavaScript bring, with room.
            .table_elements(100_000)
            .max_memory_size(MEMORY_RESERVATION as usize)
            .max_unused_warm_slots(Self::WARM_SLOTS.min(self.instances))
            .decommit_batch_size(1)
            .linear_memory_keep_resident(self.keep_resident())
            .table_keep_resident(16 << 10)
            .pagemap_scan(if self.pagemap_scan {
                wasmtime::Enabled::Yes
            } else {
                wasmtime::Enabled::No
            });
        pool
    }
}

/// The settings of a running engine: [`code`], the stacks, and the pool.
#[cfg(feature = "runtime")]
pub fn pooled(pool: Pool) -> Config {
    let mut config = code();
    config
        .max_wasm_stack(512 << 10)
        // What a host function may use on top of the guest's 512 KiB; running into the
        // guard page here would end the process, not the guest.
        .async_stack_size(2 << 20)
        .allocation_strategy(pool.allocation());
    config
}
