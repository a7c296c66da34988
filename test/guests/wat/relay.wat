;; SPDX-License-Identifier: Apache-2.0
;; relay: a command that runs another one, which it imports: a composition's entry, or any part of it.
(component
  (import "wasi:cli/run@0.2.12" (instance $next (export "run" (func (result (result))))))
  (core func $next (canon lower (func $next "run")))
  (core module $main
    (import "next" "run" (func $next (result i32)))
    (func (export "run") (result i32) (call $next)))
  (core instance $core (instantiate $main
    (with "next" (instance (export "run" (func $next))))))
  (func $run (result (result)) (canon lift (core func $core "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.12" (instance $command)))
