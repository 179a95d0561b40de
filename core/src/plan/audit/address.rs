//! Addresses of machines: private ones, and those at which production answers.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use rayon::prelude::*;

use crate::{
    api::{boundary::HostAction, staging_plan::Severity},
    plan::{
        context::Context,
        log::Log,
        object::{Key, Object},
        places::{Place, Places, told},
        production::Production,
        settle,
        texts::Text,
    },
};

/// Where nodes of clouds hand out credentials.
const METADATA: [&str; 2] = ["169.254.169.254", "fd00:ec2::254"];

/// Where clouds hand out those of a Pod, and what their agents ask.
const IDENTITY: [&str; 4] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23", "168.63.129.16"];

/// Reports every private address once, unless something is decided about it, and answers where they
/// stand.
pub(super) fn addresses(
    texts: &[Text],
    production: &Production,
    objects: &BTreeMap<Key, &Object>,
    context: &Context,
    log: &mut Log,
) -> Vec<Place> {
    let mut found: Places<IpAddr> = Places::new();
    let all = texts.par_iter().map(|it| (it, find(&it.value)));
    for (text, addresses) in all.collect::<Vec<_>>() {
        for ip in addresses {
            let leads_out = production.address(ip).is_some()
                || is_private(ip)
                || IDENTITY.iter().any(|it| it.parse() == Ok(ip));
            let mut decided = || context.decisions.on(&ip.to_string(), log).map(|it| it.action);
            if leads_out && decided() != Some(HostAction::Block) {
                found.add(ip, text.place());
            }
        }
    }
    for (ip, places) in found.whole() {
        let Some(((object, path), also)) = told(places) else { continue };
        match production.address(*ip) {
            Some(whose) => log.find(
                Severity::Warns,
                object,
                path,
                "stale-address",
                format!("{ip} is the address of {whose} in production: the fence stops it{also}"),
                by_name(*ip, whose, places, objects),
            ),
            None => log.find(
                Severity::Warns,
                object,
                path,
                "private-address",
                format!("{ip} {}: the fence stops it{also}", what(*ip)),
                block(*ip),
            ),
        }
    }
    found.all()
}

/// YAML that says that an address is known, and may be stopped.
fn block(ip: IpAddr) -> String {
    format!(
        "spec:\n  hosts:\n  - host: \"{ip}\"\n    action: Block # or Replace, with a host or withService\n"
    )
}

/// YAML that writes the name of a Service in the place of its address.
fn by_name(ip: IpAddr, whose: &str, places: &[Place], objects: &BTreeMap<Key, &Object>) -> String {
    let service = whose.strip_prefix("Service/").filter(|name| {
        let key =
            Key { group: String::new(), kind: "Service".to_owned(), name: (*name).to_owned() };
        objects.contains_key(&key)
    });
    let Some(name) = service else { return block(ip) };
    let new = |text: &str| Some(text.replace(&ip.to_string(), name)).filter(|new| new != text);
    let what = format!("the text with {name} instead of {ip}");
    settle::texts(places, objects, &what, new).unwrap_or_else(|| block(ip))
}

fn what(ip: IpAddr) -> &'static str {
    if METADATA.iter().any(|it| it.parse() == Ok(ip)) {
        "hands out the node's credentials"
    } else if IDENTITY.iter().any(|it| it.parse() == Ok(ip)) {
        "hands out credentials of the cloud"
    } else {
        "is a private address outside the target"
    }
}

/// Whether an address is one that the internet routes.
pub(super) fn is_public(ip: Ipv4Addr) -> bool {
    let [a, b, ..] = ip.octets();
    !(is_private(IpAddr::V4(ip)) || matches!(a, 0 | 127 | 224..) || (a, b) == (192, 0))
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_private() || ip.is_link_local() || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// Single addresses. A range is none: it says whom to trust, not whom to call.
fn find(text: &str) -> Vec<IpAddr> {
    let part = |c: char| c.is_ascii_alphanumeric() || ".:-_".contains(c);
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_hexdigit()) {
        let word = &rest[start..];
        let end = word.find(|c| !part(c)).unwrap_or(word.len());
        let range = word[end..]
            .strip_prefix('/')
            .is_some_and(|it| it.starts_with(|c: char| c.is_ascii_digit()));
        if !range && !rest[..start].ends_with(part) {
            found.extend(address(&word[..end]));
        }
        rest = &word[end.max(1)..];
    }
    found
}

