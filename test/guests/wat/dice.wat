;; SPDX-License-Identifier: Apache-2.0
;; dice: a core module of WASI preview 1 without a C library. It asks for 3 MiB of randomness in one
;; call and ends with 0 if there is some at the beginning, in the middle and at the very end.
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 64)
  (func (export "_start")
    (if (call $random (i32.const 0) (i32.const 3145728)) (then (call $exit (i32.const 2))))
    (call $exit (i32.or
      (i64.eqz (i64.load (i32.const 0)))
      (i32.or (i64.eqz (i64.load (i32.const 1572864))) (i64.eqz (i64.load (i32.const 3145720))))))))
