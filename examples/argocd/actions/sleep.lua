-- Takes the Pods away; data and routes stay.
local os = require("os")
obj.metadata.annotations = obj.metadata.annotations or {}
obj.metadata.annotations["kulisse.dev/sleep"] = os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj
