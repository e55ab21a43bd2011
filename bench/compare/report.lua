-- For wrk: sends GET, or POST of so many bytes, and reports one line of JSON. Arguments: method, bytes, and, for requests to
-- many paths, the paths' form and how many there are.
function init(arguments)
  wrk.method = arguments[1] or "GET"
  local size = tonumber(arguments[2] or "0")
  if size > 0 then
    wrk.body = string.rep("x", size)
    wrk.headers["Content-Type"] = "application/octet-stream"
  end

  local form, count = arguments[3], tonumber(arguments[4] or "0")
  if count > 0 then
    local requests = {}
    for number = 0, count - 1 do
      requests[number] = wrk.format(nil, string.format(form, number))
    end
    request = function() return requests[math.random(0, count - 1)] end
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %.6f, "p50_us": %d, "p99_us": %d, "status": %d, "connect": %d, "read": %d, "write": %d, "timeout": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect, errors.read, errors.write, errors.timeout))
end
