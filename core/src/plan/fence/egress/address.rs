//! Ranges of addresses, and those that no opening may lead to.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::{
    api::boundary::IpBlock,
    plan::{context::Context, production::Production},
};

/// Where nodes and clouds answer Pods: metadata, credentials, agents.
const NODES: [&str; 5] =
    ["169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32", "168.63.129.16/32"];

/// Ranges that stay closed, and what is there.
pub(super) struct Closed(Vec<(IpNet, String)>);

impl Closed {
    pub(super) fn of(context: &Context, production: &Production) -> Self {
        let nodes = NODES.iter().filter_map(|it| it.parse().ok());
        let mut all: Vec<(IpNet, String)> = nodes
            .map(|it| (it, "where nodes and clouds hand out credentials".to_owned()))
            .collect();
        for endpoint in &context.request.cluster.api_endpoints {
            all.push((IpNet::from(endpoint.address), "the Kubernetes API".to_owned()));
        }
        for (ip, whose) in production.addresses() {
            all.push((IpNet::from(ip), format!("{whose} of {}", context.source())));
        }
        Self(all)
    }

    /// Refuses a block that leads to one of them.
    pub(super) fn check(&self, block: &IpBlock) -> Result<(), String> {
        let cidr = net(&block.cidr)?;
        let except = block.except.iter().map(|it| net(it)).collect::<Result<Vec<_>, _>>()?;
        if let Some(outside) = except.iter().find(|it| !cidr.contains(*it)) {
            return Err(format!("except {outside} is not within {cidr}"));
        }
        let covered = self.0.iter().find(|(closed, _)| {
            let common = if cidr.contains(closed) { closed } else { &cidr };
            overlaps(&cidr, closed) && !except.iter().any(|it| it.contains(common))
        });
        match covered {
            None => Ok(()),
            Some((closed, what)) => Err(format!(
                "{cidr} covers {closed}, {what}: name a smaller range, or put it under except"
            )),
        }
    }

    /// Single addresses and ranges that are public, of one family.
    pub(super) fn public(&self, of: &IpNet) -> Vec<IpNet> {
        self.0.iter().map(|(closed, _)| *closed).filter(|it| of.contains(it)).collect()
    }
}

/// Reads a range.
pub(super) fn net(text: &str) -> Result<IpNet, String> {
    let read = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    read.map(|it| it.trunc())
        .ok_or_else(|| format!("{text:?} is not a range of addresses: write 203.0.113.0/24"))
}

fn overlaps(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}
