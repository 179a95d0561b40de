//! What is rewritten, and what stays.

use std::{fmt::Write, time::Instant};

use proptest::{collection, prelude::*, sample};
use serde_json::{Value, json};

use super::*;

const SERVICES: [&str; 7] = ["web", "db", "orders", "kubernetes", "kafka", "prod", "app"];

fn names<'a>(source: &'a str, services: &'a BTreeSet<&'a str>) -> Names<'a> {
    Names { source, services, objects: services }
}

fn rewritten(text: &str) -> String {
    under("shop", "", text)
}

fn rewritten_from(source: &str, text: &str) -> String {
    under(source, "", text)
}

/// What becomes of the value of a setting.
fn under(source: &str, named: &str, text: &str) -> String {
    let services = BTreeSet::from(SERVICES);
    let place = Place { named, ..Place::default() };
    apply(text, &edits(&names(source, &services), &place, text), "stg")
}

fn found(source: &str, text: &str) -> Vec<(String, Kind)> {
    let services = BTreeSet::from(SERVICES);
    let all = mentions(&names(source, &services), &Place::default(), text);
    all.into_iter().map(|it| (text[it.word].to_owned(), it.kind)).collect()
}

/// Nothing but the words in this list of pairs changes in a file.
fn file(name: &str, text: &str, changed: &[(&str, &str)]) {
    let mut expected = text.to_owned();
    for (from, to) in changed {
        assert!(expected.contains(from), "{name}: {from} is not there");
        expected = expected.replace(from, to);
    }
    assert_eq!(under("shop", name, text), expected, "{name}");
    assert_eq!(under("shop", name, &expected), expected, "{name}, once more");
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
        ("db.shop.:5432", "db.stg.:5432"),
        ("DB.SHOP.SVC.CLUSTER.LOCAL", "DB.stg.SVC.CLUSTER.LOCAL"),
        ("unknown.shop.svc", "unknown.stg.svc"),
        ("kafka-0.kafka.shop.svc.cluster.local:9092", "kafka-0.kafka.stg.svc.cluster.local:9092"),
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
        ("*.shop.svc.cluster.local", "*.stg.svc.cluster.local"),
        (
            "web.shop.serviceaccount.identity.linkerd.cluster.local",
            "web.stg.serviceaccount.identity.linkerd.cluster.local",
        ),
        ("outbound|80||web.shop.svc.cluster.local", "outbound|80||web.stg.svc.cluster.local"),
    ] {
        assert_eq!(rewritten(from), to);
    }
}

#[test]
fn hosts_are_found_inside_urls_and_lists() {
    for (from, to) in [
        ("http://web.shop/shop?x=shop", "http://web.stg/shop?x=shop"),
        ("jdbc:postgresql://db.shop:5432/shop?ssl=1", "jdbc:postgresql://db.stg:5432/shop?ssl=1"),
        (
            "jdbc:sqlserver://db.shop:1433;databaseName=shop",
            "jdbc:sqlserver://db.stg:1433;databaseName=shop",
        ),
        ("jdbc:oracle:thin:@//db.shop:1521/shop", "jdbc:oracle:thin:@//db.stg:1521/shop"),
        ("amqp://u:p%40@db.shop.svc:5672/%2Fshop", "amqp://u:p%40@db.stg.svc:5672/%2Fshop"),
        ("amqp://shop:shop@db.shop/shop", "amqp://shop:shop@db.stg/shop"),
        ("shop:shop@tcp(db.shop:3306)/shop", "shop:shop@tcp(db.stg:3306)/shop"),
        (
            "mongodb://u:p@db-0.db.shop,db-1.db.shop/shop?replicaSet=shop",
            "mongodb://u:p@db-0.db.stg,db-1.db.stg/shop?replicaSet=shop",
        ),
        ("mongodb+srv://db.shop.svc.cluster.local", "mongodb+srv://db.stg.svc.cluster.local"),
        ("postgres%3A%2F%2Fdb.shop%3A5432", "postgres%3A%2F%2Fdb.stg%3A5432"),
        ("{\"url\":\"http://web.shop\\n\"}", "{\"url\":\"http://web.stg\\n\"}"),
        ("upstream { server web.shop:80; }", "upstream { server web.stg:80; }"),
        ("server_name web.shop;", "server_name web.stg;"),
        ("cmd\\nweb.shop:80", "cmd\\nweb.stg:80"),
        ("echo > /dev/tcp/db.shop/5432", "echo > /dev/tcp/db.stg/5432"),
        ("hosts: [db.shop, 'web.shop']", "hosts: [db.stg, 'web.stg']"),
        ("db.shop,web.shop", "db.stg,web.stg"),
        ("until nc -z db.shop 5432; do sleep 1; done", "until nc -z db.stg 5432; do sleep 1; done"),
        ("curl -sf web.shop/health", "curl -sf web.stg/health"),
        ("psql -h db.shop -U shop shop", "psql -h db.stg -U shop shop"),
        ("[fd00::1]:80,db.shop:80", "[fd00::1]:80,db.stg:80"),
        (
            "PLAINTEXT://kafka-0.kafka.shop:9092,SASL://kafka-0.kafka.shop:9093",
            "PLAINTEXT://kafka-0.kafka.stg:9092,SASL://kafka-0.kafka.stg:9093",
        ),
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
        "/certs/db.shop.svc.crt",
        "http://soap.example.com/shop.svc",
        "celery -A web.shop worker",
        "orders@web.shop",
        "import web.shop",
        "/subscriptions/1/Microsoft.ServiceBus/namespaces/shop",
        "metrics.namespace=shop",
        "{\"cache\":{\"namespace\":\"shop\"}}",
        "a namespace: my shop",
    ] {
        assert_eq!(rewritten(text), text);
    }
}

