//! Manifests → plan. Pure: the same request and capture give the same plan, byte for byte.
//!
//! A plan is made by passes, one per file. A pass takes the objects and gives them back, noting
//! every change in the [`Log`]; what it drops it notes as left behind. `passes` is the list of
//! them, in order: reading it aloud is reading what Kulisse does to a manifest.
//!
//! Knowledge about kinds (which fields hold Pod templates, replicas, hosts, names of other
//! objects) is data in [`kinds`], not a question asked in passes.
//!
//! Deliberately absent: the client, the clock, and Secret values. A capture holds sealed Secrets
//! ([`crate::secrets`]), a plan holds recipes.

pub mod access;
pub mod artifact;
mod audit;
pub mod capture;
mod context;
mod customize;
pub mod digest;
pub mod drift;
mod env;
mod fence;
mod fit;
#[cfg(test)]
mod fixture;
mod hosts;
pub mod internet;
mod isolate;
pub mod kinds;
mod label;
pub mod log;
pub mod manifests;
pub mod object;
mod order;
mod ours;
mod overlay;
mod own_pod;
mod patch;
mod pattern;
pub mod pause;
mod places;
mod preflight;
pub mod probe;
mod production;
mod pull;
mod quantity;
mod relocate;
pub mod report;
pub mod request;
mod rollout;
mod route;
mod scale;
mod secret;
mod select;
mod selectors;
mod settle;
pub mod size;
pub mod storage;
mod strip;
pub mod task;
mod texts;
mod unused;

pub use self::{label::MARKS, route::is_exposure};

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::{
    capture::{Address, Capture},
    context::Context,
    kinds::Shape,
    log::Log,
    object::{Key, Object},
    request::Request,
    task::PlannedTask,
};
use crate::{
    api::{
        boundary::BoundaryMode,
        identity::NamespaceName,
        staging_plan::{Change, Finding, LeftBehind, Severity, StagingPlanSpec},
        status::Wave,
    },
    secrets::{Origin, PlannedSecret, PlannedValue},
};

/// What will be in the target, and how that differs from the source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Hash of all that will be applied.
    pub digest: String,
    /// The namespace that is cloned.
    pub source: NamespaceName,
    /// The artefact that stands for it, with the digest that it had when it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
    /// The namespace that it is cloned into.
    pub target: NamespaceName,
    /// The target itself: labels and annotations; its proof is added when it is made.
    pub namespace: Object,
    /// Fence and clones, in the order in which they are applied.
    pub clones: Vec<PlannedClone>,
    /// What the cloned Secrets will hold, by name.
    pub secrets: BTreeMap<String, PlannedSecret>,
    /// What cloned ConfigMaps will hold in place of production's certificates, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, PlannedSecret>,
    /// Seeds and smokes, in the order of the spec.
    pub tasks: Vec<PlannedTask>,
    /// Preview URLs.
    pub urls: Vec<String>,
    /// Ways to production. The probe must find them closed, as many as it tries.
    pub ways: Vec<Address>,
    /// Changed fields.
    pub changes: Vec<Change>,
    /// What stays behind.
    pub left_behind: Vec<LeftBehind>,
    /// What a person should look at.
    pub findings: Vec<Finding>,
}

/// An object that will be in the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedClone {
    /// When it is applied.
    pub wave: Wave,
    /// The object. Secrets have no `data`: their recipe stands in [`Plan::secrets`].
    pub object: Object,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// More clones than the class allows.
    #[error(
        "{objects} objects would be cloned, the class allows {allowed}: narrow spec.source with selector, include or exclude, or raise limits.maxObjects of the class"
    )]
    TooLarge {
        /// Clones, the fence included.
        objects: usize,
        /// What the class allows.
        allowed: usize,
    },
    /// A patch of the spec matches nothing, or cannot be applied.
    #[error("{field}: {why}")]
    PatchFailed {
        /// Which patch: `spec.patches[0]`.
        field: String,
        /// Why, and on which object.
        why: String,
    },
    /// A manifest that was handed in is none, or may not be in an environment.
    #[error("{from}: {why}")]
    InvalidManifest {
        /// Where it stands.
        from: String,
        /// What is wrong with it.
        why: String,
    },
    /// The clone needs more than the quota or the limit range of the class allows.
    #[error(
        "the clone does not fit {what} of the class: {}; lower it with spec.scale, leave something behind with spec.source.exclude, or raise {what} of the class",
        .needs.join("; ")
    )]
    BeyondClass {
        /// Which field of the class.
        what: &'static str,
        /// What is needed and what is allowed.
        needs: Vec<String>,
    },
    /// The class holds something that cannot be worked with.
    #[error("{field} of the class: {why}")]
    InvalidClass {
        /// Which field.
        field: String,
        /// What is wrong.
        why: String,
    },
    /// The spec holds something that cannot be worked with.
    #[error("{field}: {why}")]
    InvalidSpec {
        /// Which field.
        field: String,
        /// What is allowed.
        why: String,
    },
}

