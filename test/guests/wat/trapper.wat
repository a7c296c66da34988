;; SPDX-License-Identifier: Apache-2.0
;; trapper: a command whose first instruction is unreachable.
(component
  (core module $main
    (func (export "run") (result i32) (unreachable)))
  (core instance $core (instantiate $main))
  (func $run (result (result)) (canon lift (core func $core "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
