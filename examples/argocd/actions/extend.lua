-- 24 hours more, counted from the present expiry, or from now if that is over. Its class has the last word.
local os = require("os")
local DAY = 24 * 60 * 60

local function written(time)
  return os.date("!%Y-%m-%dT%H:%M:%SZ", time)
end

-- Texts cannot be taken apart here. They can be compared: the expiry is found between now and ten years.
local from, to = os.time(), os.time() + 3660 * DAY
local expiry = (obj.status or {}).expiresAt or written(from)
while from < to do
  local half = (from + to - (from + to) % 2) / 2
  if written(half) < expiry then
    from = half + 1
  else
    to = half
  end
end
obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["kulisse.dev/extend"] = written(from + DAY)
return obj
