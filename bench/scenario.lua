-- The load itself: one wrk script for every scenario, driven by the plan (a Lua table) that BENCH_PLAN names.
--   same     the same request again and again
--   each     one request for each token of a file; stops when they are used up
--   refresh  a pool of refresh tokens; the token of each answer goes back into the pool
--   flow     an authorization request, then the exchange of the code in its Location: one success in all
-- An answer that is not the right one counts as bad; the first bad one is kept as a sample.
local ffi = require("ffi")
ffi.cdef[[
  typedef struct { long seconds; long nanoseconds; } bench_time;
  int clock_gettime(int, bench_time*);
]]
local clock = ffi.new("bench_time")
local MONOTONIC = 1

local function now()
  ffi.C.clock_gettime(MONOTONIC, clock)
  return tonumber(clock.seconds) + tonumber(clock.nanoseconds) / 1e9
end

local plan = dofile(os.getenv("BENCH_PLAN"))
local tokens, codes, first_request, sink = {}, {}, nil, nil
local threads = {}

-- Globals, because done() asks for them by name.
good, bad, began, ended, sample = 0, 0, 0, 0, ""

function setup(thread)
  table.insert(threads, thread)
end

local function formatted(request, token)
  local body = request.body
  if token then
    body = body:gsub("{TOK}", (token:gsub("%%", "%%%%")))
  end
  return wrk.format(request.method, request.path, request.headers, body)
end

local function url_encoded(text)
  return (text:gsub("[^%w%-%._~]", function(c) return string.format("%%%02X", c:byte()) end))
end

local function location(headers)
  for name, value in pairs(headers) do
    if name:lower() == "location" then return value end
  end
  return ""
end

local function count_good()
  good = good + 1
end

local function count_bad(status, text)
  bad = bad + 1
  if bad == 1 then sample = status .. " " .. (text or ""):sub(1, 300) end
end

function init(args)
  if plan.tokens then
    for line in io.lines(plan.tokens) do tokens[#tokens + 1] = line end
  end
  if plan.collect then sink = io.open(plan.collect, "w") end
  first_request = formatted(plan.request)
end

local function next_token()
  local token = table.remove(tokens)
  if not token or (#tokens == 0 and plan.kind == "each") then wrk.thread:stop() end
  return token or ""
end

local function next_request()
  if plan.kind == "each" or plan.kind == "refresh" then
    return formatted(plan.request, url_encoded(next_token()))
  end
  if plan.kind == "flow" and #codes > 0 then
    return formatted(plan.second, table.remove(codes))
  end
  return first_request
end

function request()
  if began == 0 then began = now() end
  return next_request()
end

local on_answer = {}

function on_answer.same(status, headers, body)
  if status ~= 200 then return count_bad(status, body) end
  count_good()
  if sink then
    local token = body:match('"access_token"%s*:%s*"([^"]+)"')
    if token then sink:write(token, "\n") end
  end
end

function on_answer.each(status, headers, body)
  if status == 200 then count_good() else count_bad(status, body) end
end

function on_answer.refresh(status, headers, body)
  local token = status == 200 and body:match('"refresh_token"%s*:%s*"([^"]+)"')
  if not token then return count_bad(status, body) end
  tokens[#tokens + 1] = token
  count_good()
end

function on_answer.flow(status, headers, body)
  if status == 302 or status == 303 then
    local code = location(headers):match("[?&]code=([^&#]+)")
    if code then codes[#codes + 1] = code else count_bad(status, location(headers)) end
  elseif status == 200 and body:find('"access_token"', 1, true) then
    count_good()
  else
    count_bad(status, body)
  end
end

local handle = on_answer[plan.kind]

function response(status, headers, body)
  ended = now()
  handle(status, headers, body)
end

function done(summary, latency, requests)
  local thread, errors = threads[1], summary.errors
  local shown = (thread:get("sample") or ""):gsub('[%c"\\]', " ")
  io.stderr:write(string.format(
    'RESULT {"good":%d,"bad":%d,"socket_errors":%d,"seconds":%.6f,"p50_us":%d,"p99_us":%d,"sample":"%s"}\n',
    thread:get("good"), thread:get("bad"), errors.connect + errors.read + errors.write + errors.timeout,
    thread:get("ended") - thread:get("began"), latency:percentile(50), latency:percentile(99), shown
  ))
end