#[test]
fn names_that_are_common_words_are_not_found_everywhere() {
    for source in ["prod", "default", "app", "web", "a", "api", "main"] {
        let services = BTreeSet::from(["web", "orders", "api", source]);
        for text in [
            "{0}",
            "SPRING_PROFILES_ACTIVE={0}",
            "spring.profiles.active={0}\ndatabase: {0}\nname={0}",
            "uvicorn orders.{0} --env {0}",
            "gunicorn web.{0}:{0}",
            "/srv/{0}/web.{0}.js",
            "/{0}/web.{0}",
            "env: {0}\nprofile: web.{0}\ntopic: orders.{0}\nclass: web.{0}",
            "import orders from './orders.{0}'",
            "cd {0} && npm run {0} -n",
            "proxy_set_header X {0};\nlocation /{0} {{ return 200; }}\n",
            "listen web:{0}",
            "{0}:{0}@{0}/{0}",
            "a-{0} {0}-a {0}.{0} {0}_a",
            "https://{0}.example.com/{0}/namespaces",
        ] {
            let text = text.replace("{0}", source).replace("{{", "{").replace("}}", "}");
            let place = Place::default();
            let found = edits(&names(source, &services), &place, &text);
            assert!(found.is_empty(), "{source}: {text}: {found:?}");
        }
    }
}

