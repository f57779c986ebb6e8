-- Gives concurrent slots back, or says that their holder lives.
-- KEYS: the holders, the count. ARGV: the verb, the holder with its cost at the end, how long slots are held (ms).

local holders, count = KEYS[1], KEYS[2]
local verb, holder, held_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
local cost = string.match(holder, '%d+$')

if verb == 'release' then
    if redis.call('ZREM', holders, holder) == 1 then redis.call('DECRBY', count, cost) end
    return 1
end

local clock = redis.call('TIME')
local now_ms = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
-- Who was taken for dead while this server was out of reach, and lives, holds its slots again.
if redis.call('ZADD', holders, now_ms + held_ms, holder) == 1 then redis.call('INCRBY', count, cost) end
redis.call('PEXPIRE', holders, held_ms + 1000)
redis.call('PEXPIRE', count, held_ms + 1000)
return 1
