//! What says that a word is the own namespace.

use super::*;

#[test]
fn a_name_is_no_part_of_a_longer_one() {
    for (text, expected) in [
        ("shop", true),
        ("a shop b", true),
        ("shop.", true),
        ("shop. a", true),
        ("${A:-shop}", true),
        ("shop.a", false),
        ("shop..", false),
        (".shop", false),
        ("a-shop", false),
        ("shop-a", false),
        ("shop_a", false),
        ("éshop", false),
        ("shopé", false),
    ] {
        let at = text.find("shop").unwrap();
        assert_eq!(bounded(text, &(at..at + 4)), expected, "{text}");
    }
}

#[test]
fn a_name_begins_behind_what_is_none() {
    for (text, more, expected) in [
        ("ab", "", 0),
        ("a b", "", 2),
        ("a-b", "-", 0),
        ("a-b", "_", 2),
        ("a…b", "", 4),
        ("", "", 0),
    ] {
        assert_eq!(name_start(text, more), expected, "{text}");
    }
}

#[test]
fn the_form_before_a_name_makes_it_a_namespace() {
    for (before, after, expected) in [
        ("a system:serviceaccount:", ":web", Some((22, Kind::Own))),
        ("system:serviceaccounts:", "", Some((23, Kind::Own))),
        ("/api/v1/namespaces/", "/pods", Some((11, Kind::Own))),
        ("/tenants/namespaces/", "", Some((11, Kind::Possible))),
        ("my-namespaces/", "", None),
        ("ns/", "/sa/web", Some((3, Kind::Own))),
        ("cluster.local/ns/", "/*", Some((3, Kind::Own))),
        ("dns/", "/sa/web", None),
        ("ns/", "/web", None),
        ("system:", "", None),
    ] {
        assert_eq!(formed(before, after), expected, "{before}");
    }
    for (before, expected) in [
        ("", Some(Kind::Own)),
        ("get ", Some(Kind::Own)),
        ("/", Some(Kind::Own)),
        ("/apis/apps/v1beta1/", Some(Kind::Own)),
        ("/api/v1/watch/", Some(Kind::Own)),
        ("kubectl get/", Some(Kind::Own)),
        ("${API}/", Some(Kind::Own)),
        ("\"/", Some(Kind::Own)),
        ("/vault/", Some(Kind::Possible)),
        ("a/", Some(Kind::Possible)),
        ("a", None),
        ("a_", None),
    ] {
        assert_eq!(path(before), expected, "{before}");
    }
}

#[test]
fn a_flag_takes_a_namespace_or_an_object_of_one() {
    let objects = BTreeSet::from(["web"]);
    let names = Names { source: "shop", services: &objects, objects: &objects };
    for (before, after, expected) in [
        ("--namespace=", "", Some((0, Kind::Own))),
        ("a --namespace \"", "", Some((2, Kind::Own))),
        ("--tenant-namespace=", "", Some((0, Kind::Possible))),
        ("--namespace", "", None),
        ("namespace ", "", None),
        ("--profile=", "", None),
        ("kubectl get -n ", "", Some((12, Kind::Own))),
        ("echo -n ", "", None),
        ("kubectl | echo -n ", "", None),
        ("kubectl\necho -n ", "", None),
        ("kubectl get ns ", "", Some((12, Kind::Own))),
        ("get ns ", "", None),
        ("--configmap=", "/web --b", Some((0, Kind::Own))),
        ("--configmap=", "/gone", None),
        ("-configmap=", "/web", None),
        ("--image=", "/web", None),
    ] {
        assert_eq!(flag(&names, before, after), expected, "{before}{after}");
    }
    for (before, expected) in [
        ("--namespace=", true),
        ("--namespace '", true),
        ("--tenant-namespace=", false),
        ("--profile=", false),
    ] {
        assert_eq!(is_flag(before), expected, "{before}");
    }
}

#[test]
fn commands_of_kubernetes_are_whole_words() {
    for (line, expected) in [
        ("kubectl get", true),
        ("$(/usr/bin/helm", true),
        ("sh -c 'oc", true),
        ("mykubectl", false),
        ("kubectl-a", false),
        ("", false),
    ] {
        assert_eq!(commands(line), expected, "{line}");
    }
}

#[test]
fn an_element_and_a_line_of_two_words_name_a_namespace() {
    for (before, expected) in [
        ("a<namespace>", Some((2, Kind::Own))),
        ("<k8s:namespace>", Some((1, Kind::Own))),
        ("</namespace>", None),
        ("namespace>", None),
        ("<name>", None),
    ] {
        assert_eq!(element(before), expected, "{before}");
    }
    for (before, after, expected) in [
        ("<match>\n  Kube_Namespace ", "\n", Some((10, Kind::Own))),
        ("Kube_Namespace\t\"", "\" \r\nb", Some((0, Kind::Own))),
        ("set $namespace ", ";", Some((5, Kind::Own))),
        ("a\nKube_Namespace ", "", Some((2, Kind::Own))),
        ("Kube_Namespace ", "", None),
        ("a Kube_Namespace ", "\n", None),
        ("\nKube_Namespace ", " b\n", None),
        ("\nKube_Namespace", "\n", None),
        ("\nProfile ", "\n", None),
    ] {
        assert_eq!(directive(before, after), expected, "{before}{after}");
    }
}

#[test]
fn a_setting_names_a_namespace_and_what_else_is_in_its_list() {
    for (before, expected) in [
        ("a namespace: ", Some((2, Kind::Own))),
        ("POD_NAMESPACE=", Some((0, Kind::Own))),
        ("{\"namespace\" : \"", Some((2, Kind::Own))),
        (r#"{\"namespace\":\""#, Some((3, Kind::Own))),
        ("a kubernetes.io/metadata.name in (", None),
        ("a kubernetes.io/metadata.name=", Some((2, Kind::Own))),
        ("TEMPORAL_NAMESPACE=", Some((0, Kind::Possible))),
        ("namespaces = [\"a\", ", Some((0, Kind::Own))),
        ("namespaces=a,b,", Some((0, Kind::Own))),
        ("{namespace=~\"a|b|", Some((1, Kind::Own))),
        ("namespace!=\"", Some((0, Kind::Own))),
        ("metrics {\n  namespace = \"", Some((12, Kind::Possible))),
        ("metrics {\n}\nnamespace = \"", Some((12, Kind::Own))),
        // Prose.
        ("namespaces: a, ", None),
        ("namespaces: a ,", None),
        ("namespaces=,", None),
        ("namespace ", None),
        ("profile=", None),
    ] {
        assert_eq!(setting(before), expected, "{before}");
    }
    let list = |count: usize| format!("namespaces=[{}", "a,".repeat(count));
    assert_eq!(setting(&list(LISTED)), Some((0, Kind::Own)));
    assert_eq!(setting(&list(LISTED + 1)), None);
}

#[test]
fn the_head_of_a_block_is_what_stands_before_its_brace() {
    for (text, expected) in [
        ("metrics {\n a", Some("metrics")),
        ("a = {", Some("a")),
        ("resource \"b\" {", Some("b")),
        ("a { b { c } ", Some("a")),
        ("a { b { c ", Some("b")),
        ("a { } b", None),
        ("a } b", None),
        ("a", None),
    ] {
        assert_eq!(block(text), expected, "{text}");
    }
}
