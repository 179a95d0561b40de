//! Who has rights in the target: the operator, and the people who may look inside.

use globset::Glob;
use serde_json::{Value, json};

use super::{PlanError, context::Context, log::Log, object::Object, ours, request::Request};
use crate::api::{
    environment::{Access, AccessRole, Subject, SubjectKind},
    names,
};

const RBAC: &str = "rbac.authorization.k8s.io";

/// Names of the bindings for people.
pub const BINDINGS: [&str; 2] = [VIEWERS, EDITORS];
const VIEWERS: &str = "kulisse-view-access";
const EDITORS: &str = "kulisse-edit-access";

/// Subjects that are nobody in particular: whoever can reach the API server.
const ANYBODY: [&str; 2] = ["system:anonymous", "system:unauthenticated"];
/// Groups of everybody with an account, other tenants and their Pods included.
const EVERYBODY: [&str; 2] = ["system:authenticated", "system:serviceaccounts"];

/// The operator's own rights in a target: what it makes there first, and lets go of last.
pub fn rights(request: &Request) -> Object {
    let operator = &request.cluster.operator;
    ours::fence(
        request,
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        names::RIGHTS_BINDING,
        json!({
            "metadata": {"finalizers": [names::RIGHTS_FINALIZER]},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": names::CLONE_WRITER_ROLE},
            "subjects": [{
                "kind": "ServiceAccount",
                "name": operator.name,
                "namespace": operator.namespace,
            }],
        }),
    )
}

/// Bindings for the people whom the environment names, else for those whom its class names.
///
/// # Errors
///
/// If somebody is named whom the class does not allow, or for more than it allows.
pub(super) fn bindings(context: &Context, _: &mut Log) -> Result<Vec<Object>, PlanError> {
    let request = context.request;
    let given = given(request)?;
    let roles = [
        (AccessRole::View, VIEWERS, names::VIEWER_ROLE),
        (AccessRole::Edit, EDITORS, names::EDITOR_ROLE),
    ];
    let bindings = roles.into_iter().filter_map(|(role, name, cluster_role)| {
        let mut subjects: Vec<&Subject> =
            given.iter().filter(|it| it.role == role).map(|it| &it.subject).collect();
        subjects.sort();
        subjects.dedup();
        let subjects: Vec<Value> = subjects.into_iter().map(subject).collect();
        (!subjects.is_empty()).then(|| {
            let role_ref = json!({"apiGroup": RBAC, "kind": "ClusterRole", "name": cluster_role});
            ours::fence(
                request,
                "rbac.authorization.k8s.io/v1",
                "RoleBinding",
                name,
                json!({"roleRef": role_ref, "subjects": subjects}),
            )
        })
    });
    Ok(bindings.collect())
}

/// Who gets what, checked against the class.
fn given(request: &Request) -> Result<&[Access], PlanError> {
    let class = &request.class.access;
    // Whom the class itself names needs no permission of its list.
    let (field, of, given) = match &request.spec.access {
        Some(given) => ("spec.access", "", given),
        None => ("access.defaults", " of the class", &class.defaults),
    };
    for (at, access) in given.iter().enumerate() {
        if access.role > class.max_role {
            return Err(PlanError::InvalidSpec {
                field: format!("{field}[{at}].role{of}"),
                why: format!(
                    "{:?} is more than the class gives: its access.maxRole is {:?}",
                    access.role, class.max_role
                ),
            });
        }
        let refused = if request.spec.access.is_some() {
            refused(&access.subject, &class.allowed_subjects)
        } else {
            nobody(&access.subject)
        };
        if let Some(why) = refused {
            return Err(PlanError::InvalidSpec {
                field: format!("{field}[{at}].subject{of}"),
                why,
            });
        }
    }
    Ok(given)
}

fn nobody(subject: &Subject) -> Option<String> {
    ANYBODY
        .contains(&subject.name.as_str())
        .then(|| format!("{} is everybody who can reach the API server", subject.name))
}

