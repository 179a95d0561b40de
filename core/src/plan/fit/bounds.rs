//! What the class's limit range and quota ask of one container and of one Pod, as Kubernetes'
//! admission works it out.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{
    api::core::v1::LimitRangeItem, apimachinery::pkg::api::resource::Quantity as Written,
};
use serde_json::Value;

use super::PARTS;
use crate::{
    api::class::StagingClassSpec,
    plan::{PlanError, kinds, object::Object, quantity::Quantity},
};

pub(super) type Amounts = BTreeMap<String, Quantity>;

/// What is said for a container that says nothing, where the quota has to be told: request, limit.
const UNSAID: [(&str, Quantity, Quantity); 2] = [
    ("cpu", Quantity::milli(10), Quantity::milli(1000)),
    ("memory", Quantity::mebi(64), Quantity::mebi(1024)),
];

/// Requests or limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Requests,
    Limits,
}

impl Part {
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Limits => "limits",
        }
    }
}

/// What a container, or a Pod, asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Asked {
    pub(super) requests: Amounts,
    pub(super) limits: Amounts,
}

impl Asked {
    pub(super) fn part(&self, part: Part) -> &Amounts {
        match part {
            Part::Requests => &self.requests,
            Part::Limits => &self.limits,
        }
    }

    fn part_mut(&mut self, part: Part) -> &mut Amounts {
        match part {
            Part::Requests => &mut self.requests,
            Part::Limits => &mut self.limits,
        }
    }

    /// Every amount.
    pub(super) fn all(&self) -> impl Iterator<Item = (Part, String, Quantity)> + use<> {
        let of = |part| {
            let amounts = self.part(part).clone();
            amounts.into_iter().map(move |(name, amount)| (part, name, amount))
        };
        PARTS.map(of).into_iter().flatten()
    }

    /// Amount by amount, by `how`.
    fn join(&mut self, other: &Self, how: fn(Quantity, Quantity) -> Quantity) {
        for (part, name, amount) in other.all() {
            let here = self.part_mut(part).entry(name).or_default();
            *here = how(*here, amount);
        }
    }

    /// What so many of them ask for.
    pub(super) fn times(mut self, count: i64) -> Self {
        for part in PARTS {
            self.part_mut(part).values_mut().for_each(|amount| *amount = amount.times(count));
        }
        self
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.join(other, Quantity::plus);
    }

    pub(super) fn raise(&mut self, other: &Self) {
        self.join(other, Quantity::max);
    }
}

/// A container's `resources`, read.
pub(super) fn asked(resources: &Value) -> Asked {
    let part = |part: Part| {
        let map = resources.get(part.field()).and_then(Value::as_object).into_iter().flatten();
        map.filter_map(|(name, amount)| Some((name.clone(), Quantity::of(amount)?))).collect()
    };
    Asked { requests: part(Part::Requests), limits: part(Part::Limits) }
}

/// A container as it has to be.
#[derive(Debug, Default)]
pub(super) struct Fitted {
    /// What has to be written.
    pub(super) writes: Vec<(Part, String, Quantity)>,
    /// What cannot be: more than is allowed.
    pub(super) outside: Vec<String>,
    /// What it asks for in the end, defaults of the limit range included.
    pub(super) asked: Asked,
}

/// What the class asks of containers and Pods.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    container: Range,
    pod: Range,
    /// What quotas count: requests, limits.
    counted: [BTreeSet<&'static str>; 2],
}

/// The items of a limit range for one type, together.
#[derive(Debug, Default)]
struct Range {
    min: Amounts,
    max: Amounts,
    default: Amounts,
    default_request: Amounts,
    ratio: Amounts,
}

impl Bounds {
    pub(super) fn new(class: &StagingClassSpec) -> Result<Self, PlanError> {
        let mut bounds = Self::default();
        let items = class.limit_range.iter().flat_map(|it| &it.limits).enumerate();
        for (at, item) in items {
            let field = format!("limitRange.limits[{at}]");
            match item.type_.as_str() {
                "Container" => bounds.container.take(item, &field)?,
                "Pod" => bounds.pod.take(item, &field)?,
                _ => {
                    Range::default().take(item, &field)?;
                }
            }
        }
        bounds.container.fill();
        for (name, amount) in class.quota.iter().flat_map(|it| &it.hard) {
            read(&format!("quota.hard[{name}]"), amount)?;
            for (resource, ..) in UNSAID {
                if *name == format!("limits.{resource}") {
                    bounds.counted[1].insert(resource);
                } else if name == resource || *name == format!("requests.{resource}") {
                    bounds.counted[0].insert(resource);
                }
            }
        }
        Ok(bounds)
    }

