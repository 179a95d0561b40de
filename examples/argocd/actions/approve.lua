-- Applies the plan that awaits approval: the environment's own, or that of a rebuild.
local function awaits(part)
  for _, condition in ipairs(part.conditions or {}) do
    if condition.type == "Planned" and condition.reason == "AwaitingApproval" then
      return true
    end
  end
  return false
end

local status = obj.status or {}
for _, part in ipairs({ status, status.rebuild or {} }) do
  if awaits(part) and part.plan ~= nil then
    obj.metadata.annotations = obj.metadata.annotations or {}
    obj.metadata.annotations["kulisse.dev/approve"] = part.plan.digest
    return obj
  end
end
return obj
