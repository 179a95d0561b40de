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
