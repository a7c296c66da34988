// SPDX-License-Identifier: Apache-2.0
//! guest-caller WIT OUT.wasm: an HTTP server that answers each request with thousands of calls of
//! everything that its world imports, in an order and with arguments drawn from a generator that
//! the request's path seeds.
//!
//! Belongs here: which functions there are, and the frame around the calls. Does not belong here:
//! arguments and results of one call (call.rs).

mod call;

use anyhow::{Context, Result, bail};
use call::Calls;
use std::fmt::Write as _;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::FunctionKind::{AsyncFreestanding, AsyncMethod, AsyncStatic};
use wit_parser::{Function, Resolve, SizeAlign, Type, TypeDefKind, WorldId, WorldItem};

const FRAME: &str = include_str!("frame.wat");

/// Calls that wait for others, or end the instance by choice. Those of WASI 0.3 that wait have
/// streams or futures, or are marked; whoever answers by an interface of 0.2 may not make them.
fn is_left_out(resolve: &Resolve, function: &Function) -> bool {
    let name = &function.name;
    let types = function.params.iter().map(|param| &param.ty).chain(&function.result);
    let kind = &function.kind;
    name == "poll"
        || name.starts_with("exit")
        || name.contains("block")
        || matches!(kind, AsyncFreestanding | AsyncMethod(_) | AsyncStatic(_))
        || types.into_iter().any(|ty| has_channel(resolve, ty))
}

fn has_channel(resolve: &Resolve, ty: &Type) -> bool {
    let Type::Id(id) = ty else { return false };
    let of = |ty: &Type| has_channel(resolve, ty);
    match &resolve.types[*id].kind {
        TypeDefKind::Stream(_) | TypeDefKind::Future(_) => true,
        TypeDefKind::Type(ty) | TypeDefKind::List(ty) | TypeDefKind::Option(ty) => of(ty),
        TypeDefKind::Tuple(tuple) => tuple.types.iter().any(of),
        TypeDefKind::Record(record) => record.fields.iter().any(|field| of(&field.ty)),
        TypeDefKind::Result(result) => result.ok.iter().chain(&result.err).any(of),
        TypeDefKind::Variant(variant) => {
            variant.cases.iter().filter_map(|case| case.ty.as_ref()).any(of)
        }
        _ => false,
    }
}

fn module(resolve: &Resolve, world: WorldId) -> Result<String> {
    let mut sizes = SizeAlign::default();
    sizes.fill(resolve);
    let mut calls = Calls::new(resolve, &sizes);
    for (key, item) in &resolve.worlds[world].imports {
        let WorldItem::Interface { id, .. } = item else { continue };
        let from = resolve.name_world_key(key);
        for function in resolve.interfaces[*id].functions.values() {
            if !is_left_out(resolve, function) {
                calls.add(&from, function);
            }
        }
        for (name, ty) in &resolve.interfaces[*id].types {
            calls.add_drop(&from, name, *ty);
        }
    }
    let path = calls.path.context("requests have no path in this world")?;
    let names: Vec<String> = (0..calls.count).map(|i| format!("$w{i}")).collect();
    let mut text = String::from("(module\n");
    writeln!(text, "{}", calls.imports)?;
    writeln!(text, "(global $count i32 (i32.const {}))", names.len())?;
    writeln!(text, "(table $calls funcref (elem {}))", names.join(" "))?;
    let request = calls.kind_of("incoming-request").context("no requests in this world")?;
    let answer = calls.kind_of("response-outparam").context("no answers in this world")?;
    let marks = [("@request", request), ("@answer", answer), ("@path", path)];
    text += &marks
        .iter()
        .fold(FRAME.to_string(), |frame, (mark, number)| frame.replace(mark, &number.to_string()));
    text += &calls.bodies;
    text.push(')');
    Ok(text)
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [from, to] = &words[..] else { bail!("usage: guest-caller WIT OUT.wasm") };
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(from)?;
    let world = resolve.select_world(&[package], Some("caller"))?;
    let mut bytes = wat::parse_str(module(&resolve, world)?)?;
    embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8)?;
    let mut encoder = ComponentEncoder::default().validate(true).module(&bytes)?;
    std::fs::write(to, encoder.encode()?)?;
    Ok(())
}
