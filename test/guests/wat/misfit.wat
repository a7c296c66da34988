;; SPDX-License-Identifier: Apache-2.0
;; misfit: a core module that imports a function of WASI preview 1 by another type than it has.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i64)))
  (memory (export "memory") 1)
  (func (export "_start") (call $read (i64.const 0))))
