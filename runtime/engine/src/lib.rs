// SPDX-License-Identifier: Apache-2.0
//! The engine boundary: `engine.h` in Rust.
//!
//! Belongs here: loading, running, metering and interrupting components.
//! Does not belong here: policy, paths, protocols with other processes.
//!
//! Reading order: [`entry`] (what C calls), [`task`] (one running thing), [`command`] and
//! [`server`] (its two kinds), [`guest`] (what a store holds), [`queue`] (who runs when).

mod abi;
mod access;
mod admission;
mod backlog;
mod bill;
mod call;
mod carried;
mod ceilings;
mod command;
mod complaints;
mod component;
mod connection;
mod counters;
mod crew;
mod descriptors;
mod engine;
mod entry;
mod exchange;
mod fault;
mod files;
mod grant;
mod guest;
mod http2;
mod lane;
mod limits;
mod linker;
mod memory;
mod network;
mod pace;
mod parts;
mod place;
mod preview1;
mod pulse;
mod queue;
mod quota;
mod request;
mod reuse;
mod roots;
mod server;
mod sizing;
mod stdio;
mod streams;
mod task;
mod turn;
mod why;
