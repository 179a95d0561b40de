use serde_json::{Value, json};

use super::policies;
use crate::plan::{
    PlanError,
    capture::{Address, Capture},
    context::Context,
    fixture::{self, object},
    log::Log,
    object::Object,
    request::Request,
};

/// A source with a Service, a Pod and an Ingress behind a load balancer.
fn source() -> Capture {
    let address =
        |what: &str, host: &str| Address { what: what.to_owned(), host: host.to_owned(), port: 80 };
    let route = object(
        "networking.k8s.io/v1",
        "Ingress",
        "web",
        json!({
            "spec": {"rules": [{"host": "shop.acme.com"}]},
            "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.10"}]}},
        }),
    );
    Capture {
        objects: vec![route],
        addresses: vec![address("Service/db", "10.96.0.7"), address("Pod/db-0", "10.1.0.7")],
        ..fixture::capture()
    }
}

fn made(spec: Value, boundary: &Value) -> Result<(Vec<Object>, Log), PlanError> {
    let request: Request = fixture::request(spec, json!({"boundary": boundary}));
    let capture = source();
    let context = Context::new(&request, &capture).unwrap();
    let mut log = Log::default();
    policies(&context, &mut log).map(|it| (it, log))
}

fn egress(to: &Value) -> Value {
    json!({"egress": [{"to": [to], "ports": [{"port": 443}]}]})
}

fn team(label: &str) -> Value {
    json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": label}}})
}

fn block(cidr: &str) -> Value {
    json!({"ipBlock": {"cidr": cidr}})
}

fn anything() -> Value {
    json!({"allow": [{"to": [
        {"namespaceSelector": {}}, block("0.0.0.0/0"), block("::/0"),
    ]}]})
}

#[test]
fn nothing_is_opened_unless_it_is_asked_for() {
    assert_eq!(made(json!({}), &anything()).unwrap().0, []);
}

#[test]
fn an_opening_is_what_is_asked_for_and_what_the_class_allows() {
    let ceiling = json!({"allow": [
        {"to": [{"namespaceSelector": {"matchLabels": {"team": "data"}}}], "ports": [{"port": 5432}, {"port": 8000, "endPort": 9000}]},
        {"to": [block("198.51.100.0/24")]},
    ]});
    let spec = json!({"egress": [{
        "to": [{
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "warehouse"}},
            "podSelector": {"matchLabels": {"app": "db"}},
        }],
        "ports": [{"port": 8080}],
    }, {
        "to": [block("198.51.0.0/16")], "ports": [{"port": 443}],
    }]});
    let (made, log) = made(spec, &ceiling).unwrap();
    assert_eq!(made[0].name(), "kulisse-egress");
    assert_eq!(
        made[0].get("/spec"),
        Some(&json!({
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [
                {
                    "to": [{
                        "namespaceSelector": {
                            "matchLabels": {"kubernetes.io/metadata.name": "warehouse", "team": "data"},
                            "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["shop"]}],
                        },
                        "podSelector": {"matchLabels": {"app": "db"}},
                    }],
                    "ports": [{"protocol": "TCP", "port": 8080}],
                },
                {
                    "to": [{"ipBlock": {"cidr": "198.51.100.0/24"}}],
                    "ports": [{"protocol": "TCP", "port": 443}],
                },
            ],
        }))
    );
    let narrowed: Vec<&str> = log.findings.iter().map(|it| it.kind.as_str()).collect();
    assert_eq!(narrowed, ["egress-narrowed", "egress-narrowed"]);
}

