-- Runs all seeds again.
local os = require("os")
obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["kulisse.dev/reseed"] = os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj
