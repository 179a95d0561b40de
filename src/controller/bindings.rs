//! ClusterRoleBindings that name accounts of a target that is gone. A clone has none; somebody has made
//! them for it. They open nothing now, and would if a namespace of that name were made again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::ResourceExt;
use kulisse_core::api::condition::Reason;

use super::{context::Context, error::Error, report, rights, seen::Seen};

/// Names of ClusterRoleBindings, by the namespaces whose accounts they name.
pub type Bindings = BTreeMap<String, BTreeSet<String>>;

/// Says which bindings name accounts of the target, in an Event. They are somebody's: nobody deletes
/// them here. One look counts for all ends of a while.
pub async fn tell(seen: &Seen, reason: Reason, ctx: &Context) -> Result<(), Error> {
    let all = match ctx.bindings.get("") {
        Some(all) => all,
        None => {
            let all = Arc::new(by_namespace(rights::cluster_bindings(&ctx.client).await?));
            ctx.bindings.put("", Arc::clone(&all));
            all
        }
    };
    if let Some(names) = all.get(seen.target_name.as_str()) {
        report::left_behind(seen, reason, note(names, seen.target_name.as_str()), ctx).await;
    }
    Ok(())
}

fn by_namespace(all: Vec<ClusterRoleBinding>) -> Bindings {
    let mut found = Bindings::new();
    for binding in all {
        let name = binding.name_any();
        let accounts = binding.subjects.into_iter().flatten();
        for namespace in accounts.filter_map(|it| it.namespace) {
            found.entry(namespace).or_default().insert(name.clone());
        }
    }
    found
}

fn note(names: &BTreeSet<String>, target: &str) -> String {
    let (told, more) = report::first_few(names.iter());
    format!(
        "ClusterRoleBindings still name accounts of {target}, which is gone: {told}{more}; «kubectl edit clusterrolebinding {told}» takes them out"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bindings_are_told_to_the_namespaces_whose_accounts_they_name() {
        let binding = |name: &str, subjects: serde_json::Value| {
            let binding = json!({
                "metadata": { "name": name }, "subjects": subjects,
                "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view" },
            });
            serde_json::from_value(binding).unwrap()
        };
        let account = |namespace: &str| json!({ "kind": "ServiceAccount", "name": "web", "namespace": namespace });
        let found = by_namespace(vec![
            binding("a", json!([account("stg-1"), account("shop")])),
            binding("b", json!([account("stg-1"), { "kind": "User", "name": "stg-1" }])),
            binding("c", json!(null)),
        ]);
        let names = |it: &str| found[it].iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!((names("stg-1"), names("shop")), (vec!["a", "b"], vec!["a"]));
        assert!(
            note(&found["stg-1"], "stg-1")
                .contains("gone: a b; «kubectl edit clusterrolebinding a b»")
        );
    }
}
