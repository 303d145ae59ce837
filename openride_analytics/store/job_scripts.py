"""What is done to jobs in Redis, each in one step that nobody can come between. Times are the server's, in ms.

All keys are in one slot of a cluster, and each script is told every key it touches. A job is a hash. Of the other keys,
`queue` has the ids that wait, by when they were made, to the microsecond: the first comes first; `running` those being
worked on, by when that must be renewed; `active` both, as owner:id; `ends` those that are over, by when they are
forgotten.
"""

from typing import Final

_NOW: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local exactly = time[1] * 1000000 + time[2]
"""

# KEYS: job, queue, owner's, active, idempotency. ARGV: id, owner, order, kind, most of an owner, most in all,
# fingerprint of the request, how long that is remembered ('' if the caller gave no key), traceparent.
CREATE: Final = (
    _NOW
    + """
if ARGV[7] ~= '' then
  local known = redis.call('HMGET', KEYS[5], 'id', 'print')
  if known[1] then return {known[2] == ARGV[7] and 'known' or 'other', known[1]} end
end
local active = redis.call('ZRANGE', KEYS[4], 0, -1)
if #active >= tonumber(ARGV[6]) then return {'full', ''} end
local own = 0
for _, member in ipairs(active) do
  if string.sub(member, 1, #ARGV[2] + 1) == ARGV[2] .. ':' then own = own + 1 end
end
if own >= tonumber(ARGV[5]) then return {'crowded', ''} end
redis.call('HSET', KEYS[1], 'id', ARGV[1], 'owner', ARGV[2], 'order', ARGV[3], 'kind', ARGV[4], 'status', 'pending',
  'created', now, 'since', exactly, 'updated', now, 'rows', 0, 'deaths', 0, 'generation', 0, 'trace', ARGV[9])
redis.call('ZADD', KEYS[2], exactly, ARGV[1])
redis.call('ZADD', KEYS[3], exactly, ARGV[1])
redis.call('ZADD', KEYS[4], now, ARGV[2] .. ':' .. ARGV[1])
if ARGV[7] ~= '' then
  redis.call('HSET', KEYS[5], 'id', ARGV[1], 'print', ARGV[7])
  redis.call('PEXPIRE', KEYS[5], ARGV[8])
  redis.call('HSET', KEYS[1], 'remembered', KEYS[5])
end
return {'created', ARGV[1], redis.call('HGETALL', KEYS[1])}
"""
)

# KEYS: job, queue, running. ARGV: id, token, lease. Its fields, also if that token has it already: an answer may be
# lost. Nothing if somebody else has it.
CLAIM: Final = (
    _NOW
    + """
redis.call('ZREM', KEYS[2], ARGV[1])
local found = redis.call('HMGET', KEYS[1], 'status', 'token')
if found[1] == 'pending' then
  redis.call('HSET', KEYS[1], 'status', 'processing', 'token', ARGV[2], 'updated', now, 'rows', 0)
  redis.call('HINCRBY', KEYS[1], 'generation', 1)
elseif found[1] ~= 'processing' or found[2] ~= ARGV[2] then
  return {}
end
redis.call('ZADD', KEYS[3], now + ARGV[3], ARGV[1])
return redis.call('HGETALL', KEYS[1])
"""
)

# KEYS: job, running. ARGV: id, token, lease, rows, total ('' if not known). 1 if it is still ours.
BEAT: Final = (
    _NOW
    + """
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'rows', ARGV[4], 'updated', now)
if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'total', ARGV[5]) end
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
return 1
"""
)

# The job is over: nobody works on it, and it is forgotten after ARGV[n] ms. Wants KEYS 1 to 4 as in FINISH.
_END: Final = """
local function over(id, status, keep)
  local owner = redis.call('HGET', KEYS[1], 'owner')
  redis.call('HSET', KEYS[1], 'status', status, 'updated', now, 'expires', now + keep)
  redis.call('HDEL', KEYS[1], 'token')
  redis.call('PEXPIRE', KEYS[1], keep + 86400000)
  redis.call('ZREM', KEYS[2], id)
  redis.call('ZREM', KEYS[3], owner .. ':' .. id)
  redis.call('ZADD', KEYS[4], now + keep, id)
