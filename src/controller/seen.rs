//! What one pass works on, and the facts in it.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use kube::ResourceExt;
use kulisse_core::{
    api::{
        boundary::BoundaryMode,
        class::StagingClassSpec,
        condition::{ConditionType, Reason, find, is_true},
        environment::{Mode, StagingEnvironment},
        identity::{Incarnation, NamespaceName},
        names,
        status::{
            Applied, ProbeVerdict, StagingEnvironmentStatus, Target as TargetRecord, TaskSummary,
        },
    },
    lifecycle::{
        Problem,
        begin::promises,
        drift::{self, Sight},
        expiry::{Term, term},
        facts::{
            Beside, Drift, Facts, Lingering, Part, Place, PlanFacts, Probe, Target, Task,
            Withdrawal, Workload, WorkloadState,
        },
        readiness::{Attempt, Rollout},
        rebuild, request,
        sleep::{Rhythm, rhythm},
        task::{self, Run},
        wake::PROBE_AGAIN,
        withdrawal,
    },
    plan::{
        object::Key,
        request::{Identity, OperatorAccount},
        task::PlannedTask,
    },
};

use super::{
    stored::{Slot, Stored},
    world::World,
};

/// What one pass works on.
#[expect(clippy::struct_excessive_bools, reason = "as in the facts, they are independent")]
pub struct Seen {
    /// The environment.
    pub environment: Arc<StagingEnvironment>,
    /// Which it is.
    pub identity: Identity,
    /// Who reads its source, as the owners grant it.
    pub operator: OperatorAccount,
    /// Its status as this pass changes it: what is recorded here is true, whatever the conditions
    /// say.
    pub record: StagingEnvironmentStatus,
    /// The same as it was read.
    pub before: StagingEnvironmentStatus,
    /// Our finalizer is on it.
    pub claimed: bool,
    /// Its class, as it holds now; the built-in values if that is not known.
    pub class: StagingClassSpec,
    /// Whether the class is known.
    pub class_known: bool,
    /// Whether consent, or the class, goes by labels of the request namespace.
    pub by_label: bool,
    /// Why nothing may be created for it.
    pub refusal: Option<Problem>,
    /// Why nothing may be created for anybody.
    pub unfenced: Option<Problem>,
    /// Name of the target of this incarnation.
    pub target_name: NamespaceName,
    /// The target.
    pub target: Target,
    /// Since when it goes.
    pub leaving_since: Option<Timestamp>,
    /// Custom resources in it that somebody has to clean up after; looked for at its end.
    pub lingering: Option<Lingering>,
    /// Whether there is a place for it.
    pub place: Place,
    /// The plan and what belongs to it; not looked up for an environment at rest.
    pub stored: Option<Arc<Stored>>,
    /// The workloads in the target, as watched.
    pub workloads: BTreeMap<Key, Rollout>,
    /// How many of them the operator has written that were not watched at all yet.
    pub unwatched: usize,
    /// When they are listed again, if they are not watched and nothing is awaited.
    pub looks_at: Option<Timestamp>,
    /// What keeps workloads from coming up, by workload.
    pub troubles: BTreeMap<Key, Problem>,
    /// The Jobs of tasks, by task run and attempt.
    pub attempts: BTreeMap<String, BTreeMap<u32, Attempt>>,
    /// The probe's Job is there.
    pub probing: bool,
    /// What keeps the probe from running.
    pub probe_trouble: Option<Problem>,
    /// The mark of production as it was looked at last.
    pub production: Option<String>,
    /// Why it cannot be looked at.
    pub blind: Option<Problem>,
    /// What is beside it, if this is the namespace that serves.
    pub beside: Option<Box<Seen>>,
    /// The life of the one that serves, if this is another.
    pub serving: Option<Incarnation>,
    /// How that stands.
    pub stands: Beside,
    /// Nothing is left of it, of one that did not serve.
    pub over: bool,
}

impl Seen {
    /// Which life of the environment this is.
    pub fn incarnation(&self) -> Incarnation {
        self.record.incarnation.unwrap_or(Incarnation(1))
    }

    /// What is recorded of the target of this incarnation.
    pub fn target_record(&self) -> Option<&TargetRecord> {
        self.record.namespaces.iter().find(|it| it.name == self.target_name.as_str())
    }

    /// What is recorded of the target of this incarnation, to change it.
    pub fn target_record_mut(&mut self) -> Option<&mut TargetRecord> {
        let name = self.target_name.as_str().to_owned();
        self.record.namespaces.iter_mut().find(|it| it.name == name)
    }

    /// Which of the environment's namespaces this is.
    pub fn part(&self) -> Part {
        rebuild::part(&self.record)
    }

