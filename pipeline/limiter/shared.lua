-- Answers one call of one process to a shared limiter. All state is one value under one key, so it exists or
-- is lost as a whole: Redis cannot evict a part of it, and a cluster keeps it in one slot.
--
-- KEYS[1]  the state (MessagePack)
-- ARGV[1]  the call (JSON). It describes the process's state, not a change, so repeating a call does no harm.
--          All instants and durations are microseconds on this server's clock.
-- ARGV[2]  the constants (JSON) that this script shares with its caller, pipeline/limiter/script_call.py.
--          The script has no copies of them.
-- Returns  {kinds.ok, now, allowed, tokens_left, members, fair_permits, retry_us, planned instants...}
--          {kinds.too_many, members, most}   one process more would exceed the limit
--          {kinds.stale}                     a later call of this process came first
--          {kinds.other_window, window_us}   the members use another window
--
-- state    log: planned starts in order; members: by process id; opens, blocked: no start before these;
--          factor, cut_at: the slowdown after a 429; seen: the last call; run: the server's run id

local call = cjson.decode(ARGV[1])
local constants = cjson.decode(ARGV[2])
local kinds = constants.kinds

local time = redis.call('TIME')
local now = tonumber(time[1]) * constants.second + tonumber(time[2])

-- A user without permission for INFO (ACL) notices a restart by the lost state or by the silence.
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%w+)') or ''

local function close_for_a_while(state)
  -- By then every process has reached this server again and has left its own part.
  state.opens = math.max(state.opens, now + constants.reopen + call.span)
end

local function fresh()
  local state = {log = {}, members = {}, opens = 0, blocked = 0, factor = 1, cut_at = 0, window = call.window}
  close_for_a_while(state)
  return state
end

local function load()
  local packed = redis.call('GET', KEYS[1])
  if not packed then return fresh() end
  local state = cmsgpack.unpack(packed)
  -- The clock went back, so the planned starts lie too far ahead. A small step is waited out instead.
  if now < state.seen - constants.step_back then return fresh() end
  if now < state.seen then now = state.seen end
  if now - state.seen > constants.silence or state.run ~= run then close_for_a_while(state) end
  return state
end

local state = load()

-- -- members --------------------------------------------------------------------------------------

local members, living = state.members, 0
for id, member in pairs(members) do
  if now - member.seen > constants.lease then members[id] = nil else living = living + 1 end
end
if living == 0 then state.window = call.window end
if state.window ~= call.window then return {kinds.other_window, state.window} end

local me = members[call.id]
if me and call.seq <= me.seq then return {kinds.stale} end
if not me and not call.leaving then
  local most = call.max_processes
  for _, member in pairs(members) do most = math.min(most, member.max_processes) end
  if living >= most then return {kinds.too_many, living, most} end
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

-- While new settings are rolled out, processes differ. The strictest settings hold for all.
local requests, concurrency, gap = call.requests, call.concurrency, call.gap
for _, member in pairs(members) do
  requests = math.min(requests, member.requests)
  concurrency = math.min(concurrency, member.concurrency)
  gap = math.max(gap, member.gap)
end

-- -- what the process reports ---------------------------------------------------------------------

local given_back = {}
for _, instant in ipairs(call.given_back) do given_back[instant] = true end
local log = {}
for _, instant in ipairs(state.log) do
  -- A start that was planned a whole span ago no longer delays any other.
  if not given_back[instant] and instant + call.span > now then log[#log + 1] = instant end
end

local function factor()
  return math.min(1, state.factor + constants.rise_per_second * (now - state.cut_at) / constants.second)
end
if call.throttled and now >= state.cut_at + call.window then
  state.factor = math.max(constants.floor, factor() * constants.cut)
  state.cut_at = now
end
state.blocked = math.max(state.blocked, now + call.blocked)

-- -- what it gets ---------------------------------------------------------------------------------

local function fair_permits()
  -- Max-min fairness: a process that wants less than an equal part leaves the rest to the others. The caller
  -- gets the number it could have if it wanted all permits, so it knows when asking is in vain.
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

local allowed = math.max(1, math.floor(requests * factor() + constants.rounding))

local function next_start()
  local instant = math.max(now, state.opens, state.blocked)
  if #log > 0 then instant = math.max(instant, log[#log] + gap) end
  if #log >= allowed then instant = math.max(instant, log[#log - allowed + 1] + call.span) end
  return math.ceil(instant)
end

local planned, tokens_left, retry, fair = {}, 0, 0, fair_permits()
if not call.leaving then
  local permits = math.max(0, math.min(call.wanted, free_permits(), fair - me.held))
  local instant = next_start()
  while permits > 0 and instant <= now + constants.horizon do
    log[#log + 1] = instant
    planned[#planned + 1] = instant
    me.held = me.held + 1
    permits = permits - 1
    instant = next_start()
  end
  tokens_left = math.max(0, now < math.max(state.opens, state.blocked) and 0 or allowed - #log)
  -- Zero means that permits were missing, not starts. Otherwise the process asks again shortly before the
  -- next start.
  if #planned == 0 and permits > 0 then retry = math.max(1, instant - now - constants.ask_ahead) end
end

state.log, state.seen, state.run = log, now, run
-- The state may expire: without it the next call begins closed.
local needed = math.max(state.opens, state.blocked) + call.span - now
local keep_ms = math.ceil(math.max(constants.keep, needed) / constants.millisecond)
redis.call('SET', KEYS[1], cmsgpack.pack(state), 'PX', keep_ms)
local reply = {kinds.ok, now, allowed, tokens_left, living, fair, retry}
for _, instant in ipairs(planned) do reply[#reply + 1] = instant end
return reply