#[test]
fn what_names_a_value_says_whether_it_is_a_host() {
    for (named, text, expected) in [
        ("DB_HOST", "db.shop", "db.stg"),
        ("ORDERS", "orders.shop", "orders.stg"),
        ("backends", "web.shop|orders.shop", "web.stg|orders.stg"),
        ("KAFKA_TOPIC", "orders.shop", "orders.shop"),
        ("DJANGO_SETTINGS_MODULE", "web.shop", "web.shop"),
        ("args", "web.shop", "web.shop"),
        ("A", "web.shop", "web.shop"),
        ("h", "web.shop", "web.stg"),
        ("TOPIC_SERVER", "kafka.shop", "kafka.stg"),
    ] {
        assert_eq!(under("shop", named, text), expected, "{named}");
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
        ("a; /usr/bin/kubectl get po -n 'shop'", "a; /usr/bin/kubectl get po -n 'stg'"),
        ("--leader-election-namespace='shop'", "--leader-election-namespace='stg'"),
        ("run --configmap=shop/web --image=shop/web", "run --configmap=stg/web --image=shop/web"),
        ("POD_NAMESPACE=shop", "POD_NAMESPACE=stg"),
        ("namespace: shop\nprofile: shop", "namespace: stg\nprofile: shop"),
        ("{\"namespace\": \"shop\"}", "{\"namespace\": \"stg\"}"),
        ("/api/v1/namespaces/shop/pods", "/api/v1/namespaces/stg/pods"),
        ("namespaces/shop", "namespaces/stg"),
        ("spiffe://cluster.local/ns/shop/sa/web", "spiffe://cluster.local/ns/stg/sa/web"),
        ("cluster.local/ns/shop/*", "cluster.local/ns/stg/*"),
        ("leaderElectionNamespace: \"shop\"", "leaderElectionNamespace: \"stg\""),
        ("up{namespace=\"shop\"}", "up{namespace=\"stg\"}"),
        ("up{namespace=~\"billing|shop\"}", "up{namespace=~\"billing|stg\"}"),
        ("watch_namespaces = [\"billing\", \"shop\"]", "watch_namespaces = [\"billing\", \"stg\"]"),
        ("${POD_NAMESPACE:-shop}", "${POD_NAMESPACE:-stg}"),
        ("kubernetes.io/metadata.name=shop", "kubernetes.io/metadata.name=stg"),
        ("<Broken><namespace>shop</namespace>", "<Broken><namespace>stg</namespace>"),
        ("set $namespace shop;", "set $namespace stg;"),
        ("<match>\n  Kube_Namespace shop\n", "<match>\n  Kube_Namespace stg\n"),
    ] {
        assert_eq!(rewritten(from), to);
    }
}

#[test]
fn what_may_be_a_reference_is_shown_and_not_rewritten() {
    for text in ["orders.shop: DEBUG", "http://${SERVICE}.shop:80", "TEMPORAL_NAMESPACE=shop"] {
        let found = found("shop", text);
        assert_eq!(found.len(), 1, "{text}");
        assert!(found.iter().all(|(_, kind)| *kind == Kind::Possible), "{text}");
    }
}

#[test]
fn what_is_encoded_is_shown() {
    let services = BTreeSet::from(SERVICES);
    let text = format!("a: {}\nb: c2hvcA==", BASE64.encode("url=http://db.shop.svc:80"));
    assert_eq!(encoded(&names("shop", &services), &text), ["db.shop.svc"]);
}

#[test]
fn yaml_is_rewritten_under_its_keys_only() {
    file(
        "prometheus.yml",
        "# namespace: shop, see web.shop\n\
         global: { external_labels: { env: shop } }\n\
         scrape_configs:\n\
         - job_name: shop   # the namespace: shop\n\
         \x20 kubernetes_sd_configs:\n\
         \x20 - role: pod\n\
         \x20   namespaces:\n\
         \x20     names:\n\
         \x20     - billing\n\
         \x20     - shop  # own!\n\
         \x20 relabel_configs:\n\
         \x20 - source_labels: [__meta_kubernetes_namespace, app]\n\
         \x20   regex: (shop);shop own!\n",
        &[("- shop  # own!", "- stg  # own!"), ("(shop)", "(stg)")],
    );
    file(
        "a.yaml",
        "relabel:\n- source_labels: [__meta_kubernetes_namespace, app]\n  regex: '(shop|x);shop'\n",
        &[("'(shop|x);shop'", "'(stg|x);shop'")],
    );
    file(
        "envoy.yaml",
        "clusters:\n- name: web.shop\n  load_assignment:\n    endpoints:\n    - address: { socket_address: { address: web.shop, port_value: 80 } }\n  alt_stat_name: orders.shop\n",
        &[(" address: web.shop", " address: web.stg")],
    );
    file(
        "config",
        "logging:\n  level: { web.shop: DEBUG }\nhosts:\n  web.shop: {}\ncache:\n  namespace: shop\nleader:\n  namespace: \"shop\"\nprofile: shop\nenv:\n- name: POD_NAMESPACE\n  value: shop\n- name: PROFILE\n  value: shop\nargs: [--namespace, shop, --profile, shop, nc, orders.shop, '80']\n",
        &[
            ("hosts:\n  web.shop", "hosts:\n  web.stg"),
            ("\"shop\"", "\"stg\""),
            ("POD_NAMESPACE\n  value: shop", "POD_NAMESPACE\n  value: stg"),
            ("[--namespace, shop", "[--namespace, stg"),
            ("orders.shop, '80'", "orders.stg, '80'"),
        ],
    );
    file(
        "values",
        "a: |\n  namespace: shop\n  # namespace: shop?\n  text: shop\nb: \"{\\\"namespace\\\": \\\"shop\\\", \\\"name\\\": \\\"shop\\\"}\"\nc: >-\n  kubectl -n shop\n  get shop\n",
        &[
            ("namespace: shop\n", "namespace: stg\n"),
            ("\\\"namespace\\\": \\\"shop", "\\\"namespace\\\": \\\"stg"),
            ("-n shop", "-n stg"),
        ],
    );
    file(
        "templated.yaml",
        "a: {{ .A }}\n{{- if .B }}\nnamespaces:\n  - {{ .C }}\n  - shop\n{{- end }}\nname: shop\n",
        &[("- shop", "- stg")],
    );
}

