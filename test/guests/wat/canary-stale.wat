;; SPDX-License-Identifier: Apache-2.0
;; canary-stale: looks for zeros, writes its page, and looks again, as an instance would that is given
;; the memory of another. It must return an error: the others' way of looking finds what is there.
(component
  (core module $main
    (memory 1)
    ;; 1 if a byte of [from, to) is not zero; both are multiples of 16
    (func $dirty (param $at i32) (param $to i32) (result i32) (local $seen v128)
      (loop $next
        (local.set $seen (v128.or (local.get $seen) (v128.load (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br_if $next (i32.lt_u (local.get $at) (local.get $to))))
      (v128.any_true (local.get $seen)))
    (func (export "run") (result i32)
      (if (call $dirty (i32.const 0) (i32.const 65536)) (then (return (i32.const 0))))
      (i32.store8 (i32.const 65535) (i32.const 1))
      (call $dirty (i32.const 0) (i32.const 65536))))
  (core instance $core (instantiate $main))
  (func $run (result (result)) (canon lift (core func $core "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
