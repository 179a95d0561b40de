//! Annotations of routes that come along: those that shape HTTP and name nobody.
//!
//! Controllers read the others as orders: to join production's load balancer, to ask an
//! authority for production's certificate, to let production's login decide, to write production's
//! DNS. What is not known here may be one of them, so it does not come along.

use serde_json::json;

use crate::{
    api::staging_plan::Severity,
    plan::{
        log::{Log, Rule},
        object::{Object, escape},
        places::listed,
        settle,
    },
};

const DROPPED: Rule = Rule {
    name: "route-annotation",
    why: "only annotations that shape HTTP come along; others may join production's load balancer, certificates, DNS or login",
};

/// What comes along, by the controller's prefix.
const KEPT: [(&str, &[&str]); 4] = [
    (
        "nginx.ingress.kubernetes.io",
        &[
            "affinity",
            "affinity-mode",
            "app-root",
            "backend-protocol",
            "canary",
            "canary-by-cookie",
            "canary-by-header",
            "canary-by-header-pattern",
            "canary-by-header-value",
            "canary-weight",
            "canary-weight-total",
            "client-body-buffer-size",
            "proxy-body-size",
            "proxy-buffer-size",
            "proxy-buffering",
            "proxy-buffers-number",
            "proxy-connect-timeout",
            "proxy-http-version",
            "proxy-read-timeout",
            "proxy-request-buffering",
            "proxy-send-timeout",
            "rewrite-target",
            "service-upstream",
            "session-cookie-expires",
            "session-cookie-max-age",
            "session-cookie-name",
            "session-cookie-path",
            "upstream-hash-by",
            "use-regex",
        ],
    ),
    ("ingress.kubernetes.io", &["rewrite-target"]),
    (
        "nginx.org",
        &[
            "client-max-body-size",
            "proxy-buffering",
            "proxy-connect-timeout",
            "proxy-read-timeout",
            "proxy-send-timeout",
            "websocket-services",
        ],
    ),
    ("haproxy.org", &["path-rewrite", "timeout-client", "timeout-server"]),
];

/// Annotations that decide who gets in, by the controller's prefix: beginnings of their names.
const LOGINS: [(&str, &[&str]); 6] = [
    ("nginx.ingress.kubernetes.io", &["auth-", "whitelist-source-range", "allowlist-source-range"]),
    ("alb.ingress.kubernetes.io", &["auth-", "inbound-cidrs"]),
    ("haproxy.org", &["auth-", "allow-list", "whitelist"]),
    ("haproxy-ingress.github.io", &["auth-", "whitelist-source-range", "allowlist-source-range"]),
    ("ingress.kubernetes.io", &["auth-", "whitelist-source-range"]),
    ("nginx.org", &["basic-auth-", "jwt-"]),
];

/// Says that production lets only some in, and the preview everybody.
pub(super) fn without_login(route: &Object, source: &Object, log: &mut Log) {
    let annotations = source.get("/metadata/annotations").and_then(serde_json::Value::as_object);
    let keys = annotations.into_iter().flatten().map(|(key, _)| key.as_str());
    let logins: Vec<String> = keys.filter(|it| lets_in(it)).map(str::to_owned).collect();
    let Some(first) = logins.first() else { return };
    let key = first.as_str();
    log.find(
        Severity::Warns,
        &route.key(),
        &format!("/metadata/annotations/{}", escape(key)),
        "no-login",
        format!(
            "who gets in is decided by {} in production, and by nobody here: whoever reaches the preview is in",
            listed(&logins)
        ),
        settle::class(&json!({ "expose": { "annotations": { key: "<a login of staging's own>" } } })),
    );
}

fn lets_in(key: &str) -> bool {
    let Some((prefix, name)) = key.split_once('/') else { return false };
    LOGINS
        .iter()
        .any(|(known, starts)| *known == prefix && starts.iter().any(|it| name.starts_with(it)))
}

/// Removes every annotation that does not come along.
pub(super) fn keep_http(route: &mut Object, log: &mut Log) {
    let keys: Vec<String> = route
        .get("/metadata/annotations")
        .and_then(serde_json::Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(key, value)| !kept(key, value.as_str().unwrap_or_default()))
        .map(|(key, _)| key.clone())
        .collect();
    for key in keys {
        log.remove(route, &format!("/metadata/annotations/{}", escape(&key)), &DROPPED);
    }
}

fn kept(key: &str, value: &str) -> bool {
    let Some((prefix, name)) = key.split_once('/') else { return false };
    // A redirect to another host leaves the target.
    let elsewhere = value.contains("//");
    !elsewhere && KEPT.iter().any(|(known, names)| *known == prefix && names.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_that_shape_http_come_along() {
        for (key, value, expected) in [
            ("nginx.ingress.kubernetes.io/rewrite-target", "/$1", true),
            ("nginx.ingress.kubernetes.io/rewrite-target", "https://a.b/$1", false),
            ("nginx.ingress.kubernetes.io/auth-url", "/login", false),
            ("alb.ingress.kubernetes.io/rewrite-target", "/$1", false),
            ("rewrite-target", "/$1", false),
        ] {
            assert_eq!(kept(key, value), expected, "{key}: {value}");
        }
    }

    #[test]
    fn annotations_that_decide_who_gets_in_are_known_by_controller_and_name() {
        for (key, expected) in [
            ("nginx.ingress.kubernetes.io/auth-url", true),
            ("nginx.ingress.kubernetes.io/whitelist-source-range", true),
            ("nginx.ingress.kubernetes.io/use-auth-url", false),
            ("nginx.org/jwt-key", true),
            ("nginx.org/auth-url", false),
            ("example.com/auth-url", false),
            ("auth-url", false),
        ] {
            assert_eq!(lets_in(key), expected, "{key}");
        }
    }
}
