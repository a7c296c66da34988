// SPDX-License-Identifier: Apache-2.0
//! One call: random arguments of the right types in, handles out.
//!
//! Belongs here: the canonical ABI, as far as functions of WASI use it. Does not belong here:
//! which functions there are (main.rs), what the generator and the pools do (frame.wat).

use std::collections::HashMap;
use std::fmt::Write as _;
use wit_parser::abi::{AbiVariant, FlatTypes, WasmType};
use wit_parser::{Function, Handle, Resolve, SizeAlign, Type, TypeDefKind, TypeId};

/// Where the results of a call are put.
const RESULTS: &str = "(i32.const 0)";

/// Flat values of one parameter at most; larger ones are passed by pointer.
const FLAT_MAX: usize = 64;

pub struct Calls<'a> {
    resolve: &'a Resolve,
    sizes: &'a SizeAlign,
    /// Resources by the type that stands for them, in the order in which they came.
    kinds: HashMap<TypeId, usize>,
    pub imports: String,
    pub bodies: String,
    pub count: usize,
    /// The import that says a request's path.
    pub path: Option<usize>,
    imported: usize,
}

impl<'a> Calls<'a> {
    pub fn new(resolve: &'a Resolve, sizes: &'a SizeAlign) -> Calls<'a> {
        let (imports, bodies) = (String::new(), String::new());
        Calls {
            resolve,
            sizes,
            kinds: HashMap::new(),
            imports,
            bodies,
            count: 0,
            path: None,
            imported: 0,
        }
    }

    /// Further names of a resource stand for the same one.
    fn kind(&mut self, mut id: TypeId) -> usize {
        while let TypeDefKind::Type(Type::Id(of)) = self.resolve.types[id].kind {
            id = of;
        }
        let next = self.kinds.len();
        *self.kinds.entry(id).or_insert(next)
    }

    pub fn kind_of(&self, name: &str) -> Option<usize> {
        let named = |id: &TypeId| self.resolve.types[*id].name.as_deref() == Some(name);
        self.kinds.iter().find(|(id, _)| named(id)).map(|(_, kind)| *kind)
    }

    fn import(
        &mut self,
        from: &str,
        name: &str,
        params: &[WasmType],
        results: &[WasmType],
    ) -> usize {
        let list =
            |types: &[WasmType]| types.iter().map(|t| word(*t)).collect::<Vec<_>>().join(" ");
        let _ = writeln!(
            self.imports,
            "(import \"{from}\" \"{name}\" (func $f{} (param {}) (result {})))",
            self.imported,
            list(params),
            list(results)
        );
        self.imported += 1;
        self.imported - 1
    }

    fn wrap(&mut self, code: &str) {
        let _ = writeln!(self.bodies, "(func $w{} {code})", self.count);
        self.count += 1;
    }

    /// A function, three times: each time with other cases of its variants.
    pub fn add(&mut self, from: &str, function: &Function) {
        let abi = self.resolve.wasm_signature(AbiVariant::GuestImport, function);
        let import = self.import(from, &function.name, &abi.params, &abi.results);
        if function.name == "[method]incoming-request.path-with-query" {
            self.path = Some(import);
        }
        for choice in 0..3 {
            let mut code = String::new();
            if abi.indirect_params {
                code += "(call $noise)";
            } else {
                for param in &function.params {
                    code += &self.argument(&param.ty, choice);
                }
            }
            if abi.retptr {
                code += RESULTS;
            }
            let guard = self.guard(function);
            let mut after = String::new();
            match (&function.result, abi.retptr) {
                (Some(ty), true) => after = self.results(ty, RESULTS, 0),
                (Some(Type::Id(id)), false)
                    if let TypeDefKind::Handle(h) = &self.resolve.types[*id].kind =>
                {
                    let kind = self.kind(resource(h));
                    code = format!("(i32.const {kind}) {code}");
                    after = "call $put".into();
                }
                _ => after += &"drop ".repeat(abi.results.len()),
            }
            self.wrap(&format!("{guard} {code} call $f{import} {after}"));
        }
    }

    /// Nothing is called that takes a resource of which there is none.
    fn guard(&mut self, function: &Function) -> String {
        let mut code = String::new();
        for param in &function.params {
            if let Type::Id(id) = &param.ty
                && let TypeDefKind::Handle(handle) = &self.resolve.types[*id].kind
            {
                let kind = self.kind(resource(handle));
                let _ =
                    write!(code, "(if (i32.eqz (call $has (i32.const {kind}))) (then (return)))");
            }
        }
        code
    }

    pub fn add_drop(&mut self, from: &str, name: &str, ty: TypeId) {
        if !matches!(self.resolve.types[ty].kind, TypeDefKind::Resource) {
            return;
        }
        let import = self.import(from, &format!("[resource-drop]{name}"), &[WasmType::I32], &[]);
        let kind = self.kind(ty);
        // An answer that nobody gives and a request that nobody has are tried seldom.
        self.wrap(&format!(
            "(if (i32.lt_u (call $has (i32.const {kind})) (i32.const 2)) (then (return)))
             (call $f{import} (call $take (i32.const {kind})))"
        ));
    }

    fn flat(&self, ty: &Type) -> Vec<WasmType> {
        let mut room = [WasmType::I32; FLAT_MAX];
        let mut flat = FlatTypes::new(&mut room);
        self.resolve.push_flat(ty, &mut flat);
        flat.to_vec()
    }

    fn argument(&mut self, ty: &Type, choice: usize) -> String {
        match ty {
            Type::Bool => "(call $below (i32.const 2))".into(),
            Type::U8 | Type::S8 => "(call $below (i32.const 256))".into(),
            Type::U16 | Type::S16 => "(call $below (i32.const 65536))".into(),
            Type::U32 | Type::S32 | Type::ErrorContext => "(i32.wrap_i64 (call $number))".into(),
            Type::U64 | Type::S64 => "(call $number)".into(),
            Type::F32 => "(f32.const 1.5)".into(),
            Type::F64 => "(f64.const -0.0)".into(),
            Type::Char => "(call $below (i32.const 0xd800))".into(),
            Type::String => "(call $text) (call $length)".into(),
            Type::Id(id) => self.defined(*id, choice),
        }
    }

    fn defined(&mut self, id: TypeId, choice: usize) -> String {
        let resolve = self.resolve;
        let all = |calls: &mut Self, types: &mut dyn Iterator<Item = &Type>| {
            types.map(|ty| calls.argument(ty, choice)).collect::<String>()
        };
        match &resolve.types[id].kind {
            TypeDefKind::Type(ty) => self.argument(ty, choice),
            TypeDefKind::Handle(Handle::Borrow(of)) => {
                format!("(call $pick (i32.const {}))", self.kind(*of))
            }
            TypeDefKind::Handle(Handle::Own(of)) => {
                format!("(call $take (i32.const {}))", self.kind(*of))
            }
            TypeDefKind::Record(record) => {
                all(self, &mut record.fields.iter().map(|field| &field.ty))
            }
            TypeDefKind::Tuple(tuple) => all(self, &mut tuple.types.iter()),
            TypeDefKind::Flags(flags) => {
                format!("(call $below (i32.const {}))", 1u64 << flags.flags.len().min(30))
            }
            TypeDefKind::Enum(cases) => format!("(call $below (i32.const {}))", cases.cases.len()),
            TypeDefKind::Option(of) => self.case(id, choice, &[None, Some(*of)]),
            TypeDefKind::Result(of) => self.case(id, choice, &[of.ok, of.err]),
            TypeDefKind::Variant(of) => {
                let cases: Vec<_> = of.cases.iter().map(|case| case.ty).collect();
                self.case(id, choice, &cases)
            }
            TypeDefKind::List(_) => "(call $noise) (call $length)".into(),
            _ => "(i32.const 0) ".repeat(self.flat(&Type::Id(id)).len()),
        }
    }

    /// One case of a variant, in the flat shape that fits all of them.
    fn case(&mut self, id: TypeId, choice: usize, cases: &[Option<Type>]) -> String {
        let shape = self.flat(&Type::Id(id));
        // The last one first: what an option holds, and the rarer kinds of a variant.
        let at = (cases.len() - 1 + choice) % cases.len();
        let mut code = format!("(i32.const {at}) ");
        let own = cases[at].map(|ty| self.flat(&ty)).unwrap_or_default();
        if own.iter().zip(&shape[1..]).all(|(own, joined)| word(*own) == word(*joined)) {
            code += &cases[at].map(|ty| self.argument(&ty, choice)).unwrap_or_default();
            code += &shape[1 + own.len()..].iter().map(|ty| zero(*ty)).collect::<String>();
        } else {
            code += &shape[1..].iter().map(|ty| zero(*ty)).collect::<String>();
        }
        code
    }

    /// Puts every handle among the results into its pool. Of a list, those of its first item.
    fn results(&mut self, ty: &Type, base: &str, offset: usize) -> String {
        let Type::Id(id) = ty else { return String::new() };
        let resolve = self.resolve;
        match &resolve.types[*id].kind {
            TypeDefKind::Type(ty) => self.results(ty, base, offset),
            TypeDefKind::Handle(handle) => {
                let kind = self.kind(resource(handle));
                format!("(call $put (i32.const {kind}) (i32.load offset={offset} {base}))")
            }
            TypeDefKind::Tuple(tuple) => self.parts(&tuple.types, base, offset),
            TypeDefKind::Record(record) => {
                let types: Vec<_> = record.fields.iter().map(|field| field.ty).collect();
                self.parts(&types, base, offset)
            }
            TypeDefKind::Option(of) => {
                let inner = self.payload(&[None, Some(*of)], of, base, offset);
                when(&format!("(i32.load8_u offset={offset} {base})"), inner)
            }
            TypeDefKind::Result(of) => {
                let Some(ok) = of.ok else { return String::new() };
                let inner = self.payload(&[of.ok, of.err], &ok, base, offset);
                when(&format!("(i32.eqz (i32.load8_u offset={offset} {base}))"), inner)
            }
            TypeDefKind::List(of) => {
                let inner = self.results(of, &format!("(i32.load offset={offset} {base})"), 0);
                when(&format!("(i32.load offset={} {base})", offset + 4), inner)
            }
            _ => String::new(),
        }
    }

    fn payload(&mut self, cases: &[Option<Type>], ty: &Type, base: &str, offset: usize) -> String {
        let align = cases.iter().flatten().map(|ty| self.sizes.align(ty).align_wasm32()).max();
        self.results(ty, base, offset + align.unwrap_or(1))
    }

    fn parts(&mut self, types: &[Type], base: &str, offset: usize) -> String {
        let offsets = self.sizes.field_offsets(types);
        let offsets: Vec<_> = offsets.iter().map(|(at, ty)| (at.size_wasm32(), **ty)).collect();
        offsets.iter().map(|(at, ty)| self.results(ty, base, offset + at)).collect()
    }
}

fn when(condition: &str, inner: String) -> String {
    if inner.is_empty() { inner } else { format!("(if {condition} (then {inner}))") }
}

fn resource(handle: &Handle) -> TypeId {
    match handle {
        Handle::Own(id) | Handle::Borrow(id) => *id,
    }
}

fn word(ty: WasmType) -> &'static str {
    match ty {
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
        _ => "i32",
    }
}

fn zero(ty: WasmType) -> String {
    format!("({}.const 0) ", word(ty))
}