/// The address that a word is, with or without a port.
fn address(word: &str) -> Option<IpAddr> {
    let word = word.trim_end_matches(['.', ':', '-']);
    if let Ok(ip) = word.parse::<Ipv6Addr>() {
        return Some(IpAddr::V6(ip));
    }
    let host = word.split(':').next().unwrap_or(word);
    host.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn private(text: &str) -> Vec<String> {
        find(text).into_iter().filter(|it| is_private(*it)).map(|it| it.to_string()).collect()
    }

    #[test]
    fn private_addresses_are_found_wherever_they_stand() {
        for (text, expected) in [
            ("10.1.2.3", vec!["10.1.2.3"]),
            ("postgres://u:p@10.1.2.3:5432/x", vec!["10.1.2.3"]),
            (
                "http://[fd00::1]:80 172.31.0.1,192.168.0.9:80",
                vec!["fd00::1", "172.31.0.1", "192.168.0.9"],
            ),
            ("at 100.64.0.1. And 169.254.169.254", vec!["100.64.0.1", "169.254.169.254"]),
        ] {
            assert_eq!(private(text), expected, "{text}");
        }
    }

    #[test]
    fn ranges_versions_and_public_addresses_are_not_private_addresses() {
        for text in [
            "10.0.0.0/8",
            "v10.1.2.3",
            "10.1.2.3-alpine",
            "10.1.2",
            "1.10.1.2.3",
            "172.32.0.1",
            "100.128.0.1",
            "127.0.0.1",
            "0.0.0.0",
            "8.8.8.8",
            "12:30:45",
            "acme-10.1.2.3",
        ] {
            assert_eq!(private(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn addresses_are_told_from_ranges_and_from_parts_of_words() {
        for (text, expected) in [
            ("10.1.2.3/x 10.0.0.0/8", vec!["10.1.2.3"]),
            ("10.1.2.3.", vec!["10.1.2.3"]),
            ("10.1.2.3:", vec!["10.1.2.3"]),
            ("fd00::1,fe80::1/64", vec!["fd00::1"]),
            ("g10.1.2.3 a10.1.2.3 10.1.2.3a", vec![]),
            ("gh", vec![]),
        ] {
            let found: Vec<String> = find(text).iter().map(IpAddr::to_string).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn an_address_is_private_or_public_or_of_the_machine_itself() {
        for (ip, private, public) in [
            ("10.0.0.1", true, false),
            ("172.16.0.1", true, false),
            ("172.15.0.1", false, true),
            ("192.168.0.1", true, false),
            ("169.254.0.1", true, false),
            ("100.64.0.1", true, false),
            ("100.127.255.255", true, false),
            ("100.63.0.1", false, true),
            ("99.64.0.1", false, true),
            ("8.8.8.8", false, true),
            ("223.0.0.1", false, true),
            ("224.0.0.1", false, false),
            ("127.0.0.1", false, false),
            ("0.0.0.0", false, false),
            ("192.0.2.1", false, false),
            ("192.1.0.1", false, true),
            ("191.0.0.1", false, true),
        ] {
            let ip: Ipv4Addr = ip.parse().unwrap();
            assert_eq!((is_private(IpAddr::V4(ip)), is_public(ip)), (private, public), "{ip}");
        }
        for (ip, private) in [("fd00::1", true), ("fe80::1", true), ("2001:db8::1", false)] {
            assert_eq!(is_private(ip.parse().unwrap()), private, "{ip}");
        }
    }

    #[test]
    fn addresses_that_hand_out_credentials_are_told() {
        for (ip, expected) in [
            ("169.254.169.254", "hands out the node's credentials"),
            ("fd00:ec2::254", "hands out the node's credentials"),
            ("169.254.170.2", "hands out credentials of the cloud"),
            ("168.63.129.16", "hands out credentials of the cloud"),
            ("10.0.0.1", "is a private address outside the target"),
        ] {
            assert_eq!(what(ip.parse().unwrap()), expected, "{ip}");
        }
    }
}
