//! What Pods ask of nodes and of vaults that the target may not have.

use std::net::IpAddr;

use serde_json::json;

use super::Looked;
use crate::{
    api::staging_plan::Severity,
    plan::{
        isolate::{host::VAULT_DRIVER, standards},
        kinds,
        log::Log,
        settle,
    },
};

pub(super) fn look(looked: &Looked, log: &mut Log) {
    let object = looked.object;
    let Some(spec) = kinds::pod_spec(object) else { return };
    let removed = |path: &str| settle::patch(&looked.key, &json!([{"op": "remove", "path": path}]));
    for path in object.expand(&format!("{spec}/volumes/*/csi")) {
        if object.text(&format!("{path}/driver")) != VAULT_DRIVER {
            continue;
        }
        let why = "it mounts values of production's vault, which stay behind: the Pod cannot start";
        let settle = settle::exclude(&looked.key);
        looked.find(log, Severity::Warns, &path, "vault-volume", why.to_owned(), settle);
    }
    let aliases = format!("{spec}/hostAliases");
    // Of the Pod itself: no address of production's.
    let own = |path: &String| object.text(path).parse::<IpAddr>().is_ok_and(|it| it.is_loopback());
    if !object.expand(&format!("{aliases}/*/ip")).iter().all(own) {
        let why = "it ties names to addresses, which are production's: the fence stops them";
        let settle = removed(&aliases);
        looked.find(log, Severity::Warns, &aliases, "host-alias", why.to_owned(), settle);
    }
    let mut profile = |whole: &str, path: &str, name: &str| {
        if !name.is_empty() {
            let why = format!(
                "the profile {name} lies on nodes: where it is missing, the Pod does not start"
            );
            let settle =
                format!("# unless it lies on the nodes of the class as well\n{}", removed(whole));
            looked.find(log, Severity::Informs, path, "local-profile", why, settle);
        }
    };
    for place in std::iter::once(spec.clone()).chain(kinds::containers(object)) {
        let context = format!("{place}/securityContext");
        if object.get(&context).is_none() {
            continue;
        }
        for kind in ["seccompProfile", "appArmorProfile"] {
            let whole = format!("{context}/{kind}");
            let path = format!("{whole}/localhostProfile");
            profile(&whole, &path, object.text(&path));
        }
    }
    for (path, value) in standards::app_armor(object, &spec) {
        profile(&path, &path, value.strip_prefix("localhost/").unwrap_or_default());
    }
}
