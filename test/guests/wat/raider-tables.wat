;; SPDX-License-Identifier: Apache-2.0
;; raider-tables: grows a table until it is refused, wants it to be refused before four million
;; elements, and then does the same with memory, of which it wants no more than its limit to be given.
(component
  (core module $main
    (memory 1)
    (table $t 0 funcref)
    (func (export "run") (result i32)
      (block $enough
        (loop $more
          (br_if $enough (i32.eq (table.grow $t (ref.null func) (i32.const 10000)) (i32.const -1)))
          (br_if $more (i32.lt_u (table.size $t) (i32.const 4000000)))
          (return (i32.const 1))))
      (loop $more
        (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
      (unreachable)))
  (core instance $core (instantiate $main))
  (func $run (result (result)) (canon lift (core func $core "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
