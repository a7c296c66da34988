;; SPDX-License-Identifier: Apache-2.0
;; canary-small: an instance that wants to see nothing but zeros in its page and its table, and
;; leaves neither as it was. Returns an error where it sees something else. No data segments, so
;; that its memory has no image.
(component
  (core module $main
    (memory 1)
    (table $t 40 funcref)
    (global $told (mut i64) (i64.const 0))
    ;; 1 if a byte of [from, to) is not zero; both are multiples of 16
    (func $dirty (param $at i32) (param $to i32) (result i32) (local $seen v128)
      (loop $next
        (local.set $seen (v128.or (local.get $seen) (v128.load (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br_if $next (i32.lt_u (local.get $at) (local.get $to))))
      (v128.any_true (local.get $seen)))
    ;; 1 if an element of [from, to) is set
    (func $set (param $at i32) (param $to i32) (result i32) (local $seen i32)
      (loop $next
        (local.set $seen (i32.or (local.get $seen)
          (i32.eqz (ref.is_null (table.get $t (local.get $at))))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $at) (local.get $to))))
      (local.get $seen))
    (func $run (export "run") (result i32) (local $wrong i32)
      (local.set $wrong (call $dirty (i32.const 0) (i32.const 65536)))
      (local.set $wrong (i32.or (local.get $wrong) (call $set (i32.const 0) (i32.const 40))))
      (local.set $wrong (i32.or (local.get $wrong) (i64.ne (global.get $told) (i64.const 0))))
      (memory.fill (i32.const 0) (i32.const 0xa1) (i32.const 65536))
      (table.fill $t (i32.const 0) (ref.func $run) (i32.const 40))
      (global.set $told (i64.const -1))
      (local.get $wrong))
    (elem declare func $run))
  (core instance $core (instantiate $main))
  (func $run (result (result)) (canon lift (core func $core "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
