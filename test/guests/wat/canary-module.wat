;; SPDX-License-Identifier: Apache-2.0
;; canary-module: a core module of WASI preview 1 that wants to see its segment and zeros in three
;; pages, and leaves neither. Ends with 1 where it sees something else.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 3)
  (global $runs (mut i64) (i64.const 3))
  (data (i32.const 65520) "ends at a page's")
  ;; 1 if a byte of [from, to) is not zero; both are multiples of 16
  (func $dirty (param $at i32) (param $to i32) (result i32) (local $seen v128)
    (loop $next
      (local.set $seen (v128.or (local.get $seen) (v128.load (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $to))))
    (v128.any_true (local.get $seen)))
  (func (export "_start") (local $wrong i32)
    (local.set $wrong (i32.or
      (call $dirty (i32.const 0) (i32.const 65520))
      (call $dirty (i32.const 65536) (i32.const 196608))))
    (local.set $wrong (i32.or (local.get $wrong) (v128.any_true (v128.xor
      (v128.load (i32.const 65520))
      (v128.const i8x16 101 110 100 115 32 97 116 32 97 32 112 97 103 101 39 115)))))
    (local.set $wrong (i32.or (local.get $wrong) (i64.ne (global.get $runs) (i64.const 3))))
    (memory.fill (i32.const 0) (i32.const 0xe5) (i32.const 196608))
    (global.set $runs (i64.const 4))
    (call $exit (local.get $wrong))))
