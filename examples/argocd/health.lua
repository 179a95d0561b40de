-- Health of a StagingEnvironment for Argo CD. Lua 5.1 as Argo CD runs it: no string, no os library.
--
-- The kind follows kstatus, in its order: deletion, then a status older than the spec, then
-- Reconciling and Stalled, then Ready. Three states come between, in which Ready may be False although
-- nothing is wrong: an environment whose time is up, one that somebody suspended, and one that sleeps.
-- For Argo CD all are Suspended: nothing happens, on purpose, and somebody can change that.

local function answer(status, message)
  return { status = status, message = message }
end

local status = obj.status or {}
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

local function holds(kind)
  return conditions[kind] ~= nil and conditions[kind].status == "True"
end

local function message(kind)
  local condition = conditions[kind]
  if condition == nil then
    return ""
  end
  if condition.message == nil or condition.message == "" then
    return condition.reason or ""
  end
  return condition.message
end

-- While it is being deleted as well as after its time: a person has to help.
if holds("TeardownBlocked") then
  return answer("Degraded", message("TeardownBlocked"))
end
if obj.metadata.deletionTimestamp ~= nil then
  return answer("Progressing", "being deleted")
end
-- -1 until the operator has seen it.
if status.observedGeneration == nil or status.observedGeneration ~= obj.metadata.generation then
  return answer("Progressing", "waiting for the operator")
end
if holds("Reconciling") then
  return answer("Progressing", message("Reconciling"))
end
if holds("Expired") then
  return answer("Suspended", message("Expired"))
end
if holds("Suspended") then
  return answer("Suspended", message("Suspended"))
end
if holds("Asleep") then
  return answer("Suspended", message("Asleep"))
end
-- A person decides, and nothing is wrong: spec.mode is Plan.
if conditions.Planned ~= nil and conditions.Planned.reason == "AwaitingApproval" then
  return answer("Suspended", message("Planned"))
end
if holds("Stalled") then
  return answer("Degraded", message("Stalled"))
end
if holds("Ready") then
  local text = status.url or message("Ready")
  if holds("Expiring") then
    text = text .. " (" .. message("Expiring") .. ")"
  end
  return answer("Healthy", text)
end
-- Not ready, and nobody is working on it: a seed or a smoke has failed, a workload does not come up.
if conditions.Ready ~= nil and conditions.Ready.status == "False" then
  return answer("Degraded", message("Ready"))
end
return answer("Progressing", message("Ready"))
