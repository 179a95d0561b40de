//! What the environment decides about hosts.

use std::collections::BTreeSet;

use globset::GlobMatcher;

use crate::{
    api::{
        boundary::{HostAction, HostDecision},
        environment::StagingEnvironmentSpec,
    },
    plan::{PlanError, context::Context, log::Log, object::Object, ours, pattern, unused},
};

/// The entries of `spec.hosts`, in their order.
#[derive(Debug)]
pub(in crate::plan) struct Decisions<'a>(Vec<(GlobMatcher, &'a HostDecision)>);

impl<'a> Decisions<'a> {
    /// Reads `spec.hosts`.
    pub(in crate::plan) fn of(spec: &'a StagingEnvironmentSpec) -> Result<Self, PlanError> {
        let read = |(at, it): (usize, &'a HostDecision)| {
            let field = format!("spec.hosts[{at}]");
            let replaced = it.with.is_some() != it.with_service.is_some();
            if (it.action == HostAction::Replace) != replaced {
                let why = "action Replace needs with or withService, and no other action has one";
                return Err(PlanError::InvalidSpec { field, why: why.to_owned() });
            }
            Ok((pattern::glob(&format!("{field}.host"), &it.host.to_ascii_lowercase())?, it))
        };
        spec.hosts.iter().enumerate().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// What is decided about a host, in lower case; it is noted that something is.
    pub(in crate::plan) fn on(&self, host: &str, log: &mut Log) -> Option<&'a HostDecision> {
        let (at, (_, decision)) =
            self.0.iter().enumerate().find(|(_, (glob, _))| glob.is_match(host))?;
        log.met.insert(at);
        Some(decision)
    }

    /// Whether an entry names this very host.
    pub(in crate::plan) fn name(&self, host: &str) -> bool {
        self.0.iter().any(|(_, it)| it.host.contains('.') && it.host.eq_ignore_ascii_case(host))
    }

    /// Says which entries nothing came under, after all texts were looked through. `there` are hosts
    /// that nothing is decided about.
    pub(in crate::plan) fn unused(&self, context: &Context, there: &BTreeSet<&str>, log: &mut Log) {
        for (at, (glob, it)) in self.0.iter().enumerate() {
            if log.met.contains(&at) {
                continue;
            }
            let path = format!("/spec/hosts/{at}");
            if there.iter().any(|host| glob.is_match(host.to_ascii_lowercase())) {
                unused::shadowed(context, &path, &it.host, log);
            } else {
                unused::report(context, &path, &it.host, "host", there.iter().copied(), log);
            }
        }
    }

    /// Hosts that are allowed, as the spec has them.
    pub(in crate::plan) fn allowed(&self) -> Vec<&'a str> {
        let allowed = self.0.iter().filter(|(_, it)| it.action == HostAction::Allow);
        allowed.map(|(_, it)| it.host.as_str()).collect()
    }

    /// Refuses a Service that will not be in the target.
    pub(in crate::plan) fn check_services(&self, clones: &[Object]) -> Result<(), PlanError> {
        let mut known: Vec<&str> =
            clones.iter().filter(|it| ours::is(it, "", "Service")).map(Object::name).collect();
        known.sort_unstable();
        for (at, (_, it)) in self.0.iter().enumerate() {
            let Some(service) = &it.with_service else { continue };
            if !known.contains(&service.name.as_str()) {
                let there = if known.is_empty() {
                    "there are none".to_owned()
                } else {
                    format!("there are {}", known.join(", "))
                };
                return Err(PlanError::InvalidSpec {
                    field: format!("spec.hosts[{at}].withService.name"),
                    why: format!("no Service {:?} will be in the target; {there}", service.name),
                });
            }
        }
        Ok(())
    }
}
