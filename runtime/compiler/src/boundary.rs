// SPDX-License-Identifier: Apache-2.0
//! The door to C: compiler.h, in Rust.
//!
//! Belongs here: pointers, and what happens to panics. Does not belong here: any decision.

use crate::limits::{STACK_BYTES, THREAD_STACK_BYTES};
use crate::refusal::{Refusal, Result, SENTENCE_MAX};
use crate::{Output, compile, compile_composed, engine, identity, link, look, memory};
use std::ffi::c_char;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// struct compiler_bytes
#[repr(C)]
pub struct Bytes {
    data: *mut u8,
    length: usize,
}

/// struct compiler_range
#[repr(C)]
pub struct Range {
    data: *const u8,
    length: usize,
}

impl Range {
    /// # Safety
    /// There are `length` bytes, which live as long as the call.
    unsafe fn slice<'a>(&self) -> &'a [u8] {
        match self.length {
            0 => &[],
            // SAFETY: the caller's promise.
            _ => unsafe { std::slice::from_raw_parts(self.data, self.length) },
        }
    }
}

/// struct compiler_composition
#[repr(C)]
pub struct Composition {
    recipe: Range,
    parts: *const Range,
    count: usize,
}

impl Composition {
    /// # Safety
    /// All that it points to is there, and lives as long as the call.
    unsafe fn read<'a>(&self) -> (&'a [u8], Vec<&'a [u8]>) {
        let parts = (0..self.count).map(|index| {
            // SAFETY: the caller's promise.
            unsafe { (*self.parts.add(index)).slice() }
        });
        // SAFETY: the caller's promise.
        (unsafe { self.recipe.slice() }, parts.collect())
    }
}

/// struct compiler_output
#[repr(C)]
pub struct CompilerOutput {
    code: Bytes,
    description: Bytes,
}

impl Bytes {
    fn give(bytes: Vec<u8>) -> Self {
        let length = bytes.len();
        Self { data: Box::into_raw(bytes.into_boxed_slice()).cast(), length }
    }

    /// # Safety
    /// `self` came from `give`, or has no data.
    unsafe fn take(&mut self) {
        if !self.data.is_null() {
            let slice = std::ptr::slice_from_raw_parts_mut(self.data, self.length);
            // SAFETY: give() made it from a box of this length.
            drop(unsafe { Box::from_raw(slice) });
        }
        *self = Self { data: std::ptr::null_mut(), length: 0 };
    }
}

/// Runs a step on a stack of known size. A panic is a refusal like any other, and prints nothing.
fn guarded<T: Send>(step: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::panic::set_hook(Box::new(|_| {}));
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().stack_size(STACK_BYTES);
        let thread = builder
            .spawn_scoped(scope, step)
            .map_err(|error| Refusal::new(format_args!("no thread to compile on: {error}")))?;
        thread.join().unwrap_or_else(|panic| {
            let words = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            let words = words.unwrap_or("no reason is known");
            Err(Refusal::new(format_args!("the compiler failed inside: {words}")))
        })
    })
}

/// # Safety
/// `ret` has room for COMPILER_WHY_MAX bytes.
unsafe fn put_sentence(refusal: &Refusal, ret: *mut c_char) {
    let text = refusal.text().as_bytes();
    let length = text.len().min(SENTENCE_MAX);
    // SAFETY: the caller's promise; SENTENCE_MAX leaves room for the NUL.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr().cast(), ret, length);
        ret.add(length).write(0);
    }
}

/// # Safety
/// `ret` is there, and `ret_why` has room for COMPILER_WHY_MAX bytes.
unsafe fn put_output(done: Result<Output>, ret: *mut CompilerOutput, ret_why: *mut c_char) -> i32 {
    match done {
        Ok(Output { code, description }) => {
            let output = CompilerOutput {
                code: Bytes::give(code),
                description: Bytes::give(description.into_bytes()),
            };
            // SAFETY: the caller's promise.
            unsafe { ret.write(output) };
            0
        }
        Err(refusal) => {
            // SAFETY: the caller's promise.
            unsafe { put_sentence(&refusal, ret_why) };
            -1
        }
    }
}

