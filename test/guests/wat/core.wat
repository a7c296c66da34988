;; SPDX-License-Identifier: Apache-2.0
;; core: a core module which is no WASI program: it exports a function and imports nothing. It is
;; valid Wasm, but there is nothing to run in it, and a failure must say so.
(module
  (func (export "add") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1))))
