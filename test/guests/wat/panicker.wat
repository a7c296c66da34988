;; SPDX-License-Identifier: Apache-2.0
;; panicker: a command which calls a host function that panics; only an engine with its test hooks
;; built in offers that.
(component
  (import "skep:test/hooks" (instance $hooks (export "panic" (func))))
  (core func $panic (canon lower (func $hooks "panic")))
  (core module $main
    (import "host" "panic" (func $panic))
    (func $run (export "run") (result i32)
      (call $panic)
      (i32.const 0)))
  (core instance $host (export "panic" (func $panic)))
  (core instance $core (instantiate $main (with "host" (instance $host))))
  (func $run (result (result)) (canon lift (core func $core "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
