-- Send each line of a file as a body, one after the other, and print what came of it as JSON.
-- wrk ... URL -- FILE

local requests, place = {}, 0

function init(arguments)
   for body in io.lines(arguments[1]) do
      requests[#requests + 1] = wrk.format("POST", nil, {["Content-Type"] = "application/json"}, body)
   end
end

function request()
   place = place % #requests + 1
   return requests[place]
end

function done(summary, latency, requests)
   local failed = summary.errors
   io.write(string.format(
      '\n{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "refused": %d, "broken": %d}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      failed.status, failed.connect + failed.read + failed.write + failed.timeout
   ))
end
