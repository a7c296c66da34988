// SPDX-License-Identifier: Apache-2.0
//! A call: one function that a component exports, on an instance of its own.
//!
//! `acme:demo/add@1.0.0.add(1, 2)`: the interface, whose version may be left out where there is
//! one of that name; a dot; the function. One of the component itself has no interface.
//! Arguments and result are written in WAVE, as WIT's values are.
//!
//! Belongs here: finding the function, reading arguments, writing the result.
//! Does not belong here: who may call (C), the life of the task (command.rs).

use crate::component::{Component, Pre};
use crate::fault::Ending;
use crate::guest::Guest;
use crate::stdio::Output;
use crate::why::{Kind, Result, Why};
use wasmtime::component::types::{self, ComponentFunc, ComponentItem};
use wasmtime::component::wasm_wave::untyped::UntypedFuncCall;
use wasmtime::component::{Func, Instance, Type, Val};
use wasmtime::{Engine, Store};

/// The reader of values calls itself for each that is within another.
const DEPTH_MAX: usize = 200;

/// Refusals name so many functions; the rest is counted.
const NAMED_FUNCTIONS: usize = 6;

pub struct Call {
    interface: Option<String>,
    function: String,
    arguments: Vec<Val>,
    result_count: usize,
}

impl Call {
    /// Everything that can be wrong with it is said now, before there is an instance.
    pub fn prepare(component: &Component, text: &str) -> Result<Call> {
        let Some(pre) = component.program.pre() else {
            return Err(Why::invalid("it is a core module: only a component has named functions"));
        };
        let (path, values) = split(text)?;
        let engine = &component.engine.wasm;
        let ty = pre.component().component_type();
        let (interface, function, found) = find(engine, &ty, path)?;
        let types: Vec<Type> = found.params().map(|(_, ty)| ty).collect();
        let call = format!("{function}{values}");
        let arguments = UntypedFuncCall::parse(&call)
            .and_then(|call| call.to_wasm_params::<Val>(&types))
            .map_err(|error| Why::invalid(format_args!("the arguments of {path}: {error}")))?;
        Ok(Call { interface, function, arguments, result_count: found.results().len() })
    }

    /// 0; or 1 where the function returns an error, as of a command.
    pub async fn run(&self, store: &mut Store<Guest>, pre: &Pre, output: &Output) -> Ending {
        let instance = match pre.instantiate_async(&mut *store).await {
            Ok(instance) => instance,
            Err(error) => return Ending::of_start(&error),
        };
        let Some(function) = self.in_instance(store, &instance) else {
            return Ending::failed(format!("{} is no function of the instance", self.function));
        };
        let mut results = vec![Val::Bool(false); self.result_count];
        let called = function.call_async(&mut *store, &self.arguments, &mut results).await;
        if let Err(error) = called {
            return Ending::of_call(&error);
        }
        for result in &results {
            match result.to_wave() {
                // A stdout that is gone is nothing that a command would fail of.
                Ok(text) => drop(output.say(&format!("{text}\n")).await),
                Err(error) => return Ending::failed(format!("its result has no text: {error}")),
            }
        }
        Ending::exited(i32::from(results.iter().any(|val| matches!(val, Val::Result(Err(_))))))
    }

    fn in_instance(&self, store: &mut Store<Guest>, instance: &Instance) -> Option<Func> {
        let interface = match &self.interface {
            Some(name) => Some(instance.get_export_index(&mut *store, None, name)?),
            None => None,
        };
        let at = instance.get_export_index(&mut *store, interface.as_ref(), &self.function)?;
        instance.get_func(store, at)
    }
}

/// The function's path, and its arguments in their brackets.
fn split(text: &str) -> Result<(&str, &str)> {
    let text = text.trim();
    let depth = text.bytes().fold((0_usize, 0_usize), |(open, most), byte| match byte {
        b'(' | b'[' | b'{' => (open + 1, most.max(open + 1)),
        b')' | b']' | b'}' => (open.saturating_sub(1), most),
        _ => (open, most),
    });
    if depth.1 > DEPTH_MAX {
        let text = format!("a call has at most {DEPTH_MAX} brackets within each other");
        return Err(Why::new(Kind::Limit, text));
    }
    match text.find('(') {
        Some(at) if at > 0 && text.ends_with(')') => Ok(text.split_at(at)),
        _ => Err(Why::invalid(format_args!(
            "a call has the form acme:demo/add.add(1, 2), not {:.100}",
            text
        ))),
    }
}

fn find(
    engine: &Engine,
    ty: &types::Component,
    path: &str,
) -> Result<(Option<String>, String, ComponentFunc)> {
    let every = functions(engine, ty);
    let (interface, function) = match path.rsplit_once('.') {
        Some((interface, function)) => (Some(interface), function),
        None => (None, path),
    };
    let is_meant = |at: &Option<String>| match (at, interface) {
        (None, None) => true,
        (Some(at), Some(wanted)) => at == wanted || at.split('@').next() == Some(wanted),
        _ => false,
    };
    let mut meant: Vec<_> =
        every.iter().filter(|(at, name, _)| name == function && is_meant(at)).collect();
    match (meant.pop(), meant.pop()) {
        (Some((at, name, func)), None) => Ok((at.clone(), name.clone(), func.clone())),
        (Some(_), Some(_)) => Err(Why::invalid(format_args!(
            "there are several versions of {path}: say one, of {}",
            list(&every)
        ))),
        (None, _) => Err(Why::invalid(format_args!(
            "it has no function {path:.100}; there is {}",
            list(&every)
        ))),
    }
}

type Known = (Option<String>, String, ComponentFunc);

/// All functions that have a name to be called by.
fn functions(engine: &Engine, ty: &types::Component) -> Vec<Known> {
    let mut known = Vec::new();
    for (name, item) in ty.exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(func) => known.push((None, name.to_string(), func)),
            ComponentItem::ComponentInstance(interface) => {
                for (function, item) in interface.exports(engine) {
                    if let ComponentItem::ComponentFunc(func) = item.ty {
                        known.push((Some(name.to_string()), function.to_string(), func));
                    }
                }
            }
            _ => {}
        }
    }
    known
}

fn list(known: &[Known]) -> String {
    let mut names: Vec<String> = known
        .iter()
        .take(NAMED_FUNCTIONS)
        .map(|(interface, name, _)| match interface {
            Some(interface) => format!("{interface}.{name}"),
            None => name.clone(),
        })
        .collect();
    if known.len() > NAMED_FUNCTIONS {
        names.push(format!("{} more", known.len() - NAMED_FUNCTIONS));
    }
    if names.is_empty() { "none".to_string() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::{DEPTH_MAX, split};

    #[test]
    fn a_call_is_a_path_and_brackets() {
        assert_eq!(split(" a:b/c@1.0.0.d(1, [2]) ").ok(), Some(("a:b/c@1.0.0.d", "(1, [2])")));
        assert_eq!(split("run()").ok(), Some(("run", "()")));
        for wrong in ["", "run", "(1)", "run(1", "run(1) "] {
            assert_eq!(split(wrong).is_ok(), wrong.ends_with(") "), "{wrong}");
        }
    }

    #[test]
    fn brackets_have_a_depth() {
        let nested = |depth| format!("f({}{})", "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(split(&nested(DEPTH_MAX)).is_ok());
        assert!(split(&nested(DEPTH_MAX + 1)).is_err());
    }
}
