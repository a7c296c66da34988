;; SPDX-License-Identifier: Apache-2.0
;; missing: a command which imports acme:vault/store@1.0.0, an interface no host offers. Its failure
;; must name that import before anything starts; linked to a provider, it ends with what get returns.
(component
  (import "acme:vault/store@1.0.0" (instance $store
    (export "get" (func (result u32)))))
  (core func $get (canon lower (func $store "get")))
  (core module $main
    (import "store" "get" (func $get (result i32)))
    (func (export "run") (result i32)
      (i32.ne (call $get) (i32.const 0))))
  (core instance $core (instantiate $main
    (with "store" (instance (export "get" (func $get))))))
  (func $run (result (result)) (canon lift (core func $core "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
