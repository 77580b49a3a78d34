-- requests.lua - wrk: sends the prepared requests in turn, each with its own token, with the headers a real host's page load has.
local paths = {}
for line in io.lines(os.getenv("BENCH_TARGETS")) do paths[#paths + 1] = line end
local headers = {
  ["Host"] = "app.example.test", ["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
  ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
  ["Accept-Language"] = "en-GB,en;q=0.9,de;q=0.8", ["Accept-Encoding"] = "gzip, deflate, br", ["Referer"] = "https://bench.atlassian.net/",
  ["Sec-Fetch-Dest"] = "iframe", ["Sec-Fetch-Mode"] = "navigate", ["Sec-Fetch-Site"] = "cross-site", ["Upgrade-Insecure-Requests"] = "1",
}
local requests = {}
init = function(args)
  for i, path in ipairs(paths) do requests[i] = wrk.format("GET", path, headers) end
end
local at = 0
request = function()
  at = at % #requests + 1
  return requests[at]
end


done = function(summary, latency)
  io.write(string.format("BENCH %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(99),
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
