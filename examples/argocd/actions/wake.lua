-- Gives a sleeping environment its Pods back.
local os = require("os")
obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["kulisse.dev/wake"] = os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj
