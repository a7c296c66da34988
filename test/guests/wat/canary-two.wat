;; SPDX-License-Identifier: Apache-2.0
;; canary-two: two core instances, each with a memory of its own, one of two pages with a segment and
;; one of two without; both want them as declared and leave nothing as it was.
(component
  (core module $lodger
    (memory 2)
    ;; 1 if a byte of [from, to) is not zero; both are multiples of 16
    (func $dirty (param $at i32) (param $to i32) (result i32) (local $seen v128)
      (loop $next
        (local.set $seen (v128.or (local.get $seen) (v128.load (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br_if $next (i32.lt_u (local.get $at) (local.get $to))))
      (v128.any_true (local.get $seen)))
    (func (export "look") (result i32) (local $wrong i32)
      (local.set $wrong (call $dirty (i32.const 0) (i32.const 131072)))
      (memory.fill (i32.const 0) (i32.const 0xc3) (i32.const 131072))
      (local.get $wrong)))
  (core module $main
    (import "lodger" "look" (func $look (result i32)))
    (memory 2)
    (global $calls (mut i32) (i32.const 0))
    (data (i32.const 65536) "second page, one")
    ;; 1 if a byte of [from, to) is not zero; both are multiples of 16
    (func $dirty (param $at i32) (param $to i32) (result i32) (local $seen v128)
      (loop $next
        (local.set $seen (v128.or (local.get $seen) (v128.load (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br_if $next (i32.lt_u (local.get $at) (local.get $to))))
      (v128.any_true (local.get $seen)))
    (func (export "run") (result i32) (local $wrong i32)
      (local.set $wrong (i32.or
        (i32.or (call $look) (global.get $calls))
        (i32.or
          (call $dirty (i32.const 0) (i32.const 65536))
          (call $dirty (i32.const 65552) (i32.const 131072)))))
      (local.set $wrong (i32.or (local.get $wrong) (v128.any_true (v128.xor
        (v128.load (i32.const 65536))
        (v128.const i8x16 115 101 99 111 110 100 32 112 97 103 101 44 32 111 110 101)))))
      (memory.fill (i32.const 0) (i32.const 0xd4) (i32.const 131072))
      (global.set $calls (i32.const 1))
      (local.get $wrong)))
  (core instance $second (instantiate $lodger))
  (core instance $core (instantiate $main (with "lodger" (instance $second))))
  (func $run (result (result)) (canon lift (core func $core "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
