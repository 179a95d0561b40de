//! What every pass may look at.

use std::collections::{BTreeMap, BTreeSet};

use kube_core::Selector;

use super::{
    PlanError, capture::Capture, hosts::Decisions, isolate, kinds, kinds::Action, object::Key,
    object::Object, pattern, pattern::Pattern, request::Request, scale, selectors,
};
use crate::api::{
    class::KindAction,
    environment::{ImagePolicy, ScaleOverride, ScaleProfile, StagingEnvironmentSpec},
    task::Task,
};

/// Clones of a plan where the class does not say.
const MAX_OBJECTS: usize = 2000;

/// What every pass may look at: the request, and the source as it was before any pass.
#[derive(Debug)]
pub(super) struct Context<'a> {
    /// What the plan is made for.
    pub(super) request: &'a Request,
    /// The source.
    pub(super) capture: &'a Capture,
    /// The source's objects by key, as captured.
    pub(super) by_key: BTreeMap<Key, &'a Object>,
    /// Names of the source's Services: they decide which `name.namespace` is a host.
    pub(super) services: BTreeSet<&'a str>,
    /// The source's claims by name.
    pub(super) claims: BTreeMap<&'a str, &'a Object>,
    /// Names of all the source's objects.
    pub(super) names: BTreeSet<&'a str>,
    /// Keys of the labels that the source's selectors use.
    pub(super) selected: BTreeSet<&'a str>,
    /// Whether the source's Pods say that they run in different environments.
    pub(super) divided: bool,
    /// `spec.source.selector`.
    pub(super) selector: Option<Selector>,
    /// `spec.source.include`.
    pub(super) include: Vec<Pattern>,
    /// `spec.source.exclude`.
    pub(super) exclude: Vec<Pattern>,
    /// `spec.stores`: included, excluded.
    pub(super) stores: (Vec<Pattern>, Vec<Pattern>),
    /// `spec.hosts`.
    pub(super) decisions: Decisions<'a>,
    /// What of the capture is the overlay's.
    pub(super) overlaid: BTreeSet<Key>,
    /// Names of the source's Jobs that tasks run.
    pub(super) task_jobs: BTreeSet<&'a str>,
    /// Names of the source's CronJobs whose Jobs tasks run.
    pub(super) task_cron_jobs: BTreeSet<&'a str>,
    /// What autoscalers of the source scale.
    pub(super) autoscaled: BTreeSet<Key>,
    /// `spec.scale.overrides`.
    overrides: Vec<(Pattern, &'a ScaleOverride)>,
}

impl<'a> Context<'a> {
    /// Looks through the request and the capture once for all passes.
    pub(super) fn new(request: &'a Request, capture: &'a Capture) -> Result<Self, PlanError> {
        let spec = &request.spec;
        scale::check(request)?;
        let overrides = spec
            .scale
            .overrides
            .iter()
            .enumerate()
            .map(|(at, it)| {
                let field = format!("spec.scale.overrides[{at}].target");
                Ok((pattern::one(&field, &it.target)?, it))
            })
            .collect::<Result<_, PlanError>>()?;
        let selector =
            spec.source.selector.clone().map(Selector::try_from).transpose().map_err(|error| {
                PlanError::InvalidSpec {
                    field: "spec.source.selector".to_owned(),
                    why: error.to_string(),
                }
            })?;
        let of_shape =
            |shape| capture.objects.iter().filter(move |object| kinds::shape(object) == shape);
        Ok(Self {
            request,
            capture,
            by_key: capture.objects.iter().map(|object| (object.key(), object)).collect(),
            services: of_shape(kinds::Shape::Service).map(Object::name).collect(),
            claims: of_shape(kinds::Shape::Claim).map(|it| (it.name(), it)).collect(),
            names: capture.objects.iter().map(Object::name).collect(),
            selected: selectors::keys(&capture.objects),
            divided: isolate::telemetry::is_divided(&capture.objects),
            selector,
            include: pattern::compile("spec.source.include", &spec.source.include)?,
            exclude: pattern::compile("spec.source.exclude", &spec.source.exclude)?,
            stores: (
                pattern::compile("spec.stores.include", &spec.stores.include)?,
                pattern::compile("spec.stores.exclude", &spec.stores.exclude)?,
            ),
            decisions: Decisions::of(spec)?,
            overlaid: BTreeSet::new(),
            task_jobs: tasks(spec).filter_map(|it| it.from_job.as_deref()).collect(),
            task_cron_jobs: tasks(spec).filter_map(|it| it.from_cron_job.as_deref()).collect(),
            autoscaled: capture.objects.iter().filter_map(scale::autoscaled).collect(),
            overrides,
        })
    }

