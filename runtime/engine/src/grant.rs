// SPDX-License-Identifier: Apache-2.0
//! A grant taken over from C: checked as a whole first, so that nothing of it changes
//! hands when something is wrong.
//!
//! Belongs here: ceilings, copies, and the descriptors' change of owner.
//! Does not belong here: what guests do with them (linker.rs, streams.rs).

use crate::abi;
use crate::call::Call;
use crate::limits::Limits;
use crate::network::slot::{Slot, Switchboard};
use crate::network::{Network, Texts};
use crate::parts::PARTS_MAX;
use crate::stdio::{Input, Output};
use crate::why::{Kind, Result, Why};
use std::ffi::{CStr, c_char, c_int};
use std::os::fd::{FromRawFd, RawFd};
use std::sync::Arc;
use tokio::runtime::Handle;
use wasmtime_wasi::filesystem::Dir;
use wasmtime_wasi::{FsPerms, OpenMode};

const ARGS_MAX: usize = 4096;
const ENV_MAX: usize = 4096;
const FOLDERS_MAX: usize = 256;
const TEXT_MAX: usize = 128 << 10;
const NETWORK_TEXT_MAX: usize = 2 << 20;

/// What the stores of a task may touch, or one part of them. The last one to let go closes the
/// descriptors.
pub struct Grant {
    pub name: String,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    pub cwd: String,
    pub input: Arc<Input>,
    pub output: Arc<Output>,
    pub error: Arc<Output>,
    pub folders: Vec<(Dir, String)>,
    /// Marks the threads that work for the task.
    pub slot: Slot,
    /// `None`: no sockets at all.
    pub network: Option<Arc<Network>>,
    /// Whether a server writes a line on stdout for each request.
    pub access_log: bool,
    /// What is called in place of running the component.
    pub call: Option<Call>,
    /// Of a composition: its parts but the entry, whose grant this is.
    parts: Vec<Arc<Grant>>,
}

impl Grant {
    /// What a part of a composition may touch; 0 is the entry.
    pub fn part(self: &Arc<Grant>, part: usize) -> &Arc<Grant> {
        if part == 0 { self } else { &self.parts[part - 1] }
    }

    pub fn parts(&self) -> &[Arc<Grant>] {
        &self.parts
    }
}

/// A grant that was read and found in order; its descriptors are still the caller's.
pub struct Checked {
    pub limits: Limits,
    pub listener: Option<RawFd>,
    entry: Part,
    parts: Vec<Part>,
    access_log: bool,
    pub call: Option<String>,
}

/// What one component may touch.
struct Part {
    name: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    cwd: String,
    stdio: [RawFd; 3],
    folders: Vec<(RawFd, String, bool)>,
    slot: Slot,
    network: Option<Arc<Network>>,
}

impl Part {
    /// # Safety
    /// As for [`Checked::read`].
    unsafe fn read(given: &abi::Part, board: Switchboard) -> Result<Part> {
        // SAFETY: the caller's promise, for this and the reads below.
        let args = unsafe { texts(given.args, given.arg_count, ARGS_MAX, "argument") }?;
        let env = unsafe { texts(given.env, given.env_count, ENV_MAX, "variable") }?;
        let slot = Slot { board, id: given.network_id };
        Ok(Part {
            name: unsafe { optional(given.name, "name") }?.unwrap_or_default(),
            args,
            env: env.into_iter().map(variable).collect::<Result<_>>()?,
            cwd: unsafe { optional(given.cwd, "cwd") }?.unwrap_or_else(|| "/".to_string()),
            stdio: [given.input, given.output, given.error].map(|fd| fd.max(-1)),
            folders: unsafe { folders(given) }?,
            slot,
            network: unsafe { network(given, slot) }?,
        })
    }

    fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        let [input, output, error] = self.stdio;
        let error = if error == output { -1 } else { error };
        [input, output, error].into_iter().chain(self.folders.iter().map(|folder| folder.0))
    }

    /// # Safety
    /// As for [`Checked::take`].
    unsafe fn take(self, runtime: &Handle) -> Grant {
        let [input, output, error] = self.stdio;
        // SAFETY: the caller's promise; check_descriptors() saw to it that each is named
        // once, or is both stdout and stderr.
        let out = Arc::new(unsafe { Output::new(output, runtime) });
        let err = if error == output {
            out.clone()
        } else {
            Arc::new(unsafe { Output::new(error, runtime) })
        };
        Grant {
            name: self.name,
            args: self.args,
            env: self.env,
            cwd: self.cwd,
            input: Arc::new(unsafe { Input::new(input, runtime) }),
            output: out,
            error: err,
            folders: self
                .folders
                .into_iter()
                .map(|(fd, path, read_only)| (unsafe { folder(fd, read_only) }, path))
                .collect(),
            slot: self.slot,
            network: self.network,
            access_log: false,
            call: None,
            parts: Vec::new(),
        }
    }
}

impl Checked {
    /// # Safety
    /// `given` and what it points to is valid for the call.
    pub unsafe fn read(given: &abi::Grant, board: Switchboard) -> Result<Checked> {
        check_count(given.part_count, PARTS_MAX - 1, "further part")?;
        let checked = Checked {
            limits: Limits::from_abi(&given.limits)?,
            listener: (given.listener >= 0).then_some(given.listener),
            // SAFETY: the caller's promise, for this and the reads below.
            entry: unsafe { Part::read(&given.entry(), board) }?,
            parts: (0..given.part_count)
                .map(|at| unsafe { Part::read(&*given.parts.add(at), board) })
                .collect::<Result<_>>()?,
            access_log: given.access_log,
            call: unsafe { optional(given.call, "call") }?,
        };
        checked.check_descriptors()?;
        Ok(checked)
    }

    fn check_descriptors(&self) -> Result<()> {
        let parts = std::iter::once(&self.entry).chain(&self.parts);
        let mut all: Vec<RawFd> = parts.flat_map(Part::descriptors).chain(self.listener).collect();
        all.retain(|&fd| fd >= 0);
        all.sort_unstable();
        for pair in all.windows(2) {
            if pair[0] == pair[1] {
                return Err(Why::invalid(format_args!(
                    "descriptor {} is granted twice; only stdout and stderr may be one",
                    pair[0]
                )));
            }
        }
        for fd in all {
            // SAFETY: asking whether a number is an open descriptor.
            if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
                let error = std::io::Error::last_os_error();
                return Err(Why::system(&format!("use descriptor {fd}"), error));
            }
        }
        Ok(())
    }

    /// Takes the descriptors over, except the listener. `call` is what was made of its text.
    ///
    /// # Safety
    /// They are nobody else's from now on.
    pub unsafe fn take(self, call: Option<Call>, runtime: &Handle) -> Grant {
        // SAFETY: the caller's promise.
        let take = |part: Part| Arc::new(unsafe { part.take(runtime) });
        Grant {
            access_log: self.access_log,
            call,
            parts: self.parts.into_iter().map(take).collect(),
            ..unsafe { self.entry.take(runtime) }
        }
    }

    pub fn name(&self) -> &str {
        &self.entry.name
    }

    /// How many parts of a composition it is for.
    pub fn part_count(&self) -> usize {
        1 + self.parts.len()
    }
}

/// # Safety
/// `fd` is an open directory and nobody else's from now on.
unsafe fn folder(fd: RawFd, read_only: bool) -> Dir {
    // SAFETY: the caller's promise.
    let dir = unsafe { std::fs::File::from_raw_fd(fd) };
    let (perms, mode) = if read_only {
        (FsPerms::ReadOnly, OpenMode::READ)
    } else {
        (FsPerms::ReadWrite, OpenMode::READ | OpenMode::WRITE)
    };
    Dir::new(dir, perms, mode, false)
}

/// # Safety
/// As for [`Checked::read`].
unsafe fn folders(given: &abi::Part) -> Result<Vec<(RawFd, String, bool)>> {
    check_count(given.folder_count, FOLDERS_MAX, "folder")?;
    let mut folders = Vec::with_capacity(given.folder_count);
    for at in 0..given.folder_count {
        // SAFETY: `folder_count` entries are there.
        let folder = unsafe { &*given.folders.add(at) };
        let path = unsafe { text(folder.guest_path, "folder's path") }?;
        check_directory(folder.dir, &path)?;
        folders.push((folder.dir, path, folder.read_only));
    }
    Ok(folders)
}

