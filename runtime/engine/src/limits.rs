// SPDX-License-Identifier: Apache-2.0
//! The walls around one task, with the defaults that `grant.h` names.
//!
//! Belongs here: defaults and bounds. Does not belong here: enforcing them.

use crate::abi;
use crate::ceilings;
use crate::descriptors::DESCRIPTORS_DEFAULT;
use crate::reuse::Terms;
use crate::why::{Result, Why};
use std::time::Duration;

pub const NO_LIMIT: u64 = u64::MAX;

const WEIGHT_MAX: u64 = 10_000;
const HEAD_BYTES_MIN: u64 = 8 << 10;
const HEAD_BYTES_MAX: u64 = 16 << 20;
const STREAMS_MAX: u64 = 1_000;
/// How old an instance gets that takes more than one request.
const REUSE_DEFAULT_NS: u64 = 60_000_000_000;
const PERIOD_MIN: Duration = Duration::from_millis(1);

/// Farther away than any of our clocks will be asked for.
const NEVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub memory_bytes: u64,
    handle_max: usize,
    /// Files and sockets that all instances together may have open.
    pub descriptor_max: usize,
    pub cpu_weight: u64,
    /// CPU time per period.
    pub cpu_quota: Option<(Duration, Duration)>,
    pub connection_max: usize,
    pub request_max: usize,
    pub queue_max: usize,
    pub queue_time: Duration,
    pub request_time: Duration,
    pub head_time: Duration,
    pub head_bytes: usize,
    pub body_bytes: u64,
    /// Streams of one connection of HTTP/2.
    pub stream_max: u32,
    pub connection_requests: u64,
    /// Where one instance takes more than one request.
    pub reuse: Option<Terms>,
    /// How long a server that drains is open to new connections.
    pub lame_duck: Duration,
}

impl Limits {
    pub fn from_abi(given: &abi::Limits) -> Result<Limits> {
        let cpu_weight = or(given.cpu_weight, 100);
        if cpu_weight > WEIGHT_MAX {
            return Err(Why::invalid(format_args!(
                "a CPU weight is at most {WEIGHT_MAX}, not {cpu_weight}"
            )));
        }
        let head_bytes = or(given.head_bytes, 64 << 10);
        if !(HEAD_BYTES_MIN..=HEAD_BYTES_MAX).contains(&head_bytes) {
            return Err(Why::invalid(format_args!(
                "a request head has a limit of {HEAD_BYTES_MIN} to {HEAD_BYTES_MAX} bytes, \
                 not {head_bytes}"
            )));
        }
        Ok(Limits {
            memory_bytes: or(given.memory_bytes, NO_LIMIT),
            handle_max: count(or(given.handle_max, 10_000)),
            descriptor_max: count(or(given.file_max, DESCRIPTORS_DEFAULT)),
            cpu_weight,
            cpu_quota: quota(given)?,
            connection_max: count(or(given.connection_max, 1_024)),
            request_max: count(or(given.request_max, 128).min(or(given.instance_max, NO_LIMIT))),
            queue_max: count(or(given.queue_max, 1_024)),
            queue_time: time(or(given.queue_ns, 10_000_000_000)),
            request_time: time(or(given.request_ns, 60_000_000_000)),
            head_time: time(or(given.head_ns, 30_000_000_000)),
            head_bytes: count(head_bytes),
            body_bytes: or(given.body_bytes, 64 << 20),
            stream_max: streams(given)?,
            connection_requests: or(given.connection_requests, NO_LIMIT),
            reuse: (given.reuse_max > 1).then(|| Terms {
                requests: given.reuse_max,
                age: time(or(given.reuse_ns, REUSE_DEFAULT_NS)),
            }),
            lame_duck: time(given.lame_duck_ns),
        })
    }

    /// Resources that one instance may hold.
    pub fn handles(&self) -> usize {
        ceilings::handles(self.handle_max, self.memory_bytes)
    }
}

fn streams(given: &abi::Limits) -> Result<u32> {
    match or(given.stream_max, 100) {
        NO_LIMIT => Ok(STREAMS_MAX as u32),
        streams if streams <= STREAMS_MAX => Ok(streams as u32),
        streams => Err(Why::invalid(format_args!(
            "a connection has at most {STREAMS_MAX} streams, not {streams}"
        ))),
    }
}

fn quota(given: &abi::Limits) -> Result<Option<(Duration, Duration)>> {
    if given.cpu_quota_ns == 0 || given.cpu_quota_ns == NO_LIMIT {
        return Ok(None);
    }
    let period = time(or(given.cpu_period_ns, 100_000_000));
    if period < PERIOD_MIN {
        return Err(Why::invalid(format_args!(
            "a CPU period is at least {PERIOD_MIN:?}, not {period:?}"
        )));
    }
    Ok(Some((time(given.cpu_quota_ns), period)))
}

fn or(given: u64, default: u64) -> u64 {
    if given == 0 { default } else { given }
}

/// Counts stay far from the arithmetic limits of what counts them.
fn count(value: u64) -> usize {
    usize::try_from(value.min(1 << 40)).unwrap_or(usize::MAX / 2)
}

fn time(ns: u64) -> Duration {
    Duration::from_nanos(ns).min(NEVER)
}