    /// Whether the environment names an object by itself: it comes whatever is selected.
    pub(super) fn asks_for(&self, object: &Object) -> bool {
        let names = match kinds::shape(object) {
            kinds::Shape::Once => &self.task_jobs,
            kinds::Shape::Schedule => &self.task_cron_jobs,
            _ => return self.overlaid.contains(&object.key()),
        };
        names.contains(object.name()) || self.overlaid.contains(&object.key())
    }

    /// Whether images are pinned to what production's Pods run. Manifests have none.
    pub(super) fn pins_images(&self) -> bool {
        let source = &self.request.spec.source;
        source.images == ImagePolicy::Pinned && source.manifests.is_none()
    }

    /// The environment itself, as findings name it.
    pub(super) fn environment(&self) -> Key {
        self.request.environment.key()
    }

    /// The source's name.
    pub(super) fn source(&self) -> &'a str {
        self.capture.namespace.as_str()
    }

    /// The target's name.
    pub(super) fn target(&self) -> &'a str {
        self.request.target.as_str()
    }

    /// Whether a kind comes along, as the class has it; `None` if nothing is known of it.
    pub(super) fn action(&self, group: &str, kind: &str) -> Option<Action> {
        let known = kinds::named(group, kind).map(|it| match it.action {
            Action::WithFull(..) if self.full() => Action::Clone,
            Action::WithFull(word, why) => Action::Leave(word, why),
            other => other,
        });
        let said = self.request.class.kinds.iter();
        let said = said
            .filter(|it| it.group == group && [kind, "*"].contains(&it.kind.as_str()))
            .map(|it| it.action)
            .next();
        match (known, said) {
            (Some(Action::Never(word, why)), _) => Some(Action::Never(word, why)),
            (_, Some(KindAction::Clone)) => Some(Action::Clone),
            (_, Some(KindAction::Leave)) => {
                Some(Action::Leave("class", "the StagingClass leaves objects of this kind behind"))
            }
            (known, None) => known,
        }
    }

    /// The first override that names `key`.
    pub(super) fn scaled(&self, key: &Key) -> Option<&'a ScaleOverride> {
        self.overrides.iter().find(|(pattern, _)| pattern.matches(key)).map(|(_, it)| *it)
    }

    /// Whether the clone is as large as production.
    pub(super) fn full(&self) -> bool {
        self.request.spec.scale.profile == ScaleProfile::Full
    }

    /// Whether Pods may ask for an extended resource.
    pub(super) fn may_ask_for(&self, resource: &str) -> bool {
        self.request.class.placement.extended_resources.iter().any(|it| it == resource)
    }

    /// The most clones a plan may have.
    pub(super) fn max_objects(&self) -> usize {
        self.request.class.limits.max_objects.map_or(MAX_OBJECTS, |most| most as usize)
    }
}