fn refused(subject: &Subject, allowed: &[Subject]) -> Option<String> {
    if let Some(why) = nobody(subject) {
        return Some(why);
    }
    if allowed.iter().any(|pattern| covers(pattern, subject)) {
        return None;
    }
    if subject.kind == SubjectKind::Group && EVERYBODY.contains(&subject.name.as_str()) {
        return Some(format!(
            "{} is everybody with an account in the cluster: name a group of yours, or have the class name this one under access.allowedSubjects",
            subject.name
        ));
    }
    if allowed.is_empty() {
        return None;
    }
    let shown: Vec<String> = allowed.iter().map(shown).collect();
    Some(format!(
        "{} may not be named: the class allows {}",
        self::shown(subject),
        shown.join(", ")
    ))
}

fn covers(pattern: &Subject, subject: &Subject) -> bool {
    let glob = |pattern: &str, text: &str| {
        // A pattern that is no glob allows nobody.
        Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(text))
    };
    pattern.kind == subject.kind
        && glob(&pattern.name, &subject.name)
        && match (&pattern.namespace, &subject.namespace) {
            (None, _) => true,
            (Some(pattern), namespace) => glob(pattern, namespace.as_deref().unwrap_or_default()),
        }
}

fn subject(subject: &Subject) -> Value {
    match subject.kind {
        SubjectKind::User => json!({"kind": "User", "apiGroup": RBAC, "name": subject.name}),
        SubjectKind::Group => json!({"kind": "Group", "apiGroup": RBAC, "name": subject.name}),
        SubjectKind::ServiceAccount => json!({
            "kind": "ServiceAccount",
            "name": subject.name,
            "namespace": subject.namespace,
        }),
    }
}

