;; SPDX-License-Identifier: Apache-2.0
;; fails: a command which returns an error from run, in place of exiting: code 1.
(component
  (core module $main
    (func (export "run") (result i32) (i32.const 1)))
  (core instance $core (instantiate $main))
  (func $run (result (result)) (canon lift (core func $core "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