/// # Safety
/// As for [`Checked::read`].
unsafe fn network(given: &abi::Part, slot: Slot) -> Result<Option<Arc<Network>>> {
    if slot.id == 0 {
        return Ok(None);
    }
    let from = &given.network;
    let read = |pointer, what| -> Result<Option<Vec<u8>>> {
        // SAFETY: the caller's promise.
        unsafe { bytes(pointer, NETWORK_TEXT_MAX, what) }
    };
    let plain = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let texts = Texts {
        allow: read(from.allow, "list of a network's rules")?.map(plain),
        resolv_conf: read(from.resolv_conf, "resolv.conf")?.map(plain).unwrap_or_default(),
        hosts: read(from.hosts, "hosts file")?.map(plain).unwrap_or_default(),
        trust: read(from.trust, "trust store")?.unwrap_or_default(),
    };
    let network = Network::new(slot, texts).map_err(|why| Why::new(Kind::Invalid, why))?;
    Ok(Some(Arc::new(network)))
}

/// # Safety
/// `pointer` is null or a text with a NUL at its end.
unsafe fn bytes(pointer: *const c_char, max: usize, what: &str) -> Result<Option<Vec<u8>>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    let bytes = unsafe { CStr::from_ptr(pointer) }.to_bytes();
    if bytes.len() > max {
        let text = format!("a {what} has at most {max} bytes, not {}", bytes.len());
        return Err(Why::new(Kind::Limit, text));
    }
    Ok(Some(bytes.to_vec()))
}

fn check_directory(fd: c_int, path: &str) -> Result<()> {
    // SAFETY: a zeroed struct to be filled, a number that may or may not be open.
    let (result, mode) = unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        (libc::fstat(fd, &mut stat), stat.st_mode)
    };
    if result != 0 {
        let error = std::io::Error::last_os_error();
        return Err(Why::system(&format!("use the folder for {path}"), error));
    }
    if mode & libc::S_IFMT != libc::S_IFDIR {
        return Err(Why::invalid(format_args!("what is granted as {path} is not a folder")));
    }
    Ok(())
}

fn variable(text: String) -> Result<(String, String)> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_string(), value.to_string())),
        _ => Err(Why::invalid(format_args!("the variable {text:?} has no form NAME=value"))),
    }
}

fn check_count(count: usize, max: usize, what: &str) -> Result<()> {
    if count > max {
        let text = format!("a grant has at most {max} {what}s, not {count}");
        return Err(Why::new(Kind::Limit, text));
    }
    Ok(())
}

/// # Safety
/// `count` texts are at `list`, each as for [`text`].
unsafe fn texts(
    list: *const *const c_char,
    count: usize,
    max: usize,
    what: &str,
) -> Result<Vec<String>> {
    check_count(count, max, what)?;
    // SAFETY: the caller's promise.
    (0..count).map(|at| unsafe { text(*list.add(at), what) }).collect()
}

/// # Safety
/// `pointer` is null or a text with a NUL at its end.
unsafe fn optional(pointer: *const c_char, what: &str) -> Result<Option<String>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    unsafe { text(pointer, what) }.map(Some)
}

/// # Safety
/// `pointer` is null or a text with a NUL at its end.
unsafe fn text(pointer: *const c_char, what: &str) -> Result<String> {
    if pointer.is_null() {
        return Err(Why::invalid(format_args!("a {what} is missing")));
    }
    // SAFETY: the caller's promise.
    let bytes = unsafe { CStr::from_ptr(pointer) }.to_bytes();
    if bytes.len() > TEXT_MAX {
        let text = format!("a {what} has at most {TEXT_MAX} bytes, not {}", bytes.len());
        return Err(Why::new(Kind::Limit, text));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_string()),
        Err(_) => Err(Why::invalid(format_args!(
            "a {what} is not UTF-8, which components need: {}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(64)])
        ))),
    }
}