/// A step of planning: takes the objects and gives them back, changed and noted.
type Pass = fn(Vec<Object>, &Context, &mut Log) -> Vec<Object>;

/// What happens to the objects of a source, in order.
fn passes() -> [(&'static str, Pass); 11] {
    [
        // What comes along, and why not the rest.
        ("select", select::select),
        // What the API server or another controller owns.
        ("strip", strip::strip),
        // The new namespace, and every reference to the old one.
        ("relocate", relocate::relocate),
        // Other hosts instead of those that the user replaces.
        ("hosts", hosts::replace),
        // The ways back to production are cut.
        ("isolate", isolate::isolate),
        // Preview hosts instead of production's.
        ("route", route::route),
        // Replicas, resources, claims; what would scale them back stays behind.
        ("scale", scale::scale),
        // Secrets become recipes.
        ("secret", secret::secret),
        // The user's images: pinned, or replaced.
        ("customize", customize::customize),
        // Rollouts become the Deployments that they stand for.
        ("rollout", rollout::rollout),
        // Ours, and whose.
        ("label", label::label),
    ]
}

/// Plans the clone of `capture` that `request` asks for.
///
/// # Errors
///
/// If there are more objects than the class allows, or the spec holds what cannot be worked with
/// although the API server took it. Whatever the source holds is never an error: what cannot be
/// cloned stays behind with its reason.
pub fn plan(request: &Request, capture: &Capture) -> Result<Plan, PlanError> {
    let laid = overlay::lay(request, capture)?;
    let mut context = Context::new(request, &laid.capture)?;
    context.overlaid = laid.keys;
    let mut log = Log::default();
    overlay::report(capture, &context, &mut log);
    unused::patterns(&context, &mut log);

    let mut clones: Vec<Object> = context.capture.objects.par_iter().cloned().collect();
    for (_, pass) in passes() {
        clones = pass(clones, &context, &mut log);
    }
    let mut room = size::Room::default();
    clones = env::env(clones, &context, &mut room, &mut log)?;
    clones = patch::patch(clones, &context, &mut room, &mut log)?;
    clones.extend(route::exposed(&clones, &context)?);
    let urls = route::urls(&clones, &context);
    let settings = secret::settings(&mut clones, &context, &mut log);
    let mut secrets = secret::recipes(&clones, &urls, &context, &mut log);
    hosts::in_secrets(&mut secrets, &context, &mut log);
    context.decisions.check_services(&clones)?;
    let (jobs, mut clones) = task::own_jobs(clones, &context);
    let mut tasks = task::tasks(&clones, &jobs, &context, &mut log)?;
    fit::fit(&mut clones, &mut tasks, &context, &mut log)?;
    let mut objects = fence::fence(&clones, &tasks, &context, &mut log)?;
    objects.extend(access::bindings(&context, &mut log)?);
    let certificate = route::certificate(&clones, &context);
    for (object, recipe) in pull::secrets(&context).into_iter().chain(certificate) {
        secrets.insert(object.name().to_owned(), recipe);
        objects.push(object);
    }
    let clones = ours::keep_names_free(clones, &objects, &mut log);
    objects.extend(clones);
    audit::audit(&objects, &secrets, &tasks, &context, &mut log);
    preflight::preflight(&objects, &secrets, &tasks, &context, &mut log);
    warn_only(&context, &mut log)?;

    fit::check(&objects, &tasks, &context)?;
    let allowed = context.max_objects();
    if objects.len() > allowed {
        return Err(PlanError::TooLarge { objects: objects.len(), allowed });
    }
    log.sort();
    let clones = order::order(objects, &context);
    let namespace = label::target(&context);
    Ok(Plan {
        digest: digest::plan(&namespace, &clones, (&secrets, &settings), &tasks),
        source: capture.namespace.clone(),
        artifact: capture.artifact.clone(),
        target: request.target.clone(),
        namespace,
        clones,
        secrets,
        settings,
        tasks,
        urls,
        ways: capture.addresses.clone(),
        changes: log.changes,
        left_behind: log.left_behind,
        findings: log.findings,
    })
}

/// What a finding about the source itself is called.
const RESIDUAL: &str = "residual-reference";

/// Where the boundary only warns, what leads back does not block.
fn warn_only(context: &Context, log: &mut Log) -> Result<(), PlanError> {
    if context.request.spec.boundary.mode == BoundaryMode::Enforce {
        return Ok(());
    }
    if !context.request.class.boundary.allow_warn {
        return Err(PlanError::InvalidSpec {
            field: "spec.boundary.mode".to_owned(),
            why: "Warn needs a class with boundary.allowWarn: use Enforce".to_owned(),
        });
    }
    for finding in log.findings.iter_mut().filter(|it| it.kind == RESIDUAL) {
        finding.severity = Severity::Warns;
    }
    Ok(())
}

impl Plan {
    /// The findings on what leads back to the source although the plan may be applied.
    pub fn warned(&self) -> impl Iterator<Item = &Finding> {
        let warns = |it: &&Finding| it.kind == RESIDUAL && it.severity == Severity::Warns;
        self.findings.iter().filter(warns)
    }

    /// The findings that keep the plan from being applied.
    pub fn blocking(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Blocks)
    }

    /// Names of the Secrets that hold credentials of production's own, by consent. Pull secrets do
    /// not count: no Pod reads them.
    pub fn copied(&self) -> Vec<String> {
        let copied = |kind: &str, (key, value): (&String, &PlannedValue)| match value {
            PlannedValue::From(place) => {
                place.origin == Origin::Source && !secret::pulls(kind, key)
            }
            PlannedValue::Parts(_) | PlannedValue::Keys(_) | PlannedValue::Template(_) => false,
        };
        let objects = self.clones.iter().map(|it| &it.object);
        objects
            .filter(|it| kinds::shape(it) == Shape::Secret)
            .filter_map(|it| Some((it.text("/type"), self.secrets.get_key_value(it.name())?)))
            .filter(|(kind, (_, secret))| secret.keys.iter().any(|it| copied(kind, it)))
            .map(|(_, (name, _))| name.clone())
            .collect()
    }

    /// The report of it, whole. What fits into one object is [`report::fitting`].
    pub fn report(&self, generation: i64) -> StagingPlanSpec {
        StagingPlanSpec {
            digest: self.digest.clone(),
            generation,
            source: self.source.as_str().to_owned(),
            artifact: self.artifact.clone(),
            target: self.target.as_str().to_owned(),
            clones: self.clones.iter().map(|clone| clone.object.key().to_string()).collect(),
            changes: self.changes.clone(),
            left_behind: self.left_behind.clone(),
            findings: self.findings.clone(),
            drift: Vec::new(),
            edited: Vec::new(),
            evidence: Vec::new(),
            truncated: None,
        }
    }

    /// The findings on volumes that stay when the target goes.
    pub fn retained(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|it| it.kind == preflight::RETAINED)
    }

    /// Keys of the workloads (what has replicas or runs on every node) and whether each is a store.
    pub fn workloads(&self) -> Vec<(Key, bool)> {
        self.clones
            .iter()
            .filter(|clone| kinds::profile(&clone.object).is_some_and(|kind| kind.workload))
            .map(|clone| (clone.object.key(), clone.wave == Wave::Stores))
            .collect()
    }
}

#[cfg(test)]
mod tests;
