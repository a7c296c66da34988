;; SPDX-License-Identifier: Apache-2.0
;; silent: the smallest command there is. It imports nothing and returns ok, so it ends with 0.
(component
  (core module $main
    (func (export "run") (result i32) (i32.const 0)))
  (core instance $core (instantiate $main))
  (func $run (result (result)) (canon lift (core func $core "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
