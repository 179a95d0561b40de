//! What holds up the deletion of a namespace, and what to do about it: read from the words of the
//! namespace controller, and from the objects that it speaks of.

use jiff::{SignedDuration, Timestamp};

use crate::api::names;

/// A target that has not gone by then is held up by something.
pub(super) const GOES_WITHIN: SignedDuration = SignedDuration::from_mins(1);

/// Something that is left in a namespace, as its controller says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Left {
    /// Objects of a resource: `widgets` in `example.com`.
    Objects {
        /// The resource, as in URLs.
        resource: String,
        /// Its group; empty for the core group.
        group: String,
    },
    /// An API that does not answer: `metrics.example.com/v1`.
    Api(String),
    /// Anything else, in its words.
    Words(String),
}

/// An object that is left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remnant {
    /// Its resource and group, as `kubectl` takes them: `widgets.example.com`.
    pub resource: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its finalizers.
    pub finalizers: Vec<String>,
    /// When it is to be gone: a Pod has until then to end by itself.
    pub leaves_at: Option<Timestamp>,
}

/// Whether a target that goes since then takes longer than a deletion does.
pub fn overdue(since: Option<Timestamp>, now: Timestamp) -> bool {
    since.is_some_and(|since| now.duration_since(since) >= GOES_WITHIN)
}

/// What the conditions of a namespace (type and message) say is left in it.
pub fn left(conditions: &[(String, String)]) -> Vec<Left> {
    let mut found: Vec<Left> =
        conditions.iter().flat_map(|(kind, words)| read(kind, words)).collect();
    found.sort();
    found.dedup();
    found
}

fn read(kind: &str, words: &str) -> Vec<Left> {
    let after = |mark: &str| words.split_once(mark).map(|(_, rest)| rest);
    let read: Vec<Left> = match kind {
        "NamespaceContentRemaining" => after("are remaining: ")
            .into_iter()
            .flat_map(|rest| rest.split(", "))
            .filter_map(|it| it.split_once(" has ")?.0.split_once('.'))
            .map(|(resource, group)| Left::Objects {
                resource: resource.to_owned(),
                group: group.to_owned(),
            })
            .collect(),
        // The objects that have them are looked at themselves.
        "NamespaceFinalizersRemaining" => return Vec::new(),
        "NamespaceDeletionDiscoveryFailure" => after("list of server APIs: ")
            .into_iter()
            .flat_map(str::split_whitespace)
            .filter_map(|word| word.strip_suffix(':'))
            // Not the URL that was asked.
            .filter(|word| word.matches('/').count() == 1 && word.contains('.'))
            .map(|word| Left::Api(word.to_owned()))
            .collect(),
        // Of what it waits for, the controller says so instead of counting it.
        "NamespaceDeletionContentFailure" => {
            words.split("for gvr: ").skip(1).filter_map(of_gvr).collect()
        }
        _ => Vec::new(),
    };
    if read.is_empty() { vec![Left::Words(words.to_owned())] } else { read }
}

/// The resource at the beginning of `example.com/v1, Resource=widgets`.
fn of_gvr(words: &str) -> Option<Left> {
    let (version, rest) = words.split_once(", Resource=")?;
    let resource = rest.split(|it: char| !it.is_ascii_alphanumeric() && it != '-').next()?;
    let (group, _) = version.split_once('/')?;
    Some(Left::Objects { resource: resource.to_owned(), group: group.to_owned() })
}

/// The name that `kubectl` takes for a resource.
pub fn resource(resource: &str, group: &str) -> String {
    if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") }
}

/// Sentences on what holds a namespace up, what a person must see to first. `namespace` is empty for
/// objects of the cluster.
pub fn told(namespace: &str, mut remnants: Vec<Remnant>, now: Timestamp) -> Vec<String> {
    remnants.retain(|it| it.finalizers != [names::RIGHTS_FINALIZER]);
    remnants.sort_by_key(|it| (concern(it), it.resource.clone(), it.name.clone()));
    remnants.iter().map(|it| sentence(namespace, it, now)).collect()
}

/// That an API does not answer, of which nobody knows whether it has objects in the namespace.
pub fn dead(api: &str) -> String {
    let (group, version) = api.split_once('/').unwrap_or((api, ""));
    format!(
        "the API {api} does not answer, so nobody knows what of it is left: «kubectl describe apiservice {version}.{group}» says why; mend what serves it or, if nothing does any more, «kubectl delete apiservice {version}.{group}»"
    )
}