end
"""

# KEYS: job, running, active, ends. ARGV: id, token, status, how long it is kept, then fields and values.
# 1 if it was ours to end, or we did: an answer may be lost.
FINISH: Final = (
    _NOW
    + _END
    + """
if redis.call('HGET', KEYS[1], 'ended') == ARGV[2] then return 1 end
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'ended', ARGV[2])
for at = 5, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1]) end
over(ARGV[1], ARGV[3], tonumber(ARGV[4]))
return 1
"""
)

# KEYS: job, running, queue. ARGV: id, token. Back to where it was, and it counts as no death.
HAND_BACK: Final = (
    _NOW
    + """
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'status', 'pending', 'rows', 0, 'updated', now)
redis.call('HDEL', KEYS[1], 'token')
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], redis.call('HGET', KEYS[1], 'since'), ARGV[1])
return 1
"""
)

# KEYS: job, running. ARGV: id, token. The lease is over.
ABANDON: Final = """
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], 'token')
redis.call('ZADD', KEYS[2], 0, ARGV[1])
return 1
"""

# KEYS: job, running, active, ends, queue. ARGV: id, how long it is kept, how many deaths are borne, what is said then.
# Whoever worked on it is dead. What it is now: 'pending', 'failed', or '' if that is not so.
RECLAIM: Final = (
    _NOW
    + _END
    + """
local renewed = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not renewed or tonumber(renewed) > now then return '' end
if redis.call('HGET', KEYS[1], 'status') ~= 'processing' then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return ''
end
if redis.call('HINCRBY', KEYS[1], 'deaths', 1) > tonumber(ARGV[3]) then
  redis.call('HSET', KEYS[1], 'error', ARGV[4])
  over(ARGV[1], 'failed', tonumber(ARGV[2]))
  return 'failed'
end
redis.call('HSET', KEYS[1], 'status', 'pending', 'rows', 0, 'updated', now)
redis.call('HDEL', KEYS[1], 'token')
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[5], redis.call('HGET', KEYS[1], 'since'), ARGV[1])
return 'pending'
"""
)

# KEYS: job, running, active, ends, queue. ARGV: id, owner, how long it is kept. What it was: '' if there is none.
CANCEL: Final = (
    _NOW
    + _END
    + """
local found = redis.call('HMGET', KEYS[1], 'status', 'owner')
if found[2] ~= ARGV[2] then return '' end
if found[1] == 'pending' or found[1] == 'processing' then
  redis.call('ZREM', KEYS[5], ARGV[1])
  over(ARGV[1], 'cancelled', tonumber(ARGV[3]))
end
return found[1]
"""
)

# KEYS: job, owner's, ends, active, idempotency. ARGV: id, owner. The caller's key may be another job's by now.
FORGET: Final = """
redis.call('DEL', KEYS[1])
if redis.call('HGET', KEYS[5], 'id') == ARGV[1] then redis.call('DEL', KEYS[5]) end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[2] .. ':' .. ARGV[1])
return 1
"""

# KEYS: a set by time. ARGV: how many. The ids whose time has come.
DUE: Final = _NOW + "return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])"

# KEYS: queue. How many wait, and since how many ms the first of them does.
WAITING: Final = (
    _NOW
    + """
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return {redis.call('ZCARD', KEYS[1]), first[2] and (exactly - tonumber(first[2])) / 1000 or 0}
"""
)

# KEYS: jobs. All their fields.
READ: Final = """
local found = {}
for at, key in ipairs(KEYS) do found[at] = redis.call('HGETALL', key) end
return found
"""