    /// Where its plan is stored. What was there before the first rebuild is the one that serves, until
    /// another takes its place.
    pub fn slot(&self) -> Slot<'_> {
        let replaced = rebuild::drains_until(&self.record).is_some();
        let first = self.part() == Part::Serving || replaced;
        Slot { uid: &self.identity.uid, life: self.incarnation(), first }
    }

    /// How far which plan has been applied to the target.
    pub fn applied(&self) -> Option<&Applied> {
        self.target_record()?.applied.as_ref()
    }

    /// When the time is up, once the target has been made.
    pub fn term(&self) -> Result<Option<Term>, Problem> {
        let Some(started) = &self.record.started_at else { return Ok(None) };
        // A class that is gone changes nothing in what runs: its end stays what it was.
        if let (false, Some(told)) = (self.class_known, self.told_term()) {
            return Ok(Some(told));
        }
        let lifecycle = &self.environment.spec.lifecycle;
        term(started.0, lifecycle, &self.class.limits, request::extended(&self.record))
            .map(Some)
            .map_err(|error| Problem::new(Reason::InvalidSpec, error.to_string()))
    }

    /// The end that was told last: what holds where the spec or the class cannot be read.
    fn told_term(&self) -> Option<Term> {
        let end = self.record.expires_at.as_ref()?.0;
        Some(Term { warns_at: end, ends_at: end })
    }

    /// Whether somebody wants it to end, or to be frozen first. What is built after a target that went without
    /// this belongs to another life.
    pub fn is_to_end(&self, now: Timestamp) -> bool {
        self.record.withdrawn.is_some()
            || self.past(now)
            || self.environment.metadata.deletion_timestamp.is_some()
    }

    /// Whether the target is to go, for whatever reason; or its end has begun.
    pub fn ends(&self, now: Timestamp) -> bool {
        let withdrawn = self.withdrawal().is_some_and(|it| now >= it.ends_at);
        withdrawn
            || self.part() == Part::Leaving
            || self.record.teardown.is_some()
            || self.past(now)
            || self.environment.metadata.deletion_timestamp.is_some()
    }

    /// Whether the time is up.
    pub fn past(&self, now: Timestamp) -> bool {
        // What cannot be read any more ends when it was told last.
        let term = self.term().unwrap_or_else(|_| self.told_term());
        term.is_some_and(|term| now >= term.ends_at)
    }

    /// That the source may no longer be cloned, as it was recorded.
    fn withdrawal(&self) -> Option<Withdrawal> {
        let withdrawn = self.record.withdrawn.as_ref()?;
        let source = &self.environment.spec.source.namespace;
        let grace = withdrawal::ends_at(withdrawn.since.0, &self.class);
        // How long it is kept, the class says: while that is away, it is kept as long as it would be.
        let term = self.told_term().filter(|_| !self.class_known);
        let ends_at = term.map_or(grace, |it| it.ends_at.max(grace));
        let (reason, what) = if withdrawn.source_gone {
            (Reason::SourceGone, format!("namespace {source} is not there any more"))
        } else {
            (
                Reason::GrantWithdrawn,
                format!(
                    "the grant in {source} was withdrawn: «{}» brings the environment back",
                    self.operator.grant(source, self.identity.namespace.as_str())
                ),
            )
        };
        let message = format!("{what}; the target is frozen, and goes at {ends_at}");
        Some(Withdrawal {
            problem: Problem::new(reason, message),
            ends_at,
            frozen: withdrawn.frozen,
        })
    }

    /// Whether the environment is to sleep.
    pub fn rhythm(&self, now: Timestamp) -> Result<Rhythm, Problem> {
        let windows = &self.environment.spec.lifecycle.sleep;
        rhythm(windows, request::taken(&self.record), now)
            .map_err(|error| Problem::new(Reason::InvalidSpec, error.to_string()))
    }

    /// Whether the plan that holds still waits for a person.
    fn unapproved(&self) -> bool {
        let digest = self.record.plan.as_ref().map(|it| it.digest.as_str());
        self.environment.spec.mode == Mode::Plan && digest != request::approved(&self.record)
    }

    /// All that the next step depends on. `now` is the API server's time.
    pub fn facts(&self, now: Timestamp) -> Facts {
        let (term, invalid) = match self.term() {
            Ok(term) => (term, None),
            Err(problem) => (self.told_term(), Some(problem)),
        };
        let past = term.is_some_and(|it| now >= it.ends_at);
        let (rhythm, unreadable) = match self.rhythm(now) {
            Ok(rhythm) => (rhythm, None),
            Err(problem) => (Rhythm::default(), Some(problem)),
        };
        Facts {
            now,
            generation: self.environment.metadata.generation.unwrap_or_default(),
            deleting: self.environment.metadata.deletion_timestamp.is_some(),
            claimed: self.claimed,
            suspended: self.environment.spec.suspend,
            on_expiry: self.environment.spec.lifecycle.on_expiry,
            incarnation: self.incarnation(),
            expires_at: term.map(|it| it.ends_at),
            warns_at: term.map(|it| it.warns_at),
            expired: past && self.record.namespaces.is_empty() && self.record.plan.is_none(),
            manifests: self.environment.spec.source.manifests.is_some(),
            refusal: invalid.or(unreadable).or_else(|| self.refusal.clone()),
            unfenced: self.unfenced.clone(),
            by_label: self.by_label,
            target: self.target.clone(),
            withdrawal: self.withdrawal(),
            place: self.place.clone(),
            leaving_since: self.leaving_since,
            closed: self.record.teardown.is_some(),
            lingering: self.lingering.clone(),
            plan: self.plan_facts(now),
            probe: self.probe_facts(now),
            rhythm,
            restless: !is_true(&self.record.conditions, ConditionType::Asleep)
                || self.workloads.values().any(|it| it.seen && it.ours && it.desired > 0),
            unapproved: self.unapproved(),
            warns_only: self.warns_only(),
            promised: promises(&self.before, &self.record, self.target_name.as_str()),
            applied: self.applied().map(|it| (it.digest.clone(), it.through)),
            applied_at: self.applied().map(|it| it.at.0),
            workloads: self.workload_facts(),
            tasks: self.task_facts(now),
            drift: self.drift_facts(now),
            blind: self.blind.clone(),
            part: self.part(),
            beside: self.stands.clone(),
            drains_until: rebuild::drains_until(&self.record),
            looks_at: self.looks_at,
        }
    }

    /// Takes in what the watch has seen of the workloads of the target.
    pub fn watch(&mut self, world: &World) {
        let (uid, target) = (&self.identity.uid, self.target_name.as_str());
        self.workloads = world.workloads(uid, target);
        self.unwatched = world.unwatched(uid, target);
    }

    /// What was seen of production and of the target since it was planned.
    pub fn sight(&self) -> Sight<'_> {
        let total = || self.record.workloads.as_ref().map_or(0, |it| it.total as usize);
        Sight {
            production: self.production.as_deref(),
            workloads: &self.workloads,
            planned: self.stored.as_ref().map_or_else(total, |it| it.plan.workloads().len()),
            unwatched: self.unwatched,
        }
    }

    /// What is known of production and of the target since it was planned; of a namespace that does
    /// not serve nobody asks.
    pub fn drift_facts(&self, now: Timestamp) -> Drift {
        if self.part() != Part::Serving {
            return Drift::default();
        }
        drift::facts(&self.record, &self.sight(), &self.environment.spec.drift, now)
    }

    /// Whether what leads back stops nothing: asked for, and allowed by the class.
    fn warns_only(&self) -> bool {
        self.environment.spec.boundary.mode == BoundaryMode::Warn && self.class.boundary.allow_warn
    }

    fn plan_facts(&self, now: Timestamp) -> Option<PlanFacts> {
        let summary = self.record.plan.as_ref()?;
        let blocked = self.stored.as_ref().and_then(|stored| {
            let first = stored.plan.blocking().next()?;
            let reason = match first.kind.as_str() {
                "invalid-rule" | "invalid-template" => Reason::InvalidSpec,
                "copy-not-granted" => Reason::SourceNotGranted,
                "copy-not-allowed" => Reason::NotAllowedByClass,
                _ => Reason::ProductionReference,
            };
            Some((Problem::new(reason, first.told()), stored.plan.blocking().count()))
        });
        let stored = self.stored.as_ref().and_then(|it| it.planned_at);
        let captured_at = || self.record.source.as_ref().map_or(now, |it| it.captured_at.0);
        Some(PlanFacts {
            generation: summary.generation,
            digest: summary.digest.clone(),
            planned_at: stored.unwrap_or_else(captured_at),
            blocked,
            copied: summary.copied.clone(),
            warned: summary.warned,
        })
    }

    fn probe_facts(&self, now: Timestamp) -> Probe {
        let Some(record) = self.target_record() else { return Probe::Due };
        let message = record.probe_message.clone();
        let failed = |reason| {
            let said = find(&self.record.conditions, ConditionType::BoundaryClean);
            let since = said.filter(|it| it.status == "False").map(|it| it.last_transition_time.0);
            match since {
                // What nothing waits for is not tried again and again.
                Some(since) if !self.warns_only() && now.duration_since(since) >= PROBE_AGAIN => {
                    Probe::Due
                }
                _ => Probe::Failed(Problem::new(reason, message.clone())),
            }
        };
        match record.probe {
            ProbeVerdict::Closed => Probe::Closed(message),
            ProbeVerdict::Skipped => Probe::Skipped,
            _ if self.probing => Probe::Running(self.probe_trouble.clone()),
            ProbeVerdict::Unknown => Probe::Due,
            ProbeVerdict::Open => failed(Reason::EgressNotEnforced),
            ProbeVerdict::Inconclusive => failed(Reason::ProbeInconclusive),
        }
    }

    /// The planned workloads; of an environment at rest, those that are watched, and as many
    /// missing ones as there were more.
    fn workload_facts(&self) -> Vec<Workload> {
        if self.target != Target::Living {
            return Vec::new();
        }
        if let Some(stored) = &self.stored {
            let planned = stored.plan.workloads().into_iter();
            return planned
                .map(|(key, store)| Workload { state: self.state(&key), key, store })
                .collect();
        }
        let mut found: Vec<Workload> = self
            .workloads
            .keys()
            .map(|key| Workload { state: self.state(key), key: key.clone(), store: false })
            .collect();
        let total = self.record.workloads.as_ref().map_or(0, |it| it.total as usize);
        for _ in found.len()..total {
            let key = Key { group: "apps".into(), kind: "Workload".into(), name: "deleted".into() };
            found.push(Workload { key, store: false, state: WorkloadState::Missing });
        }
        found
    }

    fn state(&self, key: &Key) -> WorkloadState {
        let Some(rollout) = self.workloads.get(key) else { return WorkloadState::Missing };
        if rollout.up() {
            return WorkloadState::Up;
        }
        if let Some(words) = &rollout.refused {
            let message = format!("{key}: its Pods are refused: {words}");
            return WorkloadState::Stuck(Problem::new(Reason::Refused, message));
        }
        match self.troubles.get(key) {
            Some(problem) => WorkloadState::Stuck(problem.clone()),
            None => WorkloadState::Progressing,
        }
    }

    fn task_facts(&self, now: Timestamp) -> Vec<Task> {
        let Some(stored) = &self.stored else { return self.remembered_tasks() };
        let mut turn = self.applied().map(|it| it.at.0).max(request::repeated_at(&self.record));
        let tasks = stored.plan.tasks.iter();
        tasks
            .map(|planned| {
                let known = self.run(planned, now);
                let patience_ends = turn.and_then(|turn| task::patience_ends(turn, planned));
                let ended = self.summary(planned).and_then(task::ended);
                turn = turn.max(ended);
                Task {
                    name: planned.name.clone(),
                    role: planned.role,
                    needs: planned.needs.clone(),
                    patience_ends,
                    state: known.state,
                    message: known.message,
                }
            })
            .collect()
    }

    /// Of an environment at rest, the tasks as they were recorded.
    fn remembered_tasks(&self) -> Vec<Task> {
        let seeds = self.record.seed.iter().map(|it| (it, task::SEED));
        let smokes = self.record.smoke.iter().map(|it| (it, task::SMOKE));
        seeds
            .chain(smokes)
            .map(|(it, role)| Task {
                name: it.name.clone(),
                role,
                needs: Vec::new(),
                patience_ends: None,
                state: it.state,
                message: it.message.clone(),
            })
            .collect()
    }

    /// How a planned task stands, from what is recorded and what its Jobs say.
    pub fn run(&self, planned: &PlannedTask, now: Timestamp) -> Run {
        let run = self.run_id(planned);
        let nothing = BTreeMap::new();
        let attempts = self.attempts.get(&run).unwrap_or(&nothing);
        task::run(planned, &run, self.incarnation(), self.summary(planned), attempts, now)
    }

    /// What a run of a task is told apart by: a seed runs once per content, a smoke once per
    /// content and plan.
    pub fn run_id(&self, planned: &PlannedTask) -> String {
        let digest = self.record.plan.as_ref().map(|it| it.digest.as_str()).unwrap_or_default();
        task::run_id(planned, digest)
    }

    /// How many attempts of a task do not count any more.
    pub fn discounted(&self, planned: &PlannedTask) -> u32 {
        let id = self.run_id(planned);
        self.summary(planned).filter(|it| it.content == id).map_or(0, |it| it.discounted)
    }

    /// What is recorded of a planned task.
    pub fn summary(&self, planned: &PlannedTask) -> Option<&TaskSummary> {
        task::recorded(planned.role, &self.record).iter().find(|it| it.name == planned.name)
    }

    /// Records how a task stands.
    pub fn note(&mut self, planned: &PlannedTask, summary: TaskSummary) {
        let list = task::recorded_mut(planned.role, &mut self.record);
        match list.iter_mut().find(|it| it.name == summary.name) {
            Some(old) => *old = summary,
            None => list.push(summary),
        }
    }
}

/// Whether our finalizer is on an environment.
pub fn claimed(environment: &StagingEnvironment) -> bool {
    environment.finalizers().iter().any(|it| it == names::TEARDOWN_FINALIZER)
}
