;; SPDX-License-Identifier: Apache-2.0
;; exits: the smallest command that says something by itself: it ends with code 42 through
;; wasi:cli/exit's exit-with-code. No memory, no adapter.
(component
  (import "wasi:cli/exit@0.2.12" (instance $exit
    (export "exit-with-code" (func (param "status-code" u8)))))
  (core func $leave (canon lower (func $exit "exit-with-code")))
  (core module $main
    (import "host" "exit" (func $exit (param i32)))
    (func (export "run") (result i32)
      (call $exit (i32.const 42))
      (i32.const 0)))
  (core instance $core (instantiate $main
    (with "host" (instance (export "exit" (func $leave))))))
  (func $run (result (result)) (canon lift (core func $core "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.12" (instance $command)))