fn shown(subject: &Subject) -> String {
    match &subject.namespace {
        Some(namespace) => format!("{:?} {namespace}/{}", subject.kind, subject.name),
        None => format!("{:?} {}", subject.kind, subject.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture;

    fn made(spec: Value, class: Value) -> Result<Vec<Object>, PlanError> {
        let (request, capture) = (fixture::request(spec, class), fixture::capture());
        bindings(&Context::new(&request, &capture).unwrap(), &mut Log::default())
    }

    fn user(name: &str, role: &str) -> Value {
        json!({"subject": {"kind": "User", "name": name}, "role": role})
    }

    #[test]
    fn people_are_bound_once_per_role() {
        let access = json!([user("eve", "Edit"), user("dan", "View"), user("ann", "View")]);
        let made = made(json!({"access": access}), json!({"access": {"maxRole": "Edit"}})).unwrap();
        let seen: Vec<_> = made
            .iter()
            .map(|it| (it.name(), it.text("/roleRef/name"), it.text("/subjects/0/name")))
            .collect();
        assert_eq!(
            seen,
            [
                ("kulisse-view-access", names::VIEWER_ROLE, "ann"),
                ("kulisse-edit-access", names::EDITOR_ROLE, "eve"),
            ]
        );
        assert_eq!(made[0].label(names::FENCE_LABEL), Some("true"));
        assert_eq!(made[0].text("/metadata/namespace"), "stg-pr-7-abcde");
    }

    #[test]
    fn the_class_names_people_where_the_environment_names_nobody() {
        let class = json!({"access": {"defaults": [user("ann", "View")], "allowedSubjects": [{"kind": "User", "name": "x"}]}});
        assert_eq!(made(json!({}), class.clone()).unwrap().len(), 1);
        assert_eq!(made(json!({"access": []}), class).unwrap(), []);
    }

    #[test]
    fn nobody_is_given_more_than_the_class_allows() {
        let team = json!({"kind": "Group", "name": "team-*"});
        let robots = json!({"kind": "ServiceAccount", "name": "*", "namespace": "ci"});
        for (subject, role, allowed, field) in [
            (
                json!({"kind": "User", "name": "ann"}),
                "Edit",
                json!([]),
                Some("spec.access[0].role"),
            ),
            (json!({"kind": "User", "name": "ann"}), "View", json!([]), None),
            (json!({"kind": "Group", "name": "team-a"}), "View", json!([team]), None),
            (
                json!({"kind": "User", "name": "team-a"}),
                "View",
                json!([team]),
                Some("spec.access[0].subject"),
            ),
            (
                json!({"kind": "ServiceAccount", "name": "bot", "namespace": "ci"}),
                "View",
                json!([robots]),
                None,
            ),
            (
                json!({"kind": "ServiceAccount", "name": "bot", "namespace": "x"}),
                "View",
                json!([robots]),
                Some("spec.access[0].subject"),
            ),
            // Any, where the class names nobody.
            (json!({"kind": "Group", "name": "team-a"}), "View", json!([]), None),
            (json!({"kind": "User", "name": "system:authenticated"}), "View", json!([]), None),
            (
                json!({"kind": "Group", "name": "system:unauthenticated"}),
                "View",
                json!([]),
                Some("spec.access[0].subject"),
            ),
            (
                json!({"kind": "Group", "name": "system:authenticated"}),
                "View",
                json!([]),
                Some("spec.access[0].subject"),
            ),
            (
                json!({"kind": "Group", "name": "system:serviceaccounts"}),
                "View",
                json!([]),
                Some("spec.access[0].subject"),
            ),
            (
                json!({"kind": "Group", "name": "system:authenticated"}),
                "View",
                json!([{"kind": "Group", "name": "system:authenticated"}]),
                None,
            ),
        ] {
            let spec = json!({"access": [{"subject": subject, "role": role}]});
            let answer = made(spec, json!({"access": {"allowedSubjects": allowed}}));
            let refused = match &answer {
                Err(PlanError::InvalidSpec { field, .. }) => Some(field.as_str()),
                _ => None,
            };
            assert_eq!(refused, field, "{subject} {role}");
        }
    }

    #[test]
    fn the_operators_rights_are_let_go_of_last() {
        let rights = rights(&fixture::request(json!({}), json!({})));
        assert_eq!(rights.name(), names::RIGHTS_BINDING);
        assert_eq!(rights.text("/metadata/finalizers/0"), names::RIGHTS_FINALIZER);
        assert_eq!(rights.text("/roleRef/name"), names::CLONE_WRITER_ROLE);
        assert_eq!(rights.text("/subjects/0/namespace"), "kulisse");
        assert_eq!(rights.text("/subjects/0/name"), "operator");
    }

    #[test]
    fn whom_a_class_names_is_somebody() {
        let class = |name: &str| json!({"access": {"defaults": [user(name, "View")]}});
        assert!(made(json!({}), class("ann")).is_ok());
        let refused = made(json!({}), class("system:anonymous")).unwrap_err().to_string();
        assert!(refused.starts_with("access.defaults"), "{refused}");
        assert!(refused.contains("system:anonymous is everybody"), "{refused}");
    }

    #[test]
    fn a_refusal_says_who_and_whom_the_class_allows() {
        let allowed = json!([
            {"kind": "Group", "name": "team-*"},
            {"kind": "ServiceAccount", "name": "*", "namespace": "ci"},
        ]);
        let spec = json!({"access": [user("ann", "View")]});
        let refused = made(spec, json!({"access": {"allowedSubjects": allowed}})).unwrap_err();
        let says = "User ann may not be named: the class allows Group team-*, ServiceAccount ci/*";
        assert!(refused.to_string().ends_with(says), "{refused}");
    }

    #[test]
    fn a_subject_is_named_as_kubernetes_names_it() {
        let given = |subject: Value| json!({"subject": subject, "role": "View"});
        let robot = json!({"kind": "ServiceAccount", "name": "bot", "namespace": "ci"});
        let access = json!([
            user("ann", "View"),
            user("ann", "View"),
            given(json!({"kind": "Group", "name": "team"})),
            given(robot.clone()),
        ]);
        let bindings = made(json!({"access": access}), json!({})).unwrap();
        let subjects = bindings[0].get("/subjects").and_then(Value::as_array).unwrap();
        assert_eq!(subjects.len(), 3);
        for subject in [
            json!({"kind": "User", "apiGroup": RBAC, "name": "ann"}),
            json!({"kind": "Group", "apiGroup": RBAC, "name": "team"}),
            robot,
        ] {
            assert!(subjects.contains(&subject), "{subject}");
        }
    }
}
