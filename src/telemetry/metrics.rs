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

type Label = [(&'static str, &'static str); 1];

/// Every metric of the operator.
pub struct Metrics {
    registry: Mutex<Registry>,
    passes: Family<Label, Counter>,
    seconds: Histogram,
    steps: Family<Label, Counter>,
    applied: Family<Label, Counter>,
    environments: Gauge,
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
        Arc::new(Self {
            registry: Mutex::new(registry),
            passes,
            seconds,
            steps,
            applied,
            environments,
        })
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