    /// Lowers what is above what is allowed.
    pub(super) fn shrink(&self, asked: &mut Asked) {
        for part in PARTS {
            for (name, amount) in asked.part_mut(part) {
                *amount = self.container.max.get(name).map_or(*amount, |most| (*amount).min(*most));
            }
        }
    }

    /// What becomes of a container at admission, and what has to be written for it to be admitted.
    pub(super) fn fit(&self, had: &Asked) -> Fitted {
        let range = &self.container;
        let maps = [&range.min, &range.max, &range.default, &range.default_request, &range.ratio];
        let mut names: BTreeSet<&str> =
            maps.iter().flat_map(|it| it.keys()).map(|it| &**it).collect();
        names.extend(had.requests.keys().chain(had.limits.keys()).map(|it| &**it));
        names.extend(self.counted.iter().flatten());
        let mut fitted = Fitted::default();
        for name in names {
            self.fit_one(name, had, &mut fitted);
        }
        fitted
    }

    fn fit_one(&self, name: &str, had: &Asked, fitted: &mut Fitted) {
        let range = &self.container;
        let of = |amounts: &Amounts| amounts.get(name).copied();
        let said = (of(&had.requests), of(&had.limits));
        let counted = |at: usize| self.counted[at].contains(name) || range.ratio.contains_key(name);
        let unsaid = UNSAID.iter().find(|it| it.0 == name);

        // Left out, a request is its limit; then the limit range's defaults come in.
        let mut request = said.0.or(said.1).or(of(&range.default_request));
        let mut limit = said.1.or(of(&range.default).map(|it| it.max(request.unwrap_or(it))));
        if let Some((_, least, most)) = unsaid {
            if limit.is_none() && counted(1) {
                limit = Some((*most).max(request.unwrap_or(*most)));
            }
            if request.is_none() && (counted(0) || counted(1)) {
                request = Some((*least).min(limit.unwrap_or(*least)));
            }
        }
        if let Some(least) = of(&range.min) {
            request = request.map(|it| it.max(least));
            limit = limit.map(|it| it.max(least));
        }
        if let (Some(ratio), Some(limit)) = (of(&range.ratio), limit) {
            request = request.map(|it| it.max(limit.over(ratio)));
        }
        if let Some(most) = of(&range.max) {
            let above = |it: Option<Quantity>| it.filter(|it| *it > most);
            let found = above(limit).map(|it| (Part::Limits, it));
            if let Some((part, amount)) = found.or(above(request).map(|it| (Part::Requests, it))) {
                fitted.outside.push(exceeds(part, name, amount, most));
            }
        }

        // What the limit range does by itself is not written; a limit that is written would become
        // the request too, if that is not.
        let by_itself = said.1.or(of(&range.default));
        let writes_limit = limit.is_some() && limit != by_itself;
        if let (true, Some(amount)) = (writes_limit, limit) {
            fitted.writes.push((Part::Limits, name.to_owned(), amount));
        }
        let by_itself = said.0.or(said.1).or(of(&range.default_request));
        if let Some(amount) = request
            && (request != by_itself || (writes_limit && said.0.is_none()))
        {
            fitted.writes.push((Part::Requests, name.to_owned(), amount));
        }
        fitted.asked.requests.extend(request.map(|it| (name.to_owned(), it)));
        fitted.asked.limits.extend(limit.map(|it| (name.to_owned(), it)));
    }

    /// What a whole Pod asks for: its containers together, or an init container if that is more.
    pub(super) fn pod(&self, object: &Object, spec: &str) -> Asked {
        let (mut whole, mut before, mut most) =
            (Asked::default(), Asked::default(), Asked::default());
        for container in kinds::containers(object) {
            let resources = object.get(&format!("{container}/resources")).unwrap_or(&Value::Null);
            let it = self.fit(&asked(resources)).asked;
            let init = container.starts_with(&format!("{spec}/initContainers/"));
            let stays = object.text(&format!("{container}/restartPolicy")) == "Always";
            if init && !stays {
                let mut then = before.clone();
                then.add(&it);
                most.raise(&then);
                continue;
            }
            if init {
                before.add(&it);
            }
            whole.add(&it);
        }
        whole.raise(&most);
        let said = object.get(&format!("{spec}/resources")).map(asked).unwrap_or_default();
        for (part, name, amount) in said.all() {
            whole.part_mut(part).insert(name, amount);
        }
        whole
    }

