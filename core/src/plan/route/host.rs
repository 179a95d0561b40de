//! Preview hosts: one label below the class's domain.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::{
        class::ClassExpose,
        identity::{MAX_LABEL, fit},
        names,
    },
    plan::request::Request,
};

/// The class's template where it gives none.
const TEMPLATE: &str = "{service}-{environment}-{hash}";
/// Longest host (RFC 1035).
const MAX_HOST: usize = 253;
/// The end of a label that survives cutting: `-` and the hash of the environment.
const TAIL: usize = 6;

/// Hands out preview hosts: each one once.
#[derive(Debug)]
pub(super) struct Hosts<'a> {
    request: &'a Request,
    expose: &'a ClassExpose,
    taken: BTreeSet<String>,
}

impl<'a> Hosts<'a> {
    pub(super) fn new(request: &'a Request, expose: &'a ClassExpose) -> Self {
        Self { request, expose, taken: BTreeSet::new() }
    }

    /// One host per source host; `first` is the service that each leads to first. The same source
    /// gives the same hosts.
    pub(super) fn all(&mut self, first: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        first.iter().map(|(host, service)| (host.clone(), self.of(service))).collect()
    }

    /// A host for `service` that was not handed out before: the second gets `-2`.
    pub(super) fn of(&mut self, service: &str) -> String {
        let label = self.label(service);
        let longest = MAX_LABEL.min(MAX_HOST.saturating_sub(1 + self.expose.domain.len()));
        let mut count = 1;
        loop {
            let suffix = if count == 1 { String::new() } else { format!("-{count}") };
            let host = self.below(&format!("{}{suffix}", self.cut(&label, longest - suffix.len())));
            if self.taken.insert(host.clone()) {
                return host;
            }
            count += 1;
        }
    }

    /// Takes a host that somebody chose. False if it is taken.
    pub(super) fn take(&mut self, host: &str) -> bool {
        self.taken.insert(host.to_owned())
    }

    fn label(&self, service: &str) -> String {
        let environment = &self.request.environment;
        let template = self.expose.host_template.as_deref().unwrap_or(TEMPLATE);
        template
            .replace("{service}", &service.replace('.', "-"))
            .replace("{environment}", &environment.name)
            .replace("{namespace}", environment.namespace.as_str())
            .replace("{hash}", &names::host_hash(&environment.uid))
    }

    /// A label of at most `most` characters. One that has to be cut ends with the hash, wherever the
    /// template has it: two environments with long names would get the same label.
    fn cut(&self, label: &str, most: usize) -> String {
        let label = label.trim_matches('-');
        if label.len() <= most {
            return label.to_owned();
        }
        let end = format!("-{}", names::host_hash(&self.request.environment.uid));
        let label = label.strip_suffix(&end).unwrap_or(label);
        fit(&format!("{label}{end}"), most.max(TAIL + 1), TAIL)
    }

    fn below(&self, label: &str) -> String {
        format!("{label}.{}", self.expose.domain)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{api::identity::is_dns_label, plan::fixture};

    fn host(expose: &Value, services: &[&str]) -> Vec<String> {
        let mut class = json!({"domain": "staging.test", "ingressClassName": "nginx"});
        class.as_object_mut().unwrap().extend(expose.as_object().unwrap().clone());
        let request = fixture::request(json!({}), json!({"expose": class}));
        let mut hosts = Hosts::new(&request, request.class.expose.as_ref().unwrap());
        services.iter().map(|service| hosts.of(service)).collect()
    }

    #[test]
    fn a_host_is_one_label_made_by_the_template() {
        let hash = names::host_hash("uid-7");
        for (template, expected) in [
            (json!({}), format!("web-pr-7-{hash}.staging.test")),
            (
                json!({"hostTemplate": "{namespace}-{environment}-{service}"}),
                "previews-pr-7-web.staging.test".to_owned(),
            ),
            (json!({"hostTemplate": "-{service}-"}), "web.staging.test".to_owned()),
        ] {
            assert_eq!(host(&template, &["web"]), [expected]);
        }
    }

    #[test]
    fn two_hosts_of_one_service_differ() {
        let hash = names::host_hash("uid-7");
        assert_eq!(
            host(&json!({}), &["web", "web", "api"]),
            [
                format!("web-pr-7-{hash}.staging.test"),
                format!("web-pr-7-{hash}-2.staging.test"),
                format!("api-pr-7-{hash}.staging.test"),
            ]
        );
    }

    #[test]
    fn a_long_host_is_cut_and_keeps_the_hash_wherever_the_template_has_it() {
        let hash = names::host_hash("uid-7");
        let long = "s".repeat(63);
        for template in ["{service}-{environment}-{hash}", "{hash}-{service}", "{service}-{hash}-x"]
        {
            let hosts = host(&json!({"hostTemplate": template}), &[&long, &long]);
            for (host, suffix) in hosts.iter().zip(["", "-2"]) {
                let label = host.strip_suffix(".staging.test").unwrap();
                assert!(is_dns_label(label), "{label}");
                assert!(label.ends_with(&format!("-{hash}{suffix}")), "{label}");
            }
        }
        let deep = format!("{}.test", "d".repeat(185));
        assert!(host(&json!({"domain": deep}), &[&long])[0].len() <= 253);
    }
}
