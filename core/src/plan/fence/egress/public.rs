//! The public internet, for hosts that are allowed: a network policy knows no names.

use ipnet::IpNet;
use serde_json::json;

use super::{
    super::{Opening, policy as made},
    address::{Closed, net},
    invalid,
};
use crate::{
    api::staging_plan::Severity,
    plan::{
        PlanError, context::Context, internet::PUBLIC, log::Log, object::Object,
        production::Production,
    },
};

pub(super) fn policy(
    closed: &Closed,
    production: &Production,
    context: &Context,
    log: &mut Log,
) -> Result<Option<Object>, PlanError> {
    let allowed = context.decisions.allowed();
    let Some(first) = allowed.first() else { return Ok(None) };
    let Some(public) = &context.request.class.boundary.public_egress else {
        let why = format!(
            "Allow for {first} needs a class with boundary.publicEgress, which alone can open the way: use Block or Replace"
        );
        return Err(invalid("spec.hosts", &why));
    };
    for (host, whose) in production.hosts() {
        if context.decisions.on(host, log).is_some_and(|it| allowed.contains(&it.host.as_str())) {
            let why = format!(
                "Allow for {host} would lead to production: it is the host of {whose} of {}; put a decision with action Block or Replace before it",
                context.source()
            );
            return Err(invalid("spec.hosts", &why));
        }
    }
    let denied = public
        .except
        .iter()
        .map(|it| net(it).map_err(|why| invalid("boundary.publicEgress.except of the class", &why)))
        .collect::<Result<Vec<IpNet>, _>>()?;
    let blocks = PUBLIC.iter().filter_map(|(cidr, except)| {
        let whole: IpNet = cidr.parse().ok()?;
        let mut all: Vec<IpNet> = except.iter().filter_map(|it| it.parse().ok()).collect();
        let more = denied.iter().filter(|it| whole.contains(*it)).copied();
        for it in more.chain(closed.public(&whole)) {
            if !all.iter().any(|known| known.contains(&it)) {
                all.push(it);
            }
        }
        let except: Vec<String> = all.iter().map(ToString::to_string).collect();
        Some(json!({"ipBlock": {"cidr": cidr, "except": except}}))
    });
    let to: Vec<_> = blocks.collect();
    let rules = json!([{"to": to, "ports": public.ports}]);
    log.find(
        Severity::Informs,
        &context.environment(),
        "/spec/hosts",
        "public-egress",
        format!(
            "for {}, all public addresses are open on the class's ports, since a network policy knows no names{}",
            allowed.join(", "),
            unknown(production)
        ),
        "put public ranges of production under boundary.publicEgress.except of the StagingClass; nothing, if it has none",
    );
    let opening = Opening { ingress: None, egress: Some(rules) };
    Ok(Some(made(context.request, "kulisse-public", &json!({}), opening)))
}

/// Production's own hosts, whose addresses the source does not tell.
fn unknown(production: &Production) -> String {
    let hosts: Vec<&str> = production.hosts().map(|(host, _)| host).take(3).collect();
    if hosts.is_empty() {
        return String::new();
    }
    format!(
        "; addresses behind {} are among them unless the source or the class tells them",
        hosts.join(", ")
    )
}