fn tasks(spec: &StagingEnvironmentSpec) -> impl Iterator<Item = &Task> {
    spec.seed.iter().map(|it| &it.task).chain(&spec.smoke).chain(&spec.pre_delete)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::plan::fixture::{self, object};

    fn with<T>(spec: Value, class: Value, ask: impl FnOnce(&mut Context) -> T) -> T {
        let (request, capture) = (fixture::request(spec, class), fixture::capture());
        ask(&mut Context::new(&request, &capture).unwrap())
    }

    #[test]
    fn the_class_says_which_kinds_come_along_but_for_those_that_never_do() {
        let class = json!({"kinds": [
            {"group": "example.com", "kind": "Widget", "action": "Clone"},
            {"group": "example.com", "kind": "*", "action": "Leave"},
            {"group": "", "kind": "ConfigMap", "action": "Leave"},
            {"group": "", "kind": "Pod", "action": "Clone"},
            {"group": "autoscaling", "kind": "*", "action": "Clone"},
        ]});
        let action = |spec: &Value, class: &Value, group: &str, kind: &str| {
            with(spec.clone(), class.clone(), |context| match context.action(group, kind) {
                Some(Action::Clone) => "clone",
                Some(Action::Leave(word, _)) => word,
                Some(Action::Never(..)) => "never",
                Some(Action::WithFull(..)) => "undecided",
                None => "unknown",
            })
        };
        let (minimal, full) = (json!({}), json!({"scale": {"profile": "Full"}}));
        for (group, kind, alone, with_class) in [
            ("example.com", "Widget", "unknown", "clone"),
            ("example.com", "Gadget", "unknown", "class"),
            ("example.org", "Widget", "unknown", "unknown"),
            ("", "ConfigMap", "clone", "class"),
            ("", "Secret", "clone", "clone"),
            ("", "Pod", "never", "never"),
            ("autoscaling", "HorizontalPodAutoscaler", "autoscaler", "clone"),
            ("policy", "PodDisruptionBudget", "disruption-budget", "disruption-budget"),
        ] {
            assert_eq!(action(&minimal, &json!({}), group, kind), alone, "{kind}");
            assert_eq!(action(&minimal, &class, group, kind), with_class, "{kind}");
        }
        for kind in [("autoscaling", "HorizontalPodAutoscaler"), ("policy", "PodDisruptionBudget")]
        {
            assert_eq!(action(&full, &json!({}), kind.0, kind.1), "clone");
        }
    }

    #[test]
    fn what_a_task_runs_and_what_is_laid_over_is_asked_for_by_itself() {
        let spec = json!({
            "seed": [{"name": "a", "fromJob": "migrate"}],
            "smoke": [{"name": "b", "fromCronJob": "check"}],
            "preDelete": [{"name": "c", "fromJob": "clean"}],
        });
        let overlaid = [("apps/v1", "Deployment"), ("batch/v1", "Job"), ("batch/v1", "CronJob")];
        with(spec, json!({}), |context| {
            for (version, kind) in overlaid {
                context.overlaid.insert(object(version, kind, "mock", json!({})).key());
            }
            for (version, kind, name, expected) in [
                ("batch/v1", "Job", "migrate", true),
                ("batch/v1", "Job", "clean", true),
                ("batch/v1", "Job", "check", false),
                ("batch/v1", "Job", "mock", true),
                ("batch/v1", "CronJob", "check", true),
                ("batch/v1", "CronJob", "migrate", false),
                ("batch/v1", "CronJob", "mock", true),
                ("apps/v1", "Deployment", "migrate", false),
                ("apps/v1", "Deployment", "mock", true),
            ] {
                let it = object(version, kind, name, json!({}));
                assert_eq!(context.asks_for(&it), expected, "{kind}/{name}");
            }
        });
    }

    #[test]
    fn images_are_pinned_where_pods_of_production_run() {
        for (source, expected) in [
            (json!({"namespace": "shop"}), true),
            (json!({"namespace": "shop", "images": "AsWritten"}), false),
            (json!({"namespace": "shop", "manifests": {"configMapRef": [{"name": "a"}]}}), false),
        ] {
            let spec = json!({"source": source});
            assert_eq!(with(spec, json!({}), |it| it.pins_images()), expected, "{source}");
        }
    }

    #[test]
    fn a_class_that_says_nothing_gives_the_built_in_values() {
        let class = json!({
            "limits": {"maxObjects": 5}, "placement": {"extendedResources": ["example.com/gpu"]}
        });
        let given = |class: Value| {
            with(json!({}), class, |it| {
                let may = ["example.com/gpu", "example.com/tpu"].map(|name| it.may_ask_for(name));
                (it.max_objects(), may)
            })
        };
        assert_eq!(given(json!({})), (2000, [false, false]));
        assert_eq!(given(class), (5, [true, false]));
    }

    #[test]
    fn the_first_override_that_names_a_workload_counts() {
        let over =
            |name: &str, replicas: u32| json!({"target": {"name": name}, "replicas": replicas});
        let spec =
            json!({"scale": {"overrides": [over("web-*", 1), over("web-a", 2), over("db", 3)]}});
        with(spec, json!({}), |context| {
            let of = |name: &str| {
                let key = object("apps/v1", "Deployment", name, json!({})).key();
                context.scaled(&key).and_then(|it| it.replicas)
            };
            assert_eq!((of("web-a"), of("db"), of("api")), (Some(1), Some(3), None));
        });
    }
}
