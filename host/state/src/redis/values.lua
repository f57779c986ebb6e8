-- Changes one value within the quota of its namespace, by the clock of this server.
--
-- KEYS: the value, and of the namespace: when each key expires (a sorted set), how many bytes each takes (a hash), and their
--       sum. A value expires by itself; what is known of it is forgotten when room is needed.
-- ARGV: the verb, the key, the quota's keys and bytes, the ttl in ms or '', and what the verb needs.
-- Answers with { 'ok', … }, or with { 'keys' } or { 'bytes' } for want of room, or { 'number' } for what cannot be added to.

local value_at, ages, sizes, total = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local verb, key, most_keys, most_bytes, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local clock = redis.call('TIME')
local now_ms = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)

local function forget(key)
    redis.call('ZREM', ages, key)
    local size = redis.call('HGET', sizes, key)
    if size then
        redis.call('HDEL', sizes, key)
        redis.call('DECRBY', total, size)
    end
end

local function forget_expired(most)
    local gone = redis.call('ZRANGEBYSCORE', ages, '-inf', now_ms, 'LIMIT', 0, most)
    for _, key in ipairs(gone) do forget(key) end
    return #gone
end

-- What there is no room for, if there is not enough.
local function lacks(size)
    local present = tonumber(redis.call('HGET', sizes, key))
    if not present and redis.call('HLEN', sizes) >= most_keys then return 'keys' end
    local used = tonumber(redis.call('GET', total) or 0)
    if used + size > most_bytes + (present or 0) then return 'bytes' end
end

local function room(size)
    forget_expired(16)
    local lack = lacks(size)
    while lack and forget_expired(1000) > 0 do lack = lacks(size) end
    return lack
end

-- Notes a value that is written; `expires` is nil where it keeps the moment it has.
local function note(size, expires)
    local present = tonumber(redis.call('HGET', sizes, key) or 0)
    redis.call('HSET', sizes, key, size)
    redis.call('INCRBY', total, size - present)
    if expires then redis.call('ZADD', ages, expires, key) end
end

local function store(value)
    local size = #key + #value
    local lack = room(size)
    if lack then return { lack } end
    if ttl == '' then
        redis.call('SET', value_at, value)
        note(size, '+inf')
    elseif tonumber(ttl) <= 0 then
        redis.call('DEL', value_at)
        forget(key)
    else
        redis.call('SET', value_at, value, 'PX', ttl)
        note(size, string.format('%.0f', now_ms + ttl))
    end
    return { 'ok' }
end

if verb == 'put' then return store(ARGV[6]) end

if verb == 'delete' then
    redis.call('DEL', value_at)
    forget(key)
    return { 'ok' }
end

local present = redis.call('GET', value_at)

if verb == 'cas' then
    -- ARGV: the value, and what is expected, if anything is.
    if (present or nil) ~= ARGV[7] then return { 'ok', 0 } end
    local stored = store(ARGV[6])
    if stored[1] == 'ok' then stored[2] = 1 end
    return stored
end

-- ARGV: how much to add. What follows must fit whatever the sum is: 20 digits at most.
local fresh = not present
if fresh or #present < 20 then
    local lack = room(#key + (fresh and #ARGV[6] or #present))
    if lack then return { lack } end
end
local sum = redis.pcall('INCRBY', value_at, ARGV[6])
if type(sum) == 'table' then return { 'number', present or '0' } end
local text = redis.call('GET', value_at)
if fresh and ttl ~= '' then
    redis.call('PEXPIRE', value_at, ttl)
    note(#key + #text, string.format('%.0f', now_ms + ttl))
else
    note(#key + #text, fresh and '+inf' or nil)
end
return { 'ok', text }
