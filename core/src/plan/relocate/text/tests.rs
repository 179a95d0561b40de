//! What is rewritten, and what stays.

mod files;
mod properties;

use super::*;

const SERVICES: [&str; 8] = ["web", "db", "orders", "kubernetes", "kafka", "prod", "app", "set-db"];

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
        ("db.shop\\:5432", "db.stg\\:5432"),
        ("DB.SHOP.SVC.CLUSTER.LOCAL", "DB.stg.SVC.CLUSTER.LOCAL"),
        ("unknown.shop.svc", "unknown.stg.svc"),
        ("shop/web.shop.svc", "stg/web.stg.svc"),
        ("--gateway=shop/web.shop.svc.cluster.local", "--gateway=stg/web.stg.svc.cluster.local"),
        ("https://acme.com/shop/web.shop.svc.yaml", "https://acme.com/shop/web.shop.svc.yaml"),
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
fn a_pod_or_a_service_may_be_named_by_a_variable() {
    for (named, from, to) in [
        ("", "${HOSTNAME}.kafka.shop", "${HOSTNAME}.kafka.stg"),
        ("", "$(POD_NAME).kafka.shop", "$(POD_NAME).kafka.stg"),
        ("", "$(hostname -s).kafka.shop", "$(hostname -s).kafka.stg"),
        ("", "rabbit@$(POD_NAME).kafka.shop", "rabbit@$(POD_NAME).kafka.stg"),
        (
            "",
            "A=PLAINTEXT://${HOSTNAME}.kafka.shop:9092; run",
            "A=PLAINTEXT://${HOSTNAME}.kafka.stg:9092; run",
        ),
        ("", "${A}://$(X).kafka.shop:9092", "${A}://$(X).kafka.stg:9092"),
        (
            "",
            "kafka-${i}.kafka.shop,kafka-$i.kafka.shop",
            "kafka-${i}.kafka.stg,kafka-$i.kafka.stg",
        ),
        ("", "kafka-$(($i + 1)).kafka.shop", "kafka-$(($i + 1)).kafka.shop"),
        (
            "",
            "-p=${SET}-0.kafka.shop:9333,${SET}-1.kafka.shop:9333",
            "-p=${SET}-0.kafka.stg:9333,${SET}-1.kafka.stg:9333",
        ),
        ("", "-ip=${POD}.${SET}-kafka.shop -x", "-ip=${POD}.${SET}-kafka.shop -x"),
        ("", "-ip=${POD}.${SET}-db.shop -x", "-ip=${POD}.${SET}-db.stg -x"),
        ("", "http://${SET}-db.shop:80/shop", "http://${SET}-db.stg:80/shop"),
        ("", "${A}-db.shop ${A}-db.shop:80", "${A}-db.shop ${A}-db.stg:80"),
        // None of these is known to be a host.
        ("", "${SERVICE}.shop:80", "${SERVICE}.shop:80"),
        ("", "/logs/${HOSTNAME}.kafka.shop", "/logs/${HOSTNAME}.kafka.shop"),
        ("KAFKA_TOPIC", "${PREFIX}.orders.shop", "${PREFIX}.orders.shop"),
        ("", "--topic ${PREFIX}.orders.shop", "--topic ${PREFIX}.orders.shop"),
        ("", "config().orders.shop", "config().orders.shop"),
        ("", "{env}.orders.shop", "{env}.orders.shop"),
        ("", "${HOSTNAME}.unknown.shop", "${HOSTNAME}.unknown.shop"),
        ("", "${HOSTNAME}.a.kafka.shop", "${HOSTNAME}.a.kafka.shop"),
        ("", "${HOSTNAME}.kafka.shopping", "${HOSTNAME}.kafka.shopping"),
        ("", "${HOSTNAME}.kafka.shop.example.com", "${HOSTNAME}.kafka.shop.example.com"),
        ("", "${HOSTNAME}.kafka.shop()", "${HOSTNAME}.kafka.shop()"),
    ] {
        assert_eq!(under("shop", named, from), to, "{named}");
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
        ("proxy_pass http://web.shop$request_uri;", "proxy_pass http://web.stg$request_uri;"),
        ("$PEERS,kafka-$i.kafka.shop", "$PEERS,kafka-$i.kafka.stg"),
        ("server_name web.shop;", "server_name web.stg;"),
        ("cmd\\nweb.shop:80", "cmd\\nweb.stg:80"),
        ("echo > /dev/tcp/db.shop/5432", "echo > /dev/tcp/db.stg/5432"),
        ("hosts: [db.shop, 'web.shop']", "hosts: [db.stg, 'web.stg']"),
        ("db.shop,web.shop", "db.stg,web.stg"),
        ("until nc -z db.shop 5432; do sleep 1; done", "until nc -z db.stg 5432; do sleep 1; done"),
        ("curl -sf web.shop/health", "curl -sf web.stg/health"),
        ("psql -h db.shop -U shop shop", "psql -h db.stg -U shop shop"),
        ("mysql -hdb.shop -ushop shop", "mysql -hdb.stg -ushop shop"),
        ("-hdb.shop", "-hdb.stg"),
        ("x-hdb.shop", "x-hdb.shop"),
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
        "map $host $env { web.shop 1; }",
        "$web.shop",
        "{\"profiles\":{\"include\":[\"web.shop\"]},\"queues\":{\"orders\":\"orders.shop\"}}",
        "import web.shop",
        "/subscriptions/1/Microsoft.ServiceBus/namespaces/shop",
        "metrics.namespace=shop",
        "{\"cache\":{\"namespace\":\"shop\"}}",
        "a namespace: my shop",
        "metrics {\n  enabled = true\n  namespace = \"shop\"\n}",
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
        ("externalName", "web.shop", "web.stg"),
        ("hosts", "shop/*", "stg/*"),
        ("hosts", "./web.shop.svc.cluster.local", "./web.stg.svc.cluster.local"),
        ("gateways", "shop/public", "stg/public"),
        ("exportTo", "shop", "stg"),
        ("9000", "shop/db:5432", "stg/db:5432"),
        ("IMAGE", "shop/db:5432", "shop/db:5432"),
    ] {
        assert_eq!(under("shop", named, text), expected, "{named}");
    }
}

