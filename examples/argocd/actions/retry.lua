-- Repeats the seeds and smokes that failed, or a rebuild that is stuck; waits for a place once more.
local os = require("os")
obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["kulisse.dev/retry"] = os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj
