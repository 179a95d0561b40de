//! Every metric of the operator. Names of environments are never labels: they come and go.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kulisse_core::lifecycle::step::Step;
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::controller::drifts::Sum;

type Label = [(&'static str, &'static str); 1];

/// Every metric of the operator.
pub struct Metrics {
    registry: Mutex<Registry>,
    passes: Family<Label, Counter>,
    seconds: Histogram,
    steps: Family<Label, Counter>,
    applied: Family<Label, Counter>,
    environments: Gauge,
    looks: Family<Label, Counter>,
    drifted: Family<Label, Gauge>,
    differing: Family<[(&'static str, &'static str); 2], Gauge>,
    gaps: Histogram,
    leads: Gauge,
}

impl Metrics {
    /// All metrics at zero.
    pub fn new() -> Arc<Self> {
        let mut registry = Registry::with_prefix("kulisse");
        let passes = Family::<Label, Counter>::default();
        registry.register("passes", "Passes over environments, by result", passes.clone());
        let seconds = Histogram::new([0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0]);
        registry.register("pass_duration_seconds", "Duration of passes", seconds.clone());
        let steps = Family::<Label, Counter>::default();
        registry.register("steps", "Steps taken, by step", steps.clone());
        let applied = Family::<Label, Counter>::default();
        registry.register(
            "objects_applied",
            "Objects written in targets, by action",
            applied.clone(),
        );
        let environments = Gauge::default();
        registry.register("environments", "Environments known", environments.clone());
        let looks = Family::<Label, Counter>::default();
        registry.register("source_looks", "Looks at sources, by result", looks.clone());
        let drifted = Family::default();
        registry.register(
            "environments_drifted",
            "Environments of which production has moved on (source) or that were changed (target)",
            Family::clone(&drifted),
        );
        let differing = Family::default();
        registry.register(
            "drifted_objects",
            "Objects that a new plan would change (source) or that are not as planned (target), by \
             what became of them",
            Family::clone(&differing),
        );
        let gaps = Histogram::new([0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0]);
        registry.register(
            "rebuild_gap_seconds",
            "From the deletion of the first route of a namespace until those of the one that takes its place were accepted",
            gaps.clone(),
        );
        let leads = Gauge::default();
        registry.register("leader", "Whether it works, or stands by", leads.clone());
        Arc::new(Self {
            registry: Mutex::new(registry),
            passes,
            seconds,
            steps,
            applied,
            environments,
            looks,
            drifted,
            differing,
            gaps,
            leads,
        })
    }

    /// It works from now on.
    pub fn leads(&self) {
        self.leads.set(1);
    }

    /// A pass is over.
    pub fn pass(&self, took: Duration, fine: bool) {
        let result = if fine { "success" } else { "error" };
        self.passes.get_or_create(&[("result", result)]).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// A step is taken.
    pub fn step(&self, step: &Step) {
        self.steps.get_or_create(&[("step", step.name())]).inc();
    }

    /// An object was written: `created`, `changed` or `deleted`.
    pub fn applied(&self, action: &'static str) {
        self.applied.get_or_create(&[("action", action)]).inc();
    }

    /// So many environments are known.
    pub fn environments(&self, count: usize) {
        self.environments.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A source was looked at: `unchanged`, `changed` or `error`.
    pub fn looked(&self, result: &'static str) {
        self.looks.get_or_create(&[("result", result)]).inc();
    }

    /// So much differs over all environments.
    pub fn drifted(&self, sum: &Sum) {
        let sides = [("source", sum.behind, &sum.source), ("target", sum.changed, &sum.target)];
        for (side, environments, objects) in sides {
            let environments = i64::try_from(environments).unwrap_or(i64::MAX);
            self.drifted.get_or_create(&[("side", side)]).set(environments);
            let all =
                [("came", objects.came), ("went", objects.went), ("changed", objects.changed)];
            for (what, count) in all {
                self.differing
                    .get_or_create(&[("side", side), ("what", what)])
                    .set(i64::from(count));
            }
        }
    }

    /// A namespace has taken the place of another.
    pub fn rebuilt(&self, gap: Duration) {
        self.gaps.observe(gap.as_secs_f64());
    }

    /// All metrics in Prometheus' text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        if encode(&mut text, &registry).is_err() {
            let _ = writeln!(text, "# the metrics could not be written");
        }
        text
    }
}