#[test]
fn json_is_rewritten_under_its_keys_only() {
    file(
        "config.json",
        "{\"namespace\" : \"shop\",\t\"shop\":\"shop\", \"url\":\"http:\\/\\/web.shop\\/shop\",\n\"env\":[{\"value\":\"shop\",\"name\":\"NAMESPACE\"}], \"n\": 1e3, \"topic\": \"orders.shop\", \"s\":\"\\u0073hop\"}",
        &[
            ("\"namespace\" : \"shop", "\"namespace\" : \"stg"),
            ("web.shop", "web.stg"),
            ("\"value\":\"shop", "\"value\":\"stg"),
        ],
    );
}

#[test]
fn toml_is_rewritten_under_its_keys_only() {
    file(
        "config.toml",
        "# namespace = \"shop\"\nname = \"shop\"\n[kubernetes]\nnamespaces = [ \"billing\", 'shop' ] # shop\nnamespace.name = \"shop\"\n[metrics]\nnamespace = \"shop\"\n[db]\nserver = { host = \"db.shop\", database = \"shop\", namespace = \"shop\" }\ntopic = \"orders.shop\"\n",
        &[
            ("'shop'", "'stg'"),
            ("namespace.name = \"shop\"", "namespace.name = \"stg\""),
            ("db.shop", "db.stg"),
            ("namespace = \"shop\" }", "namespace = \"stg\" }"),
        ],
    );
}

#[test]
fn xml_is_rewritten_under_its_elements_only() {
    file(
        "site.xml",
        "<?xml version=\"1.0\"?>\n<!-- <namespace>shop</namespace> -->\n<c>\n <namespace>shop</namespace><name>shop</name>\n <property><name>k8s.namespace</name><value>shop</value></property>\n <property><name>db</name><value>shop</value></property>\n <p name='namespace' value='shop'/><p name='x' value='shop'/>\n <entry key=\"db.url\">jdbc:postgresql://db.shop/shop?a=1&amp;b=shop</entry>\n <logger name=\"web.shop\"/>\n</c>\n",
        &[
            ("\n <namespace>shop", "\n <namespace>stg"),
            ("k8s.namespace</name><value>shop", "k8s.namespace</name><value>stg"),
            ("'namespace' value='shop'", "'namespace' value='stg'"),
            ("//db.shop", "//db.stg"),
        ],
    );
}

#[test]
fn lines_are_rewritten_under_their_names_only() {
    file(
        "application.properties",
        "# namespace=shop\n! k8s.namespace=shop\nspring.profiles.active=shop\nspring.cloud.kubernetes.namespace = shop\r\nmetrics.namespace=shop\nurl=http\\://web.shop/v1\nlogging.level.web.shop=DEBUG\nbrokers=kafka-0.kafka.shop:9092,\\\n  kafka-1.kafka.shop:9092\ntopic=orders.shop\n",
        &[
            ("kubernetes.namespace = shop", "kubernetes.namespace = stg"),
            ("//web.shop", "//web.stg"),
            ("kafka.shop", "kafka.stg"),
        ],
    );
    file(
        "app.ini",
        "[kubernetes]\nnamespace = shop ; own\n[cache]\nnamespace = shop\n[shop]\nname=shop\nserver=\"db.shop\"\n; host=db.shop:80\n",
        &[("namespace = shop ;", "namespace = stg ;"), ("\"db.shop\"", "\"db.stg\"")],
    );
    file(
        ".env",
        "export POD_NAMESPACE='shop'\nDB_HOST=db.shop # db.shop\nDB=shop\nAPP_ENV=shop\n",
        &[("'shop'", "'stg'"), ("HOST=db.shop", "HOST=db.stg")],
    );
}

