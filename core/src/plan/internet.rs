//! Which addresses the internet routes.

use std::net::IpAddr;

use ipnet::IpNet;

/// The public internet, and what of these ranges is none of it: private and shared ones, loopback,
/// link-local, multicast, reserved, and those in which other addresses are wrapped.
pub(super) const PUBLIC: [(&str, &[&str]); 2] = [
    (
        "0.0.0.0/0",
        &[
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            // Where Azure's nodes get their configuration and their tokens.
            "168.63.129.16/32",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "224.0.0.0/3",
        ],
    ),
    ("2000::/3", &["2001::/32", "2002::/16"]),
];

/// Whether an address is one that the internet routes.
pub fn is_public(ip: IpAddr) -> bool {
    let within = |range: &str| range.parse::<IpNet>().is_ok_and(|it| it.contains(&ip));
    PUBLIC.iter().any(|(whole, except)| within(whole) && !except.iter().any(|it| within(it)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_into_a_cluster_or_to_a_node_is_not_public() {
        let public = |ip: &str| is_public(ip.parse().unwrap());
        for ip in ["8.8.8.8", "140.82.112.34", "2606:4700::1111"] {
            assert!(public(ip), "{ip}");
        }
        for ip in [
            "10.96.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "168.63.129.16",
            "100.64.0.1",
            "100.100.100.200",
            "192.0.0.192",
            "0.0.0.0",
            "255.255.255.255",
            "::1",
            "fd00:ec2::254",
            "fe80::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
        ] {
            assert!(!public(ip), "{ip}");
        }
    }
}