/// That objects are left which could not be looked at.
pub fn unseen(namespace: &str, resource: &str) -> String {
    format!(
        "{resource} are left: «kubectl -n {namespace} get {resource} -o yaml» shows what holds them"
    )
}

/// What waits for somebody outside comes first, what Kubernetes sees to itself last.
fn concern(it: &Remnant) -> u8 {
    let foreign = it.finalizers.iter().any(|it| !is_kubernetes_own(it));
    match (foreign, it.leaves_at, it.finalizers.is_empty()) {
        (true, ..) => 0,
        (false, Some(_), true) => 1,
        (false, None, _) => 2,
        (false, Some(_), false) => 3,
    }
}

/// Whether Kubernetes itself takes a finalizer off.
pub fn is_kubernetes_own(finalizer: &str) -> bool {
    finalizer
        .split_once('/')
        .is_none_or(|(domain, _)| domain == "kubernetes.io" || domain.ends_with(".kubernetes.io"))
}

fn sentence(namespace: &str, it: &Remnant, now: Timestamp) -> String {
    let Remnant { resource, kind, name, finalizers, leaves_at } = it;
    let at = if namespace.is_empty() { String::new() } else { format!("-n {namespace} ") };
    let Some(leaves_at) = leaves_at else {
        return format!(
            "{kind} {name} is not being deleted, as if somebody refused it: «kubectl {at}delete {resource} {name}» says who"
        );
    };
    if !finalizers.is_empty() {
        let (one, them) =
            if finalizers.len() == 1 { ("finalizer", "it") } else { ("finalizers", "them") };
        return format!(
            "{kind} {name} waits for its {one} {}: whoever put {them} there takes {them} off; if that is gone for good, «kubectl {at}patch {resource} {name} --type merge -p '{{\"metadata\":{{\"finalizers\":null}}}}'» does",
            finalizers.join(", ")
        );
    }
    if kind != "Pod" {
        return format!("{kind} {name} is going");
    }
    if now < *leaves_at {
        return format!(
            "Pod {name} does not end when it is told to, and is killed at {leaves_at}: «kubectl {at}delete pod {name} --grace-period=1» kills it now"
        );
    }
    format!(
        "Pod {name} was to be gone at {leaves_at}, and its node has not said that it is: «kubectl {at}get pod {name} -o wide» names the node; if that is gone for good, «kubectl {at}delete pod {name} --grace-period=0 --force»"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(kind: &str, words: &str) -> (String, String) {
        (kind.to_owned(), words.to_owned())
    }

    fn objects(resource: &str, group: &str) -> Left {
        Left::Objects { resource: resource.to_owned(), group: group.to_owned() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_words_of_the_namespace_controller_are_taken_to_pieces() {
        let conditions = [
            condition(
                "NamespaceContentRemaining",
                "Some resources are remaining: pods. has 2 resource instances, widgets.example.com has 1 resource instances",
            ),
            condition(
                "NamespaceFinalizersRemaining",
                "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances",
            ),
            condition(
                "NamespaceDeletionDiscoveryFailure",
                "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: dead.example.com/v1: stale GroupVersion discovery: dead.example.com/v1",
            ),
            condition("NamespaceDeletionContentFailure", "Failed to delete all resource types"),
        ];
        let wanted = [
            objects("pods", ""),
            objects("widgets", "example.com"),
            Left::Api("dead.example.com/v1".to_owned()),
            Left::Words("Failed to delete all resource types".to_owned()),
        ];
        assert_eq!(left(&conditions), wanted);
    }

    #[test]
    fn what_is_waited_for_is_told_in_other_words() {
        let words = "Failed to delete all resource types, 2 remaining: unexpected items still remain in namespace: stg for gvr: /v1, Resource=pods, unexpected items still remain in namespace: stg for gvr: example.com/v1, Resource=widgets";
        let conditions = [condition("NamespaceDeletionContentFailure", words)];
        assert_eq!(left(&conditions), [objects("pods", ""), objects("widgets", "example.com")]);
    }

    #[test]
    fn words_that_nobody_understands_are_passed_on() {
        let conditions = [condition("NamespaceContentRemaining", "something new")];
        assert_eq!(left(&conditions), [Left::Words("something new".to_owned())]);
    }

    #[test]
    fn what_waits_for_somebody_outside_is_told_first_with_what_to_type() {
        let remnant = |kind: &str, name: &str, finalizers: &[&str]| Remnant {
            resource: format!("{}s", kind.to_lowercase()),
            kind: kind.to_owned(),
            name: name.to_owned(),
            finalizers: finalizers.iter().map(|it| (*it).to_owned()).collect(),
            leaves_at: Some(at(100)),
        };
        let ours = remnant("RoleBinding", "kulisse-rights", &[names::RIGHTS_FINALIZER]);
        let claim = remnant("Claim", "data", &["kubernetes.io/pvc-protection"]);
        let pod = remnant("Pod", "web-1", &[]);
        let held = remnant("ConfigMap", "hold", &["example.com/hold"]);
        let stays = Remnant { leaves_at: None, ..remnant("Widget", "w", &[]) };
        let all = vec![ours, claim, stays, pod, held];
        let told = told("stg", all.clone(), at(50));
        assert_eq!(told.len(), 4, "{told:#?}");
        assert!(
            told[0].contains("ConfigMap hold waits for its finalizer example.com/hold"),
            "{told:#?}"
        );
        assert!(told[0].contains("kubectl -n stg patch configmaps hold"), "{told:#?}");
        assert!(told[1].contains("Pod web-1") && told[1].contains("--grace-period=1"), "{told:#?}");
        assert!(told[2].contains("Widget w is not being deleted"), "{told:#?}");
        let late = super::told("stg", all, at(150));
        assert!(late[1].contains("--force"), "{late:#?}");
    }

    #[test]
    fn a_dead_api_is_named_as_its_service_is() {
        assert!(dead("dead.example.com/v1").contains("apiservice v1.dead.example.com"));
    }

    #[test]
    fn of_the_words_about_dead_apis_only_their_names_are_taken() {
        let words = "unable to retrieve the complete list of server APIs: metrics.k8s.io/v1beta1: the server at 10.0.0.1:443: is away";
        let conditions = [condition("NamespaceDeletionDiscoveryFailure", words)];
        assert_eq!(left(&conditions), [Left::Api("metrics.k8s.io/v1beta1".to_owned())]);
    }

    #[test]
    fn a_finalizer_is_kubernetes_own_by_its_domain() {
        for (finalizer, own) in [
            ("foregroundDeletion", true),
            ("kubernetes.io/pvc-protection", true),
            ("service.kubernetes.io/load-balancer-cleanup", true),
            ("example.com/hold", false),
            ("notkubernetes.io/hold", false),
        ] {
            assert_eq!(is_kubernetes_own(finalizer), own, "{finalizer}");
        }
    }

    #[test]
    fn what_is_left_is_named_as_kubectl_takes_it() {
        assert_eq!(resource("pods", ""), "pods");
        assert_eq!(resource("widgets", "example.com"), "widgets.example.com");
        let told = unseen("stg", "widgets.example.com");
        assert!(told.contains("kubectl -n stg get widgets.example.com"), "{told}");
    }

    #[test]
    fn what_a_person_need_not_see_to_is_told_last_and_in_order() {
        let remnant = |kind: &str, name: &str, finalizers: &[&str], leaves_at| Remnant {
            resource: format!("{}s", kind.to_lowercase()),
            kind: kind.to_owned(),
            name: name.to_owned(),
            finalizers: finalizers.iter().map(|it| (*it).to_owned()).collect(),
            leaves_at,
        };
        let gone = Some(at(100));
        let all = vec![
            remnant("Claim", "data", &["kubernetes.io/a", "kubernetes.io/b"], gone),
            remnant("Pod", "web-2", &[], gone),
            remnant("Pod", "web-1", &[], gone),
            remnant("Lease", "l", &[], gone),
        ];
        let told = |namespace, now| super::told(namespace, all.clone(), at(now));
        let [lease, first, second, claim]: [String; 4] = told("stg", 99).try_into().unwrap();
        assert_eq!(lease, "Lease l is going");
        assert!(first.starts_with("Pod web-1 ") && first.contains("--grace-period=1"), "{first}");
        assert!(second.starts_with("Pod web-2 "), "{second}");
        assert!(claim.contains("its finalizers kubernetes.io/a, kubernetes.io/b"), "{claim}");
        // At that very moment it should have been gone.
        assert!(told("stg", 100)[1].contains("--force"));
        let of_the_cluster = told("", 99).remove(3);
        assert!(of_the_cluster.contains("«kubectl patch claims data"), "{of_the_cluster}");
    }
}