#[test]
fn other_files_are_rewritten_by_careful_rules() {
    file(
        "nginx.conf",
        "# proxy_pass http://web.shop;\nupstream shop { server web.shop:80 backup; }\nserver {\n  server_name shop.example.com web.shop;\n  root /srv/web.shop;\n  location /shop { proxy_pass http://orders.shop/shop; }\n  log_format shop '$host shop';\n}\n",
        &[
            ("server web.shop:80", "server web.stg:80"),
            ("http://orders.shop", "http://orders.stg"),
            ("com web.shop;", "com web.stg;"),
        ],
    );
    file(
        "main.tf",
        "// namespace = \"shop\"\nresource \"shop\" \"shop\" {\n  namespace = \"shop\"\n  name      = \"shop\"\n  address   = \"db.shop\"\n}\n",
        &[("  namespace = \"shop\"", "  namespace = \"stg\""), ("\"db.shop\"", "\"db.stg\"")],
    );
    file(
        "run.sh",
        "#!/bin/sh\n# kubectl -n shop\nNS=shop\nexport NAMESPACE=shop\nkubectl -n shop get pod shop\nnc -z db.shop 5432 || exit 1\necho -n shop > /tmp/web.shop\ncurl \"http://$H.shop.svc/shop\"\n",
        &[
            ("NAMESPACE=shop", "NAMESPACE=stg"),
            ("\nkubectl -n shop", "\nkubectl -n stg"),
            ("db.shop 5432", "db.stg 5432"),
            (".shop.svc", ".stg.svc"),
        ],
    );
}

/// A value in a file, its leaves named by their pointers.
fn leaves(value: &Value, at: String, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                leaves(value, format!("{at}/{key}"), found);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                leaves(value, format!("{at}/{index}"), found);
            }
        }
        other => found.push((at, other.clone())),
    }
}

fn tree() -> impl Strategy<Value = Value> {
    let texts = [
        "shop",
        "db.shop.svc",
        "http://web.shop/shop",
        "x # shop",
        "a\"b\\c",
        "namespace: shop",
        "é\nshop",
        "- shop",
        "'",
        "",
    ];
    let keys =
        ["namespace", "namespaces", "profile", "host", "cache", "name", "value", "é: x", "shop"];
    let leaf = prop_oneof![sample::select(texts.to_vec()).prop_map(Value::from), Just(json!(1))];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            collection::vec((sample::select(keys.to_vec()), inner), 1..4).prop_map(|fields| {
                Value::Object(fields.into_iter().map(|(key, it)| (key.to_owned(), it)).collect())
            }),
        ]
    })
}

