;; SPDX-License-Identifier: Apache-2.0
;; canary-wide: an instance that wants to see its data segments at both ends and in the middle of
;; five pages, zeros between them and in what it grows, and its elements, globals and passive
;; segment as declared. It leaves none of it as it was. Returns an error where it sees other things.
(component
  (core module $main
    (memory 5 7)
    (table $t 64 96 funcref)
    (global $count (mut i32) (i32.const 77))
    (global $told (mut f64) (f64.const 0.5))
    (data (i32.const 256) "canary, at front")
    (data (i32.const 159744) "canary in middle")
    (data (i32.const 327664) "canary, at end !")
    (data $kept "never seen twice")
    (elem (i32.const 8) func $dirty $run)
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
    ;; 1 if the 16 bytes there are not those
    (func $other (param $at i32) (param $bytes v128) (result i32)
      (v128.any_true (v128.xor (v128.load (local.get $at)) (local.get $bytes))))
    (func $memory (result i32)
      (i32.or (i32.or (i32.or
        (call $dirty (i32.const 0) (i32.const 256))
        (call $other (i32.const 256) (v128.const i8x16 99 97 110 97 114 121 44 32 97 116 32 102 114 111 110 116)))
        (i32.or
        (call $dirty (i32.const 272) (i32.const 159744))
        (call $other (i32.const 159744) (v128.const i8x16 99 97 110 97 114 121 32 105 110 32 109 105 100 100 108 101))))
        (i32.or
        (call $dirty (i32.const 159760) (i32.const 327664))
        (call $other (i32.const 327664) (v128.const i8x16 99 97 110 97 114 121 44 32 97 116 32 101 110 100 32 33)))))
    (func $grown (result i32)
      (i32.or
        (i32.ne (memory.grow (i32.const 2)) (i32.const 5))
        (call $dirty (i32.const 327680) (i32.const 458752))))
    (func $table (result i32)
      (i32.or (i32.or
        (call $set (i32.const 0) (i32.const 8))
        (i32.or (ref.is_null (table.get $t (i32.const 8))) (ref.is_null (table.get $t (i32.const 9)))))
        (i32.or
        (call $set (i32.const 10) (i32.const 64))
        (i32.or
          (i32.ne (table.grow $t (ref.null func) (i32.const 32)) (i32.const 64))
          (call $set (i32.const 64) (i32.const 96))))))
    (func $globals (result i32)
      (i32.or
        (i32.ne (global.get $count) (i32.const 77))
        (f64.ne (global.get $told) (f64.const 0.5))))
    (func $run (export "run") (result i32) (local $wrong i32)
      (local.set $wrong (i32.or (i32.or (call $memory) (call $grown)) (i32.or (call $table) (call $globals))))
      ;; Traps if the segment was dropped by somebody before.
      (memory.init $kept (i32.const 0) (i32.const 0) (i32.const 16))
      (data.drop $kept)
      (memory.fill (i32.const 0) (i32.const 0xb2) (i32.const 458752))
      (table.fill $t (i32.const 0) (ref.func $run) (i32.const 96))
      (global.set $count (i32.const -1))
      (global.set $told (f64.const 9))
      (local.get $wrong)))
  (core instance $core (instantiate $main))
  (func $run (result (result)) (canon lift (core func $core "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
