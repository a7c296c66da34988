// SPDX-License-Identifier: Apache-2.0
//! The structs of `engine.h`, `grant.h` and `counters.h`, field by field.
//!
//! Belongs here: layouts, and nothing but copying in and out of them.
//! Does not belong here: what the fields mean (their users), defaults (limits.rs).

use crate::why::{Why, clip};
use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::AtomicU64;

/// Bytes of a sentence, its NUL included.
pub const TEXT_BYTES: usize = 400;

type Text = [c_char; TEXT_BYTES];

#[repr(C)]
pub struct EngineWhy {
    kind: c_int,
    text: Text,
}

pub type LogFn = unsafe extern "C" fn(owner: *mut c_void, level: c_int, text: *const c_char);

#[repr(C)]
pub struct Options {
    pub threads: u32,
    pub instances: u32,
    pub log: Option<LogFn>,
    pub log_owner: *mut c_void,
    pub switchboard: *mut u32,
}

#[repr(C)]
pub struct ComponentInfo {
    pub kind: c_int,
    pub wasi_minor: u32,
}

#[repr(C)]
pub struct Exit {
    how: c_int,
    code: c_int,
    text: Text,
}

pub type ExitFn = unsafe extern "C" fn(owner: *mut c_void, end: *const Exit);

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Watcher {
    pub on_exit: Option<ExitFn>,
    pub owner: *mut c_void,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Limits {
    pub memory_bytes: u64,
    pub instance_max: u64,
    pub handle_max: u64,
    pub file_max: u64,
    pub cpu_weight: u64,
    pub cpu_quota_ns: u64,
    pub cpu_period_ns: u64,
    pub connection_max: u64,
    pub request_max: u64,
    pub queue_max: u64,
    pub queue_ns: u64,
    pub request_ns: u64,
    pub head_ns: u64,
    pub head_bytes: u64,
    pub body_bytes: u64,
    pub stream_max: u64,
    pub connection_requests: u64,
    pub reuse_max: u64,
    pub reuse_ns: u64,
    pub lame_duck_ns: u64,
}

#[repr(C)]
pub struct Folder {
    pub dir: c_int,
    pub guest_path: *const c_char,
    pub read_only: bool,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Network {
    pub allow: *const c_char,
    pub resolv_conf: *const c_char,
    pub hosts: *const c_char,
    pub trust: *const c_char,
}

#[repr(C)]
pub struct Part {
    pub name: *const c_char,
    pub arg_count: usize,
    pub args: *const *const c_char,
    pub env_count: usize,
    pub env: *const *const c_char,
    pub cwd: *const c_char,
    pub input: c_int,
    pub output: c_int,
    pub error: c_int,
    pub folder_count: usize,
    pub folders: *const Folder,
    pub network_id: u32,
    pub network: Network,
}

#[repr(C)]
pub struct Grant {
    pub name: *const c_char,
    pub arg_count: usize,
    pub args: *const *const c_char,
    pub env_count: usize,
    pub env: *const *const c_char,
    pub cwd: *const c_char,
    pub input: c_int,
    pub output: c_int,
    pub error: c_int,
    pub listener: c_int,
    pub folder_count: usize,
    pub folders: *const Folder,
    pub limits: Limits,
    pub counters: *mut Counters,
    pub latency: *mut Latency,
    pub network_id: u32,
    pub network: Network,
    pub access_log: bool,
    pub call: *const c_char,
    pub part_count: usize,
    pub parts: *const Part,
}

impl Grant {
    /// What the entry of a composition may touch, and a component that is none.
    pub fn entry(&self) -> Part {
        Part {
            name: self.name,
            arg_count: self.arg_count,
            args: self.args,
            env_count: self.env_count,
            env: self.env,
            cwd: self.cwd,
            input: self.input,
            output: self.output,
            error: self.error,
            folder_count: self.folder_count,
            folders: self.folders,
            network_id: self.network_id,
            network: self.network,
        }
    }
}

#[repr(C)]
#[derive(Default)]
pub struct Counters {
    pub cpu_ns: AtomicU64,
    pub memory_bytes: AtomicU64,
    pub memory_peak: AtomicU64,
    pub instances: AtomicU64,
    pub requests: AtomicU64,
    pub errors: AtomicU64,
    pub traps: AtomicU64,
    pub oom: AtomicU64,
    pub in_flight: AtomicU64,
    pub periods: AtomicU64,
    pub throttled_periods: AtomicU64,
    pub throttled_ns: AtomicU64,
}

/// Exponents of the first and the last bound between buckets, in microseconds.
pub const LATENCY_FIRST_LOG2: u32 = 4;
pub const LATENCY_LAST_LOG2: u32 = 26;
pub const LATENCY_BUCKETS: usize = 2 + 2 * (LATENCY_LAST_LOG2 - LATENCY_FIRST_LOG2) as usize;

#[repr(C)]
pub struct Latency {
    pub sum_ns: AtomicU64,
    pub buckets: [AtomicU64; LATENCY_BUCKETS],
}

fn fill(text: &mut Text, sentence: &str) {
    let bytes = clip(sentence, TEXT_BYTES - 1).as_bytes();
    for (to, from) in text.iter_mut().zip(bytes) {
        // A NUL inside would end the sentence early for the reader.
        *to = if *from == 0 { b'?' } else { *from } as c_char;
    }
    text[bytes.len()] = 0;
}

impl EngineWhy {
    pub fn set(&mut self, why: &Why) {
        self.kind = why.kind as c_int;
        fill(&mut self.text, &why.text);
    }
}

impl Exit {
    pub fn new(how: c_int, code: c_int, sentence: &str) -> Exit {
        let mut exit = Exit { how, code, text: [0; TEXT_BYTES] };
        fill(&mut exit.text, sentence);
        exit
    }
}