fn texts() -> impl Strategy<Value = String> {
    let words = [
        "shop",
        "web",
        ".",
        ":",
        "=",
        " ",
        "\n",
        "\"",
        "'",
        "/",
        "//",
        "{",
        "}",
        "[",
        "]",
        "<",
        ">",
        "# ",
        "- ",
        "-n ",
        "kubectl ",
        "namespace",
        "--namespace",
        "svc",
        "db.shop",
        "\\",
        "%2F",
        "é",
        "ns/",
        "|",
        "name",
        "value",
        ",",
        "\t",
        "{{",
        "}}",
        "80",
        "*",
        "&a ",
        "!t ",
        "---\n",
        "?",
        "(",
        "<!--",
        "-->",
        "/*",
        "<![CDATA[",
        "&amp;",
        "\u{feff}",
        "\r\n",
        ";",
    ];
    collection::vec(sample::select(words.to_vec()), 0..40).prop_map(|it| it.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn other_parsers_see_the_same_tree_with_other_values_only(tree in tree()) {
        for (name, text) in [
            ("a.json", serde_json::to_string(&tree).unwrap()),
            ("a.json", serde_json::to_string_pretty(&tree).unwrap()),
            ("a.yaml", serde_saphyr::to_string(&tree).unwrap()),
        ] {
            let new = under("shop", name, &text);
            let read: Value = serde_saphyr::from_str(&new).unwrap();
            let (mut before, mut after) = (Vec::new(), Vec::new());
            let was: Value = serde_saphyr::from_str(&text).unwrap();
            leaves(&was, String::new(), &mut before);
            leaves(&read, String::new(), &mut after);
            prop_assert_eq!(before.len(), after.len());
            for ((at, old), (now, new)) in before.iter().zip(&after) {
                let key = at.rsplit('/').find(|it| it.parse::<usize>().is_err());
                let (old, new) = (old.as_str().unwrap_or_default(), new.as_str().unwrap_or_default());
                prop_assert_eq!(at.replace("/shop", "/stg"), now.replace("/shop", "/stg"));
                // A bare word changes only under a name that says what it is.
                if old == "shop" && new != "shop" {
                    prop_assert!(["namespace", "namespaces", "name", "value"].contains(&key.unwrap_or_default()), "{} {}", at, text);
                }
                if old == "db.shop.svc" {
                    prop_assert_eq!(new, "db.stg.svc");
                }
            }
        }
    }

    #[test]
    fn any_text_is_read_and_only_the_name_is_replaced(
        text in texts(),
        name in sample::select(vec!["", "a.yaml", "a.json", "a.toml", "a.xml", "a.ini", "namespace"]),
    ) {
        let services = BTreeSet::from(SERVICES);
        let place = Place { named: name, objects: true, ..Place::default() };
        let all = edits(&names("shop", &services), &place, &text);
        let mut end = 0;
        for it in &all {
            prop_assert!(it.name.start >= end && text[it.name.clone()].eq_ignore_ascii_case("shop"));
            prop_assert!(it.word.start <= it.name.start && it.name.end <= it.word.end);
            end = it.name.end;
        }
        let once = apply(&text, &all, "stg");
        let again = edits(&names("shop", &services), &place, &once);
        prop_assert!(again.is_empty(), "{:?} {:?}", once, again);
    }
}

#[test]
fn the_time_is_linear_in_the_text() {
    let services = BTreeSet::from(SERVICES);
    let names = names("shop", &services);
    let mut yaml = String::new();
    for at in 0..600 {
        let _ = writeln!(yaml, "k{at}: {{ namespace: shop, url: 'http://web.shop/{at}' }} # shop");
    }
    let repeat = |text: &str| text.repeat((1 << 15) / text.len());
    for (what, text) in [
        ("yaml", yaml),
        ("words", repeat("shop ")),
        ("dots", repeat("shop.")),
        ("flags", repeat("kubectl -n shop ")),
        ("lists", repeat("shop,")),
        ("keys", repeat("namespace: shop ")),
        ("brackets", repeat("[shop")),
        ("elements", repeat("<shop>")),
        ("dashes", repeat("- shop\n")),
        ("indented", (0..250).fold(String::new(), |all, at| all + &" ".repeat(at) + "shop:\n")),
        ("quotes", repeat("\"shop")),
        ("escapes", format!("{{\"a\":\"{}\"}}", repeat("\\\"shop\\\"\\n"))),
        ("lines", repeat("a=shop\n")),
        ("comments", repeat("# shop\na # shop\n")),
        ("templates", repeat("{{ shop }}")),
        ("open", repeat("{{ shop")),
        ("hosts", repeat("web.shop,")),
        ("nested", repeat("{\"shop\":")),
        ("pipes", repeat("shop|")),
        ("base64", repeat("c2hv")),
    ] {
        for name in ["", "a.yaml", "a.toml", "a.xml", "a.properties"] {
            let begun = Instant::now();
            let place = Place { named: name, ..Place::default() };
            mentions(&names, &place, &text);
            encoded(&names, &text);
            let took = begun.elapsed();
            // What were quadratic would take much longer.
            assert!(took.as_secs() < 10, "{what} as {name:?} took {took:?}");
        }
    }
}