    /// What of a Pod lies outside the limit range's bounds for Pods.
    pub(super) fn outside_for_pods(&self, whole: &Asked) -> Vec<String> {
        let mut outside = Vec::new();
        for (part, name, amount) in whole.all() {
            if let Some(most) = self.pod.max.get(&name).filter(|most| amount > **most) {
                outside.push(exceeds(part, &name, amount, *most));
            }
            if let Some(least) = self.pod.min.get(&name).filter(|least| amount < **least) {
                let (amount, least) = (amount.show(&name), least.show(&name));
                let field = part.field();
                outside.push(format!("{field}.{name} {amount}, at least {least} allowed"));
            }
        }
        // Kubernetes has defaults for containers alone.
        for (part, bounds) in [(Part::Limits, &self.pod.max), (Part::Requests, &self.pod.min)] {
            let unsaid = bounds.keys().filter(|name| !whole.part(part).contains_key(*name));
            let field = part.field();
            outside.extend(unsaid.map(|name| {
                format!(
                    "{field}.{name} is not said, and the class's limit range for Pods asks for it"
                )
            }));
        }
        outside
    }
}

impl Range {
    /// Adds an item. Several for one type hold together.
    fn take(&mut self, item: &LimitRangeItem, field: &str) -> Result<(), PlanError> {
        let amounts = |map: &Option<BTreeMap<String, Written>>, name: &str| {
            let entries = map.iter().flatten();
            let read = entries.map(|(resource, amount)| {
                Ok((resource.clone(), read(&format!("{field}.{name}[{resource}]"), amount)?))
            });
            read.collect::<Result<Amounts, PlanError>>()
        };
        let own = Self {
            min: amounts(&item.min, "min")?,
            max: amounts(&item.max, "max")?,
            default: amounts(&item.default, "default")?,
            default_request: amounts(&item.default_request, "defaultRequest")?,
            ratio: amounts(&item.max_limit_request_ratio, "maxLimitRequestRatio")?,
        };
        own.check(field)?;
        merge(&mut self.min, own.min, Quantity::max);
        merge(&mut self.max, own.max, Quantity::min);
        merge(&mut self.default, own.default, |first, _| first);
        merge(&mut self.default_request, own.default_request, |first, _| first);
        merge(&mut self.ratio, own.ratio, Quantity::min);
        Ok(())
    }

    /// Kubernetes refuses a limit range whose parts contradict each other.
    fn check(&self, field: &str) -> Result<(), PlanError> {
        let parts = [
            ("min", &self.min),
            ("defaultRequest", &self.default_request),
            ("default", &self.default),
            ("max", &self.max),
        ];
        for (at, (less, lower)) in parts.iter().enumerate() {
            for (more, upper) in &parts[at + 1..] {
                let wrong =
                    lower.iter().find(|(name, it)| upper.get(*name).is_some_and(|most| *it > most));
                if let Some((name, _)) = wrong {
                    return Err(PlanError::InvalidClass {
                        field: field.to_owned(),
                        why: format!("{less} of {name} is above its {more}"),
                    });
                }
            }
        }
        Ok(())
    }

    /// What the API server fills in where a limit range says less.
    fn fill(&mut self) {
        fill(&mut self.default, &self.max);
        fill(&mut self.default_request, &self.default);
        fill(&mut self.default_request, &self.min);
    }
}

fn fill(amounts: &mut Amounts, from: &Amounts) {
    for (name, amount) in from {
        amounts.entry(name.clone()).or_insert(*amount);
    }
}

fn merge(into: &mut Amounts, from: Amounts, how: fn(Quantity, Quantity) -> Quantity) {
    for (name, amount) in from {
        into.entry(name).and_modify(|it| *it = how(*it, amount)).or_insert(amount);
    }
}

fn exceeds(part: Part, name: &str, amount: Quantity, most: Quantity) -> String {
    format!("{}.{name} {}, {} allowed", part.field(), amount.show(name), most.show(name))
}

fn read(field: &str, amount: &Written) -> Result<Quantity, PlanError> {
    Quantity::parse(&amount.0).filter(|it| *it >= Quantity::ZERO).ok_or_else(|| {
        PlanError::InvalidClass {
            field: field.to_owned(),
            why: format!("{:?} is not an amount, such as 500m or 2Gi", amount.0),
        }
    })
}

#[cfg(test)]
mod tests;
