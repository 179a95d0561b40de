//! What the name of a setting says about its value.

use crate::api::names::NAMESPACE_NAME_LABEL;

/// What may stand before `NAMESPACE` in a name that means the own namespace. Others
/// (`METRICS_NAMESPACE`, `TEMPORAL_NAMESPACE`) mean something else.
const OWN: &str = "\
    account app base cluster config configmap container controller current dapr default deploy \
    deployment elect election exclude excluded exported helm ignore ignored include included \
    ingress install job k8s kube kubernetes leader leaderelection lease lock meta my not \
    only operator own pod release resource root runner sa secret self service serviceaccount \
    source system target watch watched webhook worker workload";

/// Words beside which a namespace is one of Kubernetes, whoever reads it.
const KUBERNETES: &str = "kubernetes k8s kube pod";

/// What people write for `namespace`, among other things.
const SHORT: &str = "ns";

/// Settings around a `namespace` that is none of Kubernetes': a prefix of metrics or of keys, a
/// tenant of another system.
const OTHER: &str = "\
    azure bull cache cadence celery cloudwatch datadog eventhub eventhubs hbase hive i18n \
    iceberg memcached metric metrics micrometer nomad php prometheus redis registry resque \
    servicebus sidekiq statsd telegraf temporal uri vault xml";

/// What names entries below `namespaces:` or `namespaceSelector:`.
const ENTRIES: &str = "\
    name names list value values exact include exclude items";

/// Names whose values are hosts, and commands that take one.
const HOSTS: &str = "\
    addr addrs address addresses authority backend backends base bootstrap broker brokers \
    connect curl dig dns domain domains endpoint endpoints fqdn gateway getent h \
    host hostname hostnames hosts href listener listeners master nc node nodes nslookup \
    origin origins pass peer peers ping primary proxy replica replicas resolve seed seeds \
    sentinel sentinels server servers sni ssh target targets telnet upstream upstreams uri \
    uris url urls wget";

/// Names whose values may look like `service.namespace` and are none: files, modules, topics.
const NO_HOSTS: &str = "\
    app binding bindings bucket channel chart class classes collection column dir directory email event \
    events exchange field file files folder group groups id image import index key keys label \
    labels level levels locale logger loggers logging metric metrics module modules name \
    names package packages path prefix profile profiles queue queues realm regex repository \
    role routing schema scope stream subject subjects suffix table tables tag tags template topic \
    topics type user username version wsgi";

/// Names of lists in which anything may stand.
const ARGUMENTS: &str = "\
    args argv arguments cmd command entrypoint";

/// What a value means by the name of its setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// The own namespace, if it equals it.
    Own,
    /// A namespace of whatever kind.
    SomeNamespace,
    /// No namespace.
    Nothing,
}

/// Whether a setting of this name, within others (from the inside out), holds a namespace:
/// `namespace`, `POD_NAMESPACE`, `leaderElectionNamespace`, `watch-namespaces`.
pub(super) fn means<'a>(name: &'a str, within: impl Iterator<Item = &'a str>) -> Means {
    // Istio's list of namespaces that an object is seen from.
    if name == NAMESPACE_NAME_LABEL || name == "exportTo" {
        return Means::Own;
    }
    let segments = || name.rsplit(['.', '/', ':']).filter(|it| !it.is_empty());
    let mut around = segments().skip(1).chain(within);
    let first = words(segments().next().unwrap_or(name));
    let last = without_ending(&first);
    let Some((last, qualifiers)) = last.split_last() else {
        // `k8s.namespace.name`, and entries of a list of namespaces.
        let entry = first.iter().all(|it| is_one_of(ENTRIES, it));
        let parent = around.next().map(words).unwrap_or_default();
        return match without_ending(&parent).split_last() {
            Some((it, rest)) if entry && is_namespace(it) => qualified(rest, around),
            _ => Means::Nothing,
        };
    };
    if is_namespace(last) {
        let means = qualified(qualifiers, around);
        let sure = last != SHORT || qualifiers.iter().any(|it| is_one_of(KUBERNETES, it));
        return if sure { means } else { Means::SomeNamespace };
    }
    // `namespaceSelector: { matchNames: […] }`
    let selects = words(around.next().unwrap_or_default());
    let selector = selects.iter().map(String::as_str).eq(["namespace", "selector"]);
    if selector && name == "matchNames" { Means::Own } else { Means::Nothing }
}

fn qualified<'a>(qualifiers: &[String], around: impl Iterator<Item = &'a str>) -> Means {
    // `AIRFLOW__KUBERNETES__NAMESPACE`: whoever reads it, it is Kubernetes' own.
    if qualifiers.iter().any(|word| is_one_of(KUBERNETES, word)) {
        return Means::Own;
    }
    if !qualifiers.iter().all(|word| is_one_of(OWN, word)) {
        return Means::SomeNamespace;
    }
    if !qualifiers.is_empty() {
        return Means::Own;
    }
    for parent in around.flat_map(|it| it.rsplit(['.', '/', ':'])).take(2) {
        let words = words(parent);
        if words.iter().any(|word| is_one_of(OTHER, word)) {
            return Means::SomeNamespace;
        }
        if words.iter().any(|word| is_one_of(OWN, word)) {
            return Means::Own;
        }
    }
    Means::Own
}

