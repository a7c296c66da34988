;; SPDX-License-Identifier: Apache-2.0
;; raider-drop: has a resource of its own whose destructor traps, and drops one.
(component
  (core module $ends
    (func (export "end") (param i32) (unreachable)))
  (core instance $ending (instantiate $ends))
  (type $thing (resource (rep i32) (dtor (func $ending "end"))))
  (core func $new (canon resource.new $thing))
  (core func $drop (canon resource.drop $thing))
  (core module $main
    (import "host" "new" (func $new (param i32) (result i32)))
    (import "host" "drop" (func $drop (param i32)))
    (func (export "run") (result i32)
      (call $drop (call $new (i32.const 7)))
      (i32.const 0)))
  (core instance $core (instantiate $main
    (with "host" (instance (export "new" (func $new)) (export "drop" (func $drop))))))
  (func $run (result (result)) (canon lift (core func $core "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