#[test]
fn a_namespace_with_a_hyphen_is_no_ending_and_no_module() {
    for (named, text, expected) in [
        ("args", "web.my-shop", "web.stg"),
        ("", "wait for web.my-shop now", "wait for web.stg now"),
        ("KAFKA_TOPIC", "orders.my-shop", "orders.my-shop"),
        ("", "orders.my-shop-2", "orders.my-shop-2"),
        ("", "my-orders.my-shop", "my-orders.my-shop"),
    ] {
        assert_eq!(under("my-shop", named, text), expected);
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
        ("kubectl -nshop get pods", "kubectl -nstg get pods"),
        ("echo -nshop", "echo -nshop"),
        ("kubectl get namespace shop -o yaml", "kubectl get namespace stg -o yaml"),
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
fn a_name_with_a_service_is_a_host_by_its_form() {
    let (host, possible) = (Some(Kind::Host), Some(Kind::Possible));
    for (text, expected) in [
        ("shop.svc", host),
        ("a/shop.svc", possible),
        ("a/shop.svc.cluster.local", host),
        ("a/b.shop.svc", host),
        ("b.shop.svc.crt", possible),
        ("b.shop.svc.local", host),
        ("shop.pod.cluster.local", None),
        ("b.shop.pod", None),
        ("b.shop.pod.cluster.local", host),
        ("b.shop.serviceaccount.identity", host),
        ("b.shop.serviceaccount.other", None),
        ("kubernetes.shop.svc", host),
        // A Pod of a Service, or a port, and what is neither.
        ("db-0.db.shop", host),
        ("_a._b.db.shop", host),
        ("a.db.shop", possible),
        ("a._b.db.shop", possible),
        ("$a.db.shop", host),
        ("/db-0.db.shop", None),
        ("${SERVICE}.shop", possible),
        ("a${SERVICE}.gone.shop", None),
    ] {
        let kinds: Vec<Kind> = found("shop", text).into_iter().map(|it| it.1).collect();
        assert_eq!(kinds, Vec::from_iter(expected), "{text}");
    }
}

#[test]
fn the_word_around_a_reference_is_shown_with_the_target_in_it() {
    let services = BTreeSet::from(SERVICES);
    let text = "see http://db.shop.svc:80/shop";
    let edit = &edits(&names("shop", &services), &Place::default(), text)[0];
    let expected = ("db.shop.svc".to_owned(), "db.stg.svc".to_owned());
    assert_eq!(shown(text, edit, "stg"), expected);
}

#[test]
fn what_is_too_short_or_holds_nothing_sure_is_not_shown_decoded() {
    let services = BTreeSet::from(SERVICES);
    let encode = |it: &str| BASE64.encode(it);
    for (text, expected) in [
        (
            format!("x {},{}", encode("db.shop.svc"), encode("db.shop:80")),
            vec!["db.shop.svc", "db.shop"],
        ),
        (encode("orders.shop: DEBUG"), vec![]),
        (encode("shop.svc"), vec!["shop.svc"]),
        (encode("a.b.c.d"), vec![]),
        ("db.shop.svc".to_owned(), vec![]),
    ] {
        assert_eq!(encoded(&names("shop", &services), &text), expected, "{text}");
    }
    assert_eq!(encode("shop.svc").len(), ENCODED);
}

#[test]
fn positions_are_told_by_the_spans_they_lie_in() {
    for (at, expected) in
        [(1, false), (2, true), (3, true), (4, false), (5, false), (6, true), (7, false)]
    {
        assert_eq!(within(&[2..4, 6..7], at), expected, "{at}");
    }
}

#[test]
fn the_end_of_a_text_begins_with_a_whole_letter() {
    let text = "…".repeat(100);
    assert_eq!(tail(&text), &text[45..]);
    assert_eq!(tail("a…"), "a…");
}

#[test]
fn a_word_is_there_in_whatever_case() {
    for (text, word, expected) in [
        ("a SHOP b", "shop", true),
        ("shop", "shop", true),
        ("sho", "shop", false),
        ("ship", "shop", false),
        ("shop", "", false),
    ] {
        assert_eq!(contains(text, word), expected, "{text} {word}");
    }
}