fn is_namespace(word: &str) -> bool {
    word == "namespace" || word == "namespaces" || word == SHORT
}

/// `NAMESPACE_NAME`, `namespaces[0]`: the ending adds nothing.
fn without_ending(words: &[String]) -> &[String] {
    let ending =
        |it: &String| is_one_of(ENTRIES, it) || it.bytes().all(|byte| byte.is_ascii_digit());
    let end = words.iter().rposition(|it| !ending(it)).map_or(0, |at| at + 1);
    &words[..end]
}

/// What a name says about whether its value is a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// It is.
    Host,
    /// It is something else.
    Other,
    /// It may be, if it looks like one.
    Unknown,
    /// It may be, if more than its looks says so.
    Anything,
}

/// Whether a setting of this name, within others (from the inside out), takes a host:
/// `queues: { orders: … }` does not.
pub(super) fn holds_within(name: &str, within: &[&str]) -> Holds {
    match holds(name) {
        Holds::Unknown if within.iter().any(|it| holds(it) == Holds::Other) => Holds::Other,
        known => known,
    }
}

/// Whether a setting, flag or command of this name takes a host.
pub(super) fn holds(name: &str) -> Holds {
    let words = words(name.rsplit(['.', '/', ':']).next().unwrap_or(name));
    let any = |list: &str| words.iter().any(|word| is_one_of(list, word));
    let letter = matches!(words.as_slice(), [one] if one.len() == 1);
    // Of a Service, and of a certificate.
    let named =
        matches!(words.as_slice(), [a, b] if b == "name" && (a == "external" || a == "common"));
    if named || any(HOSTS) {
        Holds::Host
    } else if letter || any(ARGUMENTS) {
        Holds::Anything
    } else if any(NO_HOSTS) {
        Holds::Other
    } else {
        Holds::Unknown
    }
}

/// Whether `namespace/name` under this name is a file, an image or a place on the web.
pub(super) fn holds_path(name: &str) -> bool {
    const PATHS: &str = "dir file image path repo repository uri url";
    words(name).iter().any(|word| is_one_of(PATHS, word))
}

/// Whether a list, with blanks in between, has a word.
fn is_one_of(list: &str, word: &str) -> bool {
    list.split(' ').any(|it| it == word)
}

/// Whether a text is the number of a port.
pub(in crate::plan::relocate) fn is_port(text: &str) -> bool {
    (2..=5).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit())
}

/// `--namespace` → `namespace`, `-n` → `namespace`.
pub(in crate::plan::relocate) fn flag(text: &str) -> Option<&str> {
    if text == "-n" {
        return Some("namespace");
    }
    let name = text.strip_prefix('-')?;
    let name = name.strip_prefix('-').unwrap_or(name);
    (!name.is_empty() && !name.contains(['=', ' '])).then_some(name)
}

