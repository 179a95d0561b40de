//! References to a namespace in any text, by their form.
//!
//! The text is never parsed as a whole: what is found is replaced in place, and every other byte
//! stays. A word is a reference if its form says so (`db.shop.svc`), or if it is `service.shop`
//! for a Service that the source has, standing where hosts stand.

mod host;
mod own;

use std::{collections::BTreeSet, ops::Range};

pub(in crate::plan) use self::own::is_namespace_key;
use crate::plan::context::Context;

/// What decides whether a word refers to the source.
#[derive(Clone, Copy, Debug)]
pub(in crate::plan) struct Names<'a> {
    /// The source's name.
    pub(in crate::plan) source: &'a str,
    /// Its Services.
    pub(in crate::plan) services: &'a BTreeSet<&'a str>,
    /// Names of all its objects.
    pub(in crate::plan) objects: &'a BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    /// Of a context.
    pub(in crate::plan) fn of(context: &'a Context) -> Self {
        Self { source: context.source(), services: &context.services, objects: &context.names }
    }
}

/// How sure it is that a word refers to the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::plan) enum Kind {
    /// It is a host name.
    Host,
    /// It names the namespace itself.
    Own,
    /// It may be either, or neither: it is not rewritten, but shown.
    Possible,
}

/// A reference: where the source's name stands in the text, and the word around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plan) struct Edit {
    /// Bytes of the source's name.
    pub(in crate::plan) name: Range<usize>,
    /// Bytes of the word around it, for people.
    pub(in crate::plan) word: Range<usize>,
    /// How sure it is.
    pub(in crate::plan) kind: Kind,
}

/// Every reference to the source, in the order of the text, sure or not.
pub(in crate::plan) fn mentions(names: &Names, text: &str) -> Vec<Edit> {
    if !contains(text, names.source) {
        return Vec::new();
    }
    let mut found = host::find(names, text);
    found.extend(own::find(names.source, text));
    found.sort_by_key(|it| (it.name.start, it.kind));
    found.dedup_by(|next, first| next.name.start < first.name.end);
    found
}

/// Every reference to the source that is to be replaced.
pub(in crate::plan) fn edits(names: &Names, text: &str) -> Vec<Edit> {
    let mut found = mentions(names, text);
    found.retain(|it| it.kind != Kind::Possible);
    found
}

/// The references in a text that names the own namespace by its place: the name itself, or a list
/// that has it as an element.
pub(in crate::plan) fn whole(names: &Names, text: &str) -> Vec<Edit> {
    let mut at = 0;
    let mut found = Vec::new();
    for part in text.split_inclusive([',', ' ', ';']) {
        let word = part.trim_end_matches([',', ' ', ';']);
        if word == names.source {
            let range = at..at + word.len();
            found.push(Edit { name: range.clone(), word: range, kind: Kind::Own });
        }
        at += part.len();
    }
    found
}

/// `shop/web`, where annotations and flags name an object of a namespace: the whole text, or what
/// stands after the flag's `=`.
pub(in crate::plan) fn qualified(names: &Names, text: &str) -> Vec<Edit> {
    let at = if text.starts_with('-') { text.find('=').map_or(0, |at| at + 1) } else { 0 };
    let Some((namespace, name)) = text[at..].split_once('/') else { return Vec::new() };
    if namespace != names.source || !names.objects.contains(name) {
        return Vec::new();
    }
    vec![Edit { name: at..at + namespace.len(), word: at..text.len(), kind: Kind::Own }]
}

/// The text with every edit applied.
pub(in crate::plan) fn apply(text: &str, edits: &[Edit], target: &str) -> String {
    let mut out = String::with_capacity(text.len() + edits.len() * target.len());
    let mut at = 0;
    for edit in edits {
        out.push_str(&text[at..edit.name.start]);
        out.push_str(target);
        at = edit.name.end;
    }
    out.push_str(&text[at..]);
    out
}

/// The word around an edit, before and after.
pub(in crate::plan) fn shown(text: &str, edit: &Edit, target: &str) -> (String, String) {
    let from = text[edit.word.clone()].to_owned();
    let start = &text[edit.word.start..edit.name.start];
    let end = &text[edit.name.end..edit.word.end];
    (from, format!("{start}{target}{end}"))
}

