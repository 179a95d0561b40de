//! Files of every form: what changes, and no other byte.

use super::under;

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
