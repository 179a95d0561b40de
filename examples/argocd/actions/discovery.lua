-- What can be asked of a StagingEnvironment from Argo CD: the verbs of `kulisse`. Each action writes the
-- annotation of its verb, and the operator answers in status.requests. What it would refuse is not offered.

local status = obj.status or {}

local function holds(conditions, kind)
  for _, condition in ipairs(conditions or {}) do
    if condition.type == kind and condition.status == "True" then
      return true
    end
  end
  return false
end

local function awaits(part)
  for _, condition in ipairs(part.conditions or {}) do
    if condition.type == "Planned" and condition.reason == "AwaitingApproval" then
      return part.plan ~= nil
    end
  end
  return false
end

local function failed(tasks)
  for _, task in ipairs(tasks or {}) do
    if task.state == "Failed" or task.state == "TimedOut" then
      return true
    end
  end
  return false
end

local rebuild = status.rebuild or {}
local asleep = holds(status.conditions, "Asleep")
local lives = status.namespaces ~= nil and #status.namespaces > 0
local stuck = rebuild.role == "Building"
  and (holds(rebuild.conditions, "Stalled") or (rebuild.refused or "") ~= "")

local offered = {
  extend = status.expiresAt ~= nil,
  sleep = lives and not asleep,
  wake = lives and asleep,
  retry = failed(status.seed) or failed(status.smoke) or stuck or status.queue ~= nil,
  reseed = status.seed ~= nil and #status.seed > 0,
  approve = awaits(status) or awaits(rebuild),
}

local actions = {}
for verb, offer in pairs(offered) do
  actions[verb] = { disabled = obj.metadata.deletionTimestamp ~= nil or not offer }
end
return actions