#[test]
fn what_the_class_does_not_allow_is_refused_and_says_what_is_allowed() {
    let ceiling = json!({"allow": [{"to": [team("warehouse")], "ports": [{"port": 5432}]}]});
    for (spec, boundary, says) in [
        (egress(&team("warehouse")), json!({}), "boundary.allow is empty"),
        (egress(&team("warehouse")), ceiling.clone(), "5432"),
        (egress(&team("other")), ceiling.clone(), "warehouse"),
        (egress(&block("198.51.100.0/24")), ceiling, "none of it"),
        (egress(&block("198.51.100.0/99")), anything(), "not a range"),
    ] {
        let error = made(spec, &boundary).unwrap_err().to_string();
        assert!(error.starts_with("spec.egress[0].to[0]: "), "{error}");
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn an_opening_that_the_class_allows_whole_is_not_narrowed_and_stands_there_once() {
    let opening = egress(&block("198.51.100.0/24"))["egress"][0].clone();
    let twice = json!({"allow": [{"to": [block("0.0.0.0/0")]}, {"to": [block("198.51.0.0/16")]}]});
    let (openings, log) = made(json!({"egress": [opening, opening]}), &twice).unwrap();
    assert_eq!(openings[0].get("/spec/egress").and_then(Value::as_array).map(Vec::len), Some(1));
    assert_eq!(log.findings, []);
}

#[test]
fn what_is_left_out_of_a_range_lies_within_it() {
    let but = json!({"ipBlock": {"cidr": "198.51.100.0/24", "except": ["198.51.101.0/24"]}});
    let error = made(egress(&but), &anything()).unwrap_err().to_string();
    assert!(error.contains("except 198.51.101.0/24 is not within 198.51.100.0/24"), "{error}");
    let neither = made(egress(&json!({})), &anything()).unwrap_err().to_string();
    assert!(neither.contains("either ipBlock or namespaceSelector"), "{neither}");
}

#[test]
fn a_range_may_leave_out_what_is_productions_but_not_a_part_of_it() {
    let but = |cidr: &str, except: &[&str]| {
        let peer = json!({"ipBlock": {"cidr": cidr, "except": except}});
        made(egress(&peer), &anything()).is_ok()
    };
    assert!(but("10.96.0.0/24", &["10.96.0.7/32"]));
    assert!(!but("10.96.0.0/24", &["10.96.0.8/32"]));
    // Where nodes hand out credentials, all of it is left out or nothing is open.
    assert!(but("169.0.0.0/8", &["169.254.0.0/16"]));
    assert!(!but("169.0.0.0/8", &["169.254.0.0/17"]));
    assert!(!but("169.254.0.0/17", &["169.254.0.0/18"]));
}

#[test]
fn an_opening_that_leads_to_production_is_refused_whatever_the_class_allows() {
    for (peer, says) in [
        (json!({"namespaceSelector": {}}), "source namespace shop"),
        (team("shop"), "source namespace shop"),
        (block("10.96.0.0/12"), "Service/db of shop"),
        (block("10.1.0.7/32"), "Pod/db-0 of shop"),
        (block("10.0.0.0/30"), "the Kubernetes API"),
        (block("169.254.169.254/32"), "credentials"),
        (block("169.0.0.0/8"), "credentials"),
        (block("203.0.113.0/24"), "Ingress.networking.k8s.io/web of shop"),
        (block("0.0.0.0/0"), "name a smaller range"),
        (block("fe80::/16"), "credentials"),
        (block("fd00::/120"), "the Kubernetes API"),
    ] {
        let error = made(egress(&peer), &anything()).unwrap_err().to_string();
        assert!(error.contains(says), "{peer}: {error}");
    }
    let but = json!({"ipBlock": {"cidr": "203.0.113.0/24", "except": ["203.0.113.0/28"]}});
    assert_eq!(made(egress(&but), &anything()).unwrap().0.len(), 1);
}

#[test]
fn the_opening_of_a_task_is_its_pods_alone() {
    let task = json!({"name": "load", "run": {"image": "x"}, "egress": egress(&team("warehouse"))["egress"]});
    let (openings, _) = made(json!({"seed": [task]}), &anything()).unwrap();
    assert_eq!(
        openings[0].get("/spec/podSelector"),
        Some(&json!({"matchLabels": {"kulisse.dev/task": "load"}}))
    );
    let smoke = json!({"name": "load", "http": {"url": "http://web"}});
    let other = json!({"name": "other", "http": {"url": "http://web"}});
    let apart = made(json!({"seed": [task, other], "smoke": [other]}), &anything()).unwrap();
    assert_eq!(apart.0.len(), 1);
    let error = made(json!({"seed": [task], "smoke": [smoke]}), &anything()).unwrap_err();
    assert!(error.to_string().contains("rename one"), "{error}");
}

#[test]
fn an_allowed_host_opens_the_public_internet_and_nothing_else() {
    let spec = json!({"hosts": [{"host": "api.payments.example", "action": "Allow"}]});
    let boundary =
        json!({"publicEgress": {"ports": [{"port": 443}], "except": ["198.51.100.0/24"]}});
    let (openings, log) = made(spec.clone(), &boundary).unwrap();
    let rule = openings[0].get("/spec/egress/0").unwrap();
    assert_eq!(rule["ports"], json!([{"protocol": "TCP", "port": 443}]));
    let except = rule["to"][0]["ipBlock"]["except"].as_array().unwrap();
    for closed in [
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "168.63.129.16/32",
        "203.0.113.10/32",
        "198.51.100.0/24",
    ] {
        assert!(except.iter().any(|it| it == closed), "{closed}: {except:?}");
    }
    assert_eq!(rule["to"][1]["ipBlock"]["cidr"], "2000::/3");
    assert!(log.findings[0].why.contains("shop.acme.com"), "{}", log.findings[0].why);

    let error = made(spec, &json!({})).unwrap_err().to_string();
    assert!(error.contains("boundary.publicEgress"), "{error}");
    let own = json!({"hosts": [{"host": "*.acme.com", "action": "Allow"}]});
    let error = made(own, &boundary).unwrap_err().to_string();
    assert!(error.contains("Ingress.networking.k8s.io/web of shop"), "{error}");
    let but = json!({"hosts": [
        {"host": "shop.acme.com", "action": "Block"}, {"host": "*.acme.com", "action": "Allow"},
    ]});
    assert!(made(but, &boundary).is_ok());
}
