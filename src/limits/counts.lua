-- One count that several gateways share. Takes note of what is owed, then grants what is needed, as one step.
-- KEYS[1]: a hash, from slot (or gateway) to amount.
-- ARGV: shape, a, b, limit, need, want, gateway, then pairs of slot and amount that are owed.
--   window: a = length of a slot in ms, b = slots that count
--   sum:    b = ttl in ms
--   held:   b = ttl in ms of a gateway that is silent
-- Answers: granted, slot, left, ms until what is needed may fit.
local shape, a, b = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local limit, need, want, gateway = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local key = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function whole(number) return string.format('%.0f', number) end

local slot, ttl = '0', b
if shape == 'window' then
  slot, ttl = whole(math.floor(now / a)), a * (b + 1)
elseif shape == 'held' then
  slot = gateway
end
for i = 8, #ARGV, 2 do
  local at = slot
  if shape == 'window' and ARGV[i] ~= 'now' then at = ARGV[i] end
  if tonumber(redis.call('HINCRBY', key, at, ARGV[i + 1])) <= 0 then
    redis.call('HDEL', key, at)
  end
end
if shape == 'held' then
  redis.call('HSET', key, 'alive:' .. gateway, whole(now + b))
end

local fields = redis.call('HGETALL', key)
local used, by_slot = 0, {}
for i = 1, #fields, 2 do
  local name, amount = fields[i], tonumber(fields[i + 1])
  if shape == 'window' and tonumber(name) <= math.floor(now / a) - b then
    redis.call('HDEL', key, name)
  elseif shape == 'held' and string.sub(name, 1, 6) == 'alive:' then
    if amount < now then
      redis.call('HDEL', key, name, string.sub(name, 7))
      local silent = tonumber(by_slot[string.sub(name, 7)] or 0)
      used = used - silent
      by_slot[name] = true
    end
  elseif not (shape == 'held' and by_slot['alive:' .. name]) then
    used = used + amount
    by_slot[name] = amount
  end
end

local granted = 0
if need > 0 and used + need <= limit then
  granted = math.min(math.max(need, want), limit - used)
  redis.call('HINCRBY', key, slot, whole(granted))
  used = used + granted
end
redis.call('PEXPIRE', key, whole(ttl))

local wait = 1000
if shape == 'window' and need > 0 and granted == 0 then
  -- The oldest slots leave first.
  local slots = {}
  for name, amount in pairs(by_slot) do slots[#slots + 1] = { tonumber(name), amount } end
  table.sort(slots, function(one, other) return one[1] < other[1] end)
  local left = used
  for _, pair in ipairs(slots) do
    if left + need <= limit then break end
    left = left - pair[2]
    wait = (pair[1] + b) * a - now
  end
end
local number = slot
if shape ~= 'window' then number = '0' end
return { whole(granted), number, whole(math.max(limit - used, 0)), whole(math.max(wait, 1)) }