/// Whether `text` holds `word`, in whatever case: the cheap question before the dear ones.
fn contains(text: &str, word: &str) -> bool {
    !word.is_empty()
        && text.as_bytes().windows(word.len()).any(|it| it.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str) -> String {
        rewritten_from("shop", text)
    }

    fn rewritten_from(source: &str, text: &str) -> String {
        let services = BTreeSet::from(["web", "db", "orders", "kubernetes", "kafka"]);
        let names = Names { source, services: &services, objects: &services };
        apply(text, &edits(&names, text), "stg")
    }

    #[test]
    fn every_form_of_a_service_host_is_rewritten() {
        for (from, to) in [
            ("db.shop.svc.cluster.local", "db.stg.svc.cluster.local"),
            ("db.shop.svc.cluster.local.", "db.stg.svc.cluster.local."),
            ("db.shop.svc.k8s.acme.corp:5432", "db.stg.svc.k8s.acme.corp:5432"),
            ("db.shop.svc", "db.stg.svc"),
            ("db.shop", "db.stg"),
            ("db.shop:5432", "db.stg:5432"),
            ("DB.SHOP.SVC.CLUSTER.LOCAL", "DB.stg.SVC.CLUSTER.LOCAL"),
            ("unknown.shop.svc", "unknown.stg.svc"),
            (
                "kafka-0.kafka.shop.svc.cluster.local:9092",
                "kafka-0.kafka.stg.svc.cluster.local:9092",
            ),
            (
                "kafka-0.kafka.shop:9092,kafka-1.kafka.shop:9092",
                "kafka-0.kafka.stg:9092,kafka-1.kafka.stg:9092",
            ),
            ("_http._tcp.web.shop.svc.cluster.local", "_http._tcp.web.stg.svc.cluster.local"),
            ("_http._tcp.web.shop", "_http._tcp.web.stg"),
            ("${SERVICE}.shop.svc.cluster.local", "${SERVICE}.stg.svc.cluster.local"),
            ("10-0-0-7.shop.pod.cluster.local", "10-0-0-7.stg.pod.cluster.local"),
            ("shop.svc.cluster.local", "stg.svc.cluster.local"),
            (".shop.svc.cluster.local,localhost", ".stg.svc.cluster.local,localhost"),
        ] {
            assert_eq!(rewritten(from), to);
        }
    }

    #[test]
    fn hosts_are_found_inside_urls_and_lists() {
        for (from, to) in [
            ("http://web.shop/shop?x=shop", "http://web.stg/shop?x=shop"),
            (
                "jdbc:postgresql://db.shop:5432/shop?ssl=1",
                "jdbc:postgresql://db.stg:5432/shop?ssl=1",
            ),
            ("amqp://u:p%40@db.shop.svc:5672/%2Fshop", "amqp://u:p%40@db.stg.svc:5672/%2Fshop"),
            ("postgres%3A%2F%2Fdb.shop%3A5432", "postgres%3A%2F%2Fdb.stg%3A5432"),
            ("{\"url\":\"http://web.shop\\n\"}", "{\"url\":\"http://web.stg\\n\"}"),
            ("upstream { server web.shop:80; }", "upstream { server web.stg:80; }"),
            ("cmd\\nweb.shop:80", "cmd\\nweb.stg:80"),
            ("echo > /dev/tcp/db.shop/5432", "echo > /dev/tcp/db.stg/5432"),
            ("hosts: [db.shop, 'web.shop']", "hosts: [db.stg, 'web.stg']"),
        ] {
            assert_eq!(rewritten(from), to);
        }
    }

    #[test]
    fn what_only_looks_like_a_reference_stays() {
        for text in [
            "shop",
            "/etc/config/web.shop",
            "web.shop.example.com",
            "unknown.shop",
            "com.acme.orders.shop",
            "web.shopping",
            "web.shop-2.svc",
            "my-shop.svc",
            "orders.shop=DEBUG",
            "orders.shop: DEBUG",
            "orders.shop()",
            "jdbc:postgresql://db/shop",
            "SPRING_PROFILES_ACTIVE=shop",
            "metrics_namespace: shop",
            "TEMPORAL_NAMESPACE=shop",
            "web.shop.svcs",
            "echo -n shop",
            "s3://shop/web",
        ] {
            assert_eq!(rewritten(text), text);
        }
    }

    #[test]
    fn the_kubernetes_api_is_not_a_service_of_the_namespace_default() {
        assert_eq!(
            rewritten_from("default", "https://kubernetes.default.svc http://web.default.svc"),
            "https://kubernetes.default.svc http://web.stg.svc"
        );
        assert_eq!(rewritten_from("default", "kubernetes.default"), "kubernetes.default");
    }

    #[test]
    fn the_own_namespace_is_found_by_what_stands_before_it() {
        for (from, to) in [
            ("system:serviceaccount:shop:web", "system:serviceaccount:stg:web"),
            ("system:serviceaccounts:shop", "system:serviceaccounts:stg"),
            ("--namespace=shop --x", "--namespace=stg --x"),
            ("helm --namespace shop", "helm --namespace stg"),
            ("kubectl -n shop get pods", "kubectl -n stg get pods"),
            ("--leader-election-namespace='shop'", "--leader-election-namespace='stg'"),
            ("POD_NAMESPACE=shop", "POD_NAMESPACE=stg"),
            ("namespace: shop\nprofile: shop", "namespace: stg\nprofile: shop"),
            ("{\"namespace\": \"shop\"}", "{\"namespace\": \"stg\"}"),
            ("/api/v1/namespaces/shop/pods", "/api/v1/namespaces/stg/pods"),
            ("spiffe://cluster.local/ns/shop/sa/web", "spiffe://cluster.local/ns/stg/sa/web"),
            ("leaderElectionNamespace: \"shop\"", "leaderElectionNamespace: \"stg\""),
        ] {
            assert_eq!(rewritten(from), to);
        }
    }

    #[test]
    fn what_may_be_a_reference_is_shown_and_not_rewritten() {
        let services = BTreeSet::from(["orders"]);
        let names = Names { source: "shop", services: &services, objects: &services };
        for text in ["orders.shop: DEBUG", "http://${SERVICE}.shop:80", "TEMPORAL_NAMESPACE=shop"] {
            let found = mentions(&names, text);
            assert_eq!(found.len(), 1, "{text}");
            assert!(found.iter().all(|it| it.kind == Kind::Possible), "{text}");
        }
    }

    #[test]
    fn rewriting_twice_changes_nothing_more() {
        let once = rewritten("http://web.shop,db.shop.svc --namespace=shop");
        assert_eq!(rewritten(&once), once);
    }
}
