;; SPDX-License-Identifier: Apache-2.0
;; adder: a library. It exports acme:demo/add@1.0.0 and nothing a host could run.
(component
  (core module $main
    (func (export "add") (param i32 i32) (result i32)
      (i32.add (local.get 0) (local.get 1))))
  (core instance $core (instantiate $main))
  (func $add (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $core "add")))
  (instance $library (export "add" (func $add)))
  (export "acme:demo/add@1.0.0" (instance $library)))
