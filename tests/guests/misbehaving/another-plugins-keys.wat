;; grant: kv
;; Looks for the key `secret` of the stage `victim`, by the names under which the host might keep it. Traps if one is there.
(import "cardea:plugin/kv@0.1.0" "get" (func $get (param i32 i32 i32)))
(data (i32.const 2048) "secret6:victim/secret6:victimsecret../6:victim/secret")
(func $look (param $at i32) (param $length i32)
    (i64.store (i32.const 128) (i64.const 0))
    (call $get (local.get $at) (local.get $length) (i32.const 128))
    (if (i32.and (i32.eqz (i32.load8_u (i32.const 128))) (i32.load8_u (i32.const 132))) (then unreachable)))
(func $misbehave (result i32)
    (call $look (i32.const 2048) (i32.const 6))
    (call $look (i32.const 2054) (i32.const 15))
    (call $look (i32.const 2069) (i32.const 14))
    (call $look (i32.const 2083) (i32.const 18))
    (i32.const 0))
