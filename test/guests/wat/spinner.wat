;; SPDX-License-Identifier: Apache-2.0
;; spinner: a command which never ends and never asks the host for anything; only the engine's
;; epoch can interrupt it.
(component
  (core module $main
    (func (export "run") (result i32)
      (loop $again (br $again))
      (unreachable)))
  (core instance $core (instantiate $main))
  (func $run (result (result)) (canon lift (core func $core "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
