-- One call of one process to the limiter that it shares. Everything is one value under one key, so that it
-- is there or gone as a whole: nothing can be evicted out of the middle, and a cluster keeps it in one place.
--
-- KEYS[1]  the state (MessagePack)
-- ARGV[1]  the call (JSON). It says how things are, not what has changed, so that a call may be repeated.
--          All instants and spans are microseconds on this server's clock.
-- Returns  {0, now, allowed, tokens_left, members, fair_permits, retry_us, planned instants...}
--          {1, members, most} too many processes; {2} overtaken by a later call; {3, window_us} other window
--
-- state    log: planned starts in order; members: by process id; opens, blocked: no start before them;
--          factor, cut_at: slower after a 429; seen: the last call; run: this run of the server

local OK, TOO_MANY, STALE, OTHER_WINDOW = 0, 1, 2, 3
local CUT, FLOOR, RISE_PER_SECOND = 0.5, 0.1, 0.05
local KEEP_MS = 60000
local STEP_US = 1000000
-- A process that found everything planned further ahead asks again when the next start is this close.
local NEAR_US = 80000

local call = cjson.decode(ARGV[1])

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

-- Without leave to ask (ACL), a restart is still seen by the lost state or by the silence.
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%w+)') or ''

local function opening(state)
  -- Until then everybody has heard of this server again and left the share it kept to meanwhile.
  state.opens = math.max(state.opens, now + call.reopen)
end

local function fresh()
  local state = {log = {}, members = {}, opens = 0, blocked = 0, factor = 1, cut_at = 0, window = call.window}
  opening(state)
  return state
end

local function load()
  local packed = redis.call('GET', KEYS[1])
  if not packed then return fresh() end
  local state = cmsgpack.unpack(packed)
  -- The clock went back: what is planned lies too far ahead. A small step is waited out instead.
  if now < state.seen - STEP_US then return fresh() end
  if now < state.seen then now = state.seen end
  if now - state.seen > call.silence or state.run ~= run then opening(state) end
  return state
end

local state = load()

-- -- members --------------------------------------------------------------------------------------

local members, living = state.members, 0
for id, member in pairs(members) do
  if now - member.seen > call.lease then members[id] = nil else living = living + 1 end
end
if living == 0 then state.window = call.window end
if state.window ~= call.window then return {OTHER_WINDOW, state.window} end

local me = members[call.id]
if me and call.seq <= me.seq then return {STALE} end
if not me and not call.leaving then
  local most = call.max_processes
  for _, member in pairs(members) do most = math.min(most, member.max_processes) end
  if living >= most then return {TOO_MANY, living, most} end
  living = living + 1
end
if call.leaving then
  if me then living = living - 1 end
  members[call.id] = nil
else
  me = {seq = call.seq, seen = now, held = call.held, demand = call.demand, max_processes = call.max_processes,
        requests = call.requests, concurrency = call.concurrency, gap = call.gap}
  members[call.id] = me
end

-- Processes with different settings, while a change is rolled out: the strictest hold for all.
local requests, concurrency, gap = call.requests, call.concurrency, call.gap
for _, member in pairs(members) do
  requests = math.min(requests, member.requests)
  concurrency = math.min(concurrency, member.concurrency)
  gap = math.max(gap, member.gap)
end

-- -- what the process tells -----------------------------------------------------------------------

local given_back = {}
for _, instant in ipairs(call.given_back) do given_back[instant] = true end
local log = {}
for _, instant in ipairs(state.log) do
  -- What was planned a whole span ago holds back nobody any more.
  if not given_back[instant] and instant + call.span > now then log[#log + 1] = instant end
end

local function factor()
  return math.min(1, state.factor + RISE_PER_SECOND * (now - state.cut_at) / 1000000)
end
if call.throttled and now >= state.cut_at + call.window then
  state.factor = math.max(FLOOR, factor() * CUT)
  state.cut_at = now
end
state.blocked = math.max(state.blocked, now + call.blocked)

-- -- what it gets ---------------------------------------------------------------------------------

local function fair_permits()
  -- Max-min: who wants less than an equal part leaves the rest to the others. For the caller it is what it
  -- would get if it wanted all: so it knows when asking is in vain.
  local wants = {}
  for id, member in pairs(members) do
    wants[#wants + 1] = {id = id, demand = id == call.id and math.huge or member.demand}
  end
  table.sort(wants, function(a, b)
    if a.demand == b.demand then return a.id < b.id end
    return a.demand < b.demand
  end)
  local left = concurrency
  for index, want in ipairs(wants) do
    local permits = math.min(want.demand, math.floor(left / (#wants - index + 1)))
    if want.id == call.id then return permits end
    left = left - permits
  end
  return 0
end

local function free_permits()
  local free = concurrency
  for _, member in pairs(members) do free = free - member.held end
  return math.max(0, free)
end

local allowed = math.max(1, math.floor(requests * factor() + 1e-6))

local function next_start()
  local instant = math.max(now, state.opens, state.blocked)
  if #log > 0 then instant = math.max(instant, log[#log] + gap) end
  if #log >= allowed then instant = math.max(instant, log[#log - allowed + 1] + call.span) end
  return math.ceil(instant)
end

local reply = {OK, now, allowed, 0, living, fair_permits(), 0}
if not call.leaving then
  local permits = math.max(0, math.min(call.wanted, free_permits(), reply[6] - me.held))
  local instant = next_start()
  while permits > 0 and instant <= now + call.horizon do
    log[#log + 1] = instant
    reply[#reply + 1] = instant
    me.held = me.held + 1
    permits = permits - 1
    instant = next_start()
  end
  reply[4] = math.max(0, now < math.max(state.opens, state.blocked) and 0 or allowed - #log)
  -- Zero: it was permits that were missing, not starts.
  if #reply == 7 and permits > 0 then reply[7] = math.max(1, instant - now - NEAR_US) end
end

state.log, state.seen, state.run = log, now, run
-- Once it has expired, the next call starts closed: nothing depends on its being kept.
local keep_ms = math.max(KEEP_MS, math.ceil((math.max(state.opens, state.blocked) + call.span - now) / 1000))
redis.call('SET', KEYS[1], cmsgpack.pack(state), 'PX', keep_ms)
return reply