/// `leaderElectionNamespace` → leader, election, namespace.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() {
            words.push(String::new());
        } else if c.is_uppercase() && lower {
            words.push(c.to_lowercase().collect());
        } else if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
        // `K8S_…` is one word, and so is `k8sNamespace`'s first.
        lower = c.is_lowercase() || c.is_ascii_digit() && lower;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_mean_the_own_namespace_are_told_from_others() {
        for (name, within, expected) in [
            ("namespace", &[][..], Means::Own),
            ("POD_NAMESPACE", &[], Means::Own),
            ("leaderElectionNamespace", &[], Means::Own),
            ("watch-namespaces", &[], Means::Own),
            ("NAMESPACES_0", &[], Means::Own),
            ("POD_NS", &[], Means::Own),
            ("NS", &[], Means::SomeNamespace),
            ("DAPR_NAMESPACE", &[], Means::Own),
            ("namespaces[0]", &[], Means::Own),
            ("K8S_NAMESPACE_NAME", &[], Means::Own),
            ("AIRFLOW__KUBERNETES__NAMESPACE", &[], Means::Own),
            ("k8s.namespace.name", &[], Means::Own),
            ("io.kubernetes.pod.namespace", &[], Means::Own),
            ("name", &["namespace"], Means::Own),
            ("names", &["namespaces", "kubernetes_sd_configs"], Means::Own),
            ("matchNames", &["namespaceSelector", "spec"], Means::Own),
            ("notNamespaces", &["source"], Means::Own),
            ("kubernetes.io/metadata.name", &[], Means::Own),
            ("namespace", &["kubernetes", "metrics"], Means::Own),
            ("namespace", &["metrics"], Means::SomeNamespace),
            ("metrics.namespace", &[], Means::SomeNamespace),
            ("namespace", &["options", "redis"], Means::SomeNamespace),
            ("TEMPORAL_NAMESPACE", &[], Means::SomeNamespace),
            ("name", &["database"], Means::Nothing),
            ("profile", &["namespaces"], Means::Nothing),
            ("names", &[], Means::Nothing),
            ("", &[], Means::Nothing),
            ("…", &["…"], Means::Nothing),
        ] {
            assert_eq!(means(name, within.iter().copied()), expected, "{name} in {within:?}");
        }
    }

    #[test]
    fn names_that_take_a_host_are_told_from_others() {
        for (name, expected) in [
            ("db.host", Holds::Host),
            ("SERVER_NAME", Holds::Host),
            ("bootstrap.servers", Holds::Host),
            ("-h", Holds::Host),
            ("proxy_pass", Holds::Host),
            ("orders.topic", Holds::Other),
            ("-A", Holds::Anything),
            ("DJANGO_SETTINGS_MODULE", Holds::Other),
            ("ORDERS", Holds::Unknown),
        ] {
            assert_eq!(holds(name), expected, "{name}");
        }
    }

    #[test]
    fn names_are_taken_apart_into_words() {
        for (name, expected) in [
            ("leaderElectionNamespace", vec!["leader", "election", "namespace"]),
            ("K8S_NAMESPACE", vec!["k8s", "namespace"]),
            ("k8sNamespace", vec!["k8s", "namespace"]),
            ("DBHost", vec!["dbhost"]),
            ("--watch-ns", vec!["watch", "ns"]),
            ("a..b", vec!["a", "b"]),
            ("Ärger", vec!["ärger"]),
            ("", vec![]),
        ] {
            assert_eq!(words(name), expected, "{name}");
        }
    }

    #[test]
    fn what_stands_around_a_namespace_says_whose_it_is() {
        for (name, within, expected) in [
            ("exportTo", &[][..], Means::Own),
            ("matchNames", &["namespaceSelector"], Means::Own),
            ("matchNames", &["selector"], Means::Nothing),
            ("matchLabels", &["namespaceSelector"], Means::Nothing),
            ("POD_NS_NAME", &[], Means::Own),
            ("APP_NS", &[], Means::SomeNamespace),
            ("K8S_TENANT_NAMESPACE", &[], Means::Own),
            ("TENANT_APP_NAMESPACE", &[], Means::SomeNamespace),
            ("namespace", &["pod", "cache"], Means::Own),
            ("namespace", &["cache", "pod"], Means::SomeNamespace),
            ("namespace", &["options", "more", "cache"], Means::Own),
            ("namespace", &["options.cache"], Means::SomeNamespace),
            ("NAMESPACE", &["metricsCache"], Means::SomeNamespace),
            ("names", &["namespaces", "cache"], Means::SomeNamespace),
            ("0", &["namespaces"], Means::Nothing),
            ("namespace_1_x", &[], Means::Nothing),
        ] {
            assert_eq!(means(name, within.iter().copied()), expected, "{name} in {within:?}");
        }
    }

    #[test]
    fn a_host_is_held_by_a_name_that_says_so_before_one_that_says_it_is_none() {
        for (name, within, expected) in [
            ("externalName", &[][..], Holds::Host),
            ("common_name", &[], Holds::Host),
            ("otherName", &[], Holds::Other),
            ("external_name_a", &[], Holds::Other),
            ("topicHost", &[], Holds::Host),
            ("args_topic", &[], Holds::Anything),
            ("a", &[], Holds::Anything),
            ("h", &[], Holds::Host),
            ("a.b/host", &[], Holds::Host),
            ("host.a-b", &[], Holds::Unknown),
            ("orders", &["queues"], Holds::Other),
            ("orders", &["spec", "queues"], Holds::Other),
            ("orders", &["spec"], Holds::Unknown),
            ("host", &["queues"], Holds::Host),
        ] {
            assert_eq!(holds_within(name, within), expected, "{name} in {within:?}");
        }
        for (name, expected) in [("imageRepo", true), ("config-dir", true), ("configmap", false)] {
            assert_eq!(holds_path(name), expected, "{name}");
        }
    }

    #[test]
    fn flags_and_ports_are_known_by_their_form() {
        for (text, expected) in [
            ("-n", Some("namespace")),
            ("--namespace", Some("namespace")),
            ("-host", Some("host")),
            ("---a", Some("-a")),
            ("--a=b", None),
            ("--a b", None),
            ("--", None),
            ("-", None),
            ("a", None),
        ] {
            assert_eq!(flag(text), expected, "{text}");
        }
        for (text, expected) in
            [("80", true), ("65535", true), ("8", false), ("123456", false), ("8o", false)]
        {
            assert_eq!(is_port(text), expected, "{text}");
        }
    }
}
