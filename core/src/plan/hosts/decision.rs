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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::plan::{
        fixture::{self, service},
        request::Request,
    };

    fn request(hosts: &Value) -> Request {
        fixture::request(json!({ "hosts": hosts }), json!({}))
    }

    #[test]
    fn a_replaced_host_needs_one_thing_in_its_place_and_no_other_has_one() {
        for (mut decision, valid) in [
            (json!({"action": "Replace", "with": "a.b"}), true),
            (json!({"action": "Replace", "withService": {"name": "a"}}), true),
            (json!({"action": "Replace"}), false),
            (json!({"action": "Replace", "with": "a.b", "withService": {"name": "a"}}), false),
            (json!({"action": "Block"}), true),
            (json!({"action": "Block", "with": "a.b"}), false),
            (json!({"action": "Allow", "withService": {"name": "a"}}), false),
        ] {
            decision["host"] = json!("api.acme.com");
            let request = request(&json!([decision]));
            assert_eq!(Decisions::of(&request.spec).is_ok(), valid, "{decision}");
        }
    }

    #[test]
    fn the_first_entry_that_matches_decides() {
        let request = request(&json!([
            {"host": "API.acme.com", "action": "Allow"},
            {"host": "*.acme.com", "action": "Block"},
            {"host": "pay", "action": "Allow"},
        ]));
        let decisions = Decisions::of(&request.spec).unwrap();
        let mut log = Log::default();
        let mut action = |host: &str| decisions.on(host, &mut log).map(|it| it.action);
        assert_eq!(action("api.acme.com"), Some(HostAction::Allow));
        assert_eq!(action("db.acme.com"), Some(HostAction::Block));
        assert_eq!(action("acme.com"), None);
        assert_eq!(log.met, BTreeSet::from([0, 1]));
        assert_eq!(decisions.allowed(), ["API.acme.com", "pay"]);
    }

    #[test]
    fn an_entry_names_a_host_by_all_of_it() {
        let request = request(&json!([
            {"host": "pay", "action": "Block"},
            {"host": "API.acme.com", "action": "Block"},
        ]));
        let decisions = Decisions::of(&request.spec).unwrap();
        for (host, expected) in
            [("api.acme.com", true), ("pay", false), ("acme.com", false), ("", false)]
        {
            assert_eq!(decisions.name(host), expected, "{host}");
        }
    }

    #[test]
    fn entries_that_nothing_came_under_are_told() {
        let request = request(&json!([
            {"host": "*.acme.com", "action": "Block"},
            {"host": "api.acme.com", "action": "Block"},
            {"host": "gone.example.org", "action": "Block"},
        ]));
        let capture = fixture::capture();
        let context = Context::new(&request, &capture).unwrap();
        let mut log = Log::default();
        context.decisions.on("api.acme.com", &mut log);
        context.decisions.unused(&context, &BTreeSet::from(["API.acme.com"]), &mut log);
        let told: Vec<(&str, &str)> =
            log.findings.iter().map(|it| (it.path.as_str(), it.why.as_str())).collect();
        assert_eq!(told.len(), 2);
        assert_eq!(told[0].0, "/spec/hosts/1");
        assert!(told[0].1.starts_with("entries before it"), "{}", told[0].1);
        assert_eq!(told[1], ("/spec/hosts/2", "no host is meant by gone.example.org"));
    }

    #[test]
    fn a_service_in_a_hosts_place_must_be_in_the_target() {
        let replaced = json!({"action": "Replace", "host": "a.b", "withService": {"name": "mock"}});
        let request = request(&json!([{"action": "Block", "host": "b.c"}, replaced]));
        let decisions = Decisions::of(&request.spec).unwrap();
        assert_eq!(decisions.check_services(&[service("mock")]), Ok(()));
        for (clones, there) in [
            (vec![service("web"), service("db")], "there are db, web"),
            (vec![fixture::policy("mock", json!({}))], "there are none"),
        ] {
            assert_eq!(
                decisions.check_services(&clones),
                Err(PlanError::InvalidSpec {
                    field: "spec.hosts[1].withService.name".to_owned(),
                    why: format!("no Service \"mock\" will be in the target; {there}"),
                })
            );
        }
    }
}
