;; SPDX-License-Identifier: Apache-2.0
;; grower: a command which takes 32 MiB, a mebibyte at a time, and traps in $starve when it is
;; refused some of it. It has names, for those who look at a trap's backtrace.
(component
  (core module $main
    (memory 16 512)
    (func $starve unreachable)
    (func $grow (result i32)
      (loop $again
        (if (i32.ge_u (memory.size) (i32.const 512)) (then (return (i32.const 0))))
        (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then (call $starve)))
        (br $again))
      (unreachable))
    (func $run (export "run") (result i32) (call $grow)))
  (core instance $core (instantiate $main))
  (func $run (result (result)) (canon lift (core func $core "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