/// The pool of threads is the process's: the first job's number stays.
fn bound_threads(threads: usize) -> Result<()> {
    static BOUND: Mutex<bool> = Mutex::new(false);
    let mut bound = BOUND.lock().unwrap_or_else(PoisonError::into_inner);
    if !*bound {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.stack_size(THREAD_STACK_BYTES)
            .build_global()
            .map_err(|error| Refusal::new(format_args!("no threads to compile on: {error}")))?;
        *bound = true;
    }
    Ok(())
}

/// compiler_compile()
///
/// # Safety
/// As compiler.h says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn compiler_compile(
    wasm: *const u8,
    length: usize,
    threads: u32,
    ret: *mut CompilerOutput,
    ret_why: *mut c_char,
) -> i32 {
    // SAFETY: the caller's promise.
    let wasm = unsafe { Range { data: wasm, length }.slice() };
    let done = guarded(|| {
        bound_threads(threads as usize)?;
        compile(&engine()?, wasm)
    });
    // SAFETY: the caller's promise.
    unsafe { put_output(done, ret, ret_why) }
}

/// compiler_describe()
///
/// # Safety
/// As compiler.h says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn compiler_describe(
    wasm: *const u8,
    length: usize,
    ret: *mut CompilerOutput,
    ret_why: *mut c_char,
) -> i32 {
    // SAFETY: the caller's promise.
    let wasm = unsafe { Range { data: wasm, length }.slice() };
    let done = guarded(|| look(wasm));
    // SAFETY: the caller's promise.
    unsafe { put_output(done, ret, ret_why) }
}

/// compiler_compose()
///
/// # Safety
/// As compiler.h says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn compiler_compose(
    composition: *const Composition,
    threads: u32,
    ret: *mut CompilerOutput,
    ret_why: *mut c_char,
) -> i32 {
    // SAFETY: the caller's promise.
    let (recipe, parts) = unsafe { (*composition).read() };
    let done = guarded(|| {
        bound_threads(threads as usize)?;
        compile_composed(&engine()?, recipe, &parts)
    });
    // SAFETY: the caller's promise.
    unsafe { put_output(done, ret, ret_why) }
}

/// compiler_link()
///
/// # Safety
/// As compiler.h says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn compiler_link(
    composition: *const Composition,
    ret: *mut CompilerOutput,
    ret_why: *mut c_char,
) -> i32 {
    // SAFETY: the caller's promise.
    let (recipe, parts) = unsafe { (*composition).read() };
    let done = guarded(|| link(recipe, &parts));
    // SAFETY: the caller's promise.
    unsafe { put_output(done, ret, ret_why) }
}

/// compiler_identity()
///
/// # Safety
/// As compiler.h says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn compiler_identity(ret: *mut c_char, ret_why: *mut c_char) -> i32 {
    match guarded(|| Ok(identity::identity(&engine()?))) {
        Ok(digits) => {
            // SAFETY: the caller has room for 65 bytes, and there are 64 digits.
            unsafe {
                std::ptr::copy_nonoverlapping(digits.as_ptr().cast(), ret, digits.len());
                ret.add(digits.len()).write(0);
            }
            0
        }
        Err(refusal) => {
            // SAFETY: the caller's promise.
            unsafe { put_sentence(&refusal, ret_why) };
            -1
        }
    }
}

/// compiler_bytes_fini()
///
/// # Safety
/// As compiler.h says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn compiler_bytes_fini(bytes: *mut Bytes) {
    // SAFETY: the caller's promise. Nothing in there can panic, but nothing may cross to C.
    let _ = catch_unwind(AssertUnwindSafe(|| unsafe { (*bytes).take() }));
}

/// compiler_on_memory_gone()
#[unsafe(no_mangle)]
pub extern "C" fn compiler_on_memory_gone(gone: memory::OnGone) {
    memory::watch(gone);
}
