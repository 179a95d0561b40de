use serde_json::{Value, json};

use super::*;
use crate::{
    api::staging_plan::{Finding, Severity},
    plan::{capture::Capture, request::Request},
    secrets::{
        EVERY_KEY, Materials, OpenSecret, OperatorKey, Origin, Part, Place, PlannedValue,
        SecretBytes, make, seal,
    },
};

struct Case {
    request: Request,
    capture: Capture,
}

struct Planned {
    objects: Vec<Object>,
    secrets: BTreeMap<String, PlannedSecret>,
    log: Log,
}

fn key() -> OperatorKey {
    OperatorKey::from_bytes(&[3; OperatorKey::LENGTH]).unwrap()
}

fn mine(key: &str) -> Place {
    Place { origin: Origin::Request, secret: "mine".to_owned(), key: key.to_owned() }
}

/// A Secret: name, type, values.
type Given<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

/// A source with these Secrets and a Pod of this spec.
fn case(secrets: &[Given<'_>], pod: &Value, spec: &Value) -> Case {
    let object = |kind: &str, name: &str, rest: Value| Object::made("v1", kind, name, rest);
    let mut objects = vec![object("Pod", "web", json!({ "spec": pod }))];
    let mut sealed = BTreeMap::new();
    let used = uses(&objects);
    for (name, kind, data) in secrets {
        objects.push(object(
            "Secret",
            name,
            json!({"type": kind, "immutable": true, "data": {"left": "Q2FuYXJ5WDk="}}),
        ));
        let value = |text: &str| SecretBytes::new(text.as_bytes().to_vec());
        let open = OpenSecret {
            name: (*name).to_owned(),
            kind: (*kind).to_owned(),
            data: data.iter().map(|(key, text)| ((*key).to_owned(), value(text))).collect(),
        };
        sealed.insert((*name).to_owned(), seal(&open, &used, &key()));
    }
    let capture = json!({
        "namespace": "prod", "capturedAt": "2026-01-01T00:00:00Z", "objects": objects,
        "secrets": sealed, "secretsReadable": !secrets.is_empty(), "runningImages": {},
        "addresses": [], "unreadable": [],
    });
    let request = json!({
        "environment": {"name": "pr-1", "namespace": "team", "uid": "uid-1"},
        "spec": {"source": {"namespace": "prod"}, "secrets": spec},
        "class": {}, "incarnation": 1, "target": "stage-pr-1",
        "cluster": {"apiEndpoints": [], "operator": {"namespace": "kulisse", "name": "kulisse"}},
    });
    Case {
        request: serde_json::from_value(request).unwrap(),
        capture: serde_json::from_value(capture).unwrap(),
    }
}

fn plan(case: &Case) -> Planned {
    let context = Context::new(&case.request, &case.capture).unwrap();
    let mut log = Log::default();
    let objects = secret(case.capture.objects.clone(), &context, &mut log);
    let secrets = recipes(&objects, &[], &context, &mut log);
    Planned { objects, secrets, log }
}

impl Planned {
    fn finding(&self, kind: &str) -> &Finding {
        self.log.findings.iter().find(|finding| finding.kind == kind).unwrap()
    }

    /// The values of a Secret, if these are given.
    fn made(
        &self,
        secret: &str,
        given: BTreeMap<Place, SecretBytes>,
    ) -> BTreeMap<String, SecretBytes> {
        let with = Materials {
            key: &key(),
            environment: "uid-1",
            given,
            existing: BTreeMap::new(),
            production: std::sync::Arc::default(),
        };
        make(&self.secrets, &with).unwrap()[secret].values().clone()
    }

    fn keys(&self, secret: &str) -> Vec<&str> {
        self.secrets[secret].keys.keys().map(String::as_str).collect()
    }
}

#[test]
fn no_value_is_in_the_plan_and_a_secret_can_be_completed() {
    let it = plan(&case(
        &[(
            "db",
            "Opaque",
            &[
                ("password", "CanaryX9"),
                ("user", "shop"),
                ("url", "postgres://shop:CanaryX9@db/shop"),
                ("auth", "x:$apr1$CanaryX9$a"),
                ("session_name", "CanaryX9aB3dE5gH7jK"),
                ("stripe", "sk_live_CanaryX9CanaryX9"),
            ],
        )],
        &json!({}),
        &json!({}),
    ));
    let mut shown = format!("{:?}{:?}", it.log, it.objects);
    shown += &serde_json::to_string(&it.log.changes).unwrap();
    shown += &serde_json::to_string(&it.log.findings).unwrap();
    assert!(!shown.contains("CanaryX9") && !shown.contains("Q2FuYXJ5"), "{shown}");
    assert_eq!(it.keys("db"), ["password", "session_name", "stripe", "url", "user"]);
    let secret = it.objects.iter().find(|object| object.kind() == "Secret").unwrap();
    assert_eq!((secret.get("/data"), secret.get("/immutable")), (None, None));
    let paths: Vec<&str> = it.log.changes.iter().map(|change| change.path.as_str()).collect();
    assert_eq!(paths, ["/immutable", "/data/password", "/data/stripe", "/data/url"]);
}

#[test]
fn what_cannot_be_invented_is_asked_for_with_the_yaml_that_gives_it() {
    let it = plan(&case(
        &[("web", "Opaque", &[("htpasswd", "x:$apr1$a$b"), ("user", "x")])],
        &json!({}),
        &json!({}),
    ));
    let finding = it.finding("needs-secret");
    assert_eq!((finding.severity, finding.path.as_str()), (Severity::Warns, "/data/htpasswd"));
    assert!(finding.settle.contains("keys: [\"htpasswd\"]"), "{}", finding.settle);
    assert_eq!(it.keys("web"), ["user"]);
}

#[test]
fn a_secret_whose_type_demands_what_cannot_be_invented_stays_behind() {
    let pem = "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n";
    let tls =
        [("tls", "kubernetes.io/tls", &[("tls.key", pem), ("tls.crt", "x"), ("user", "x")][..])];
    let it = plan(&case(&tls, &json!({}), &json!({})));
    assert_eq!(it.log.left_behind[0].reason, "needs-secret");
    assert!(it.secrets.is_empty());
    let rules = json!({"rules": [
        {"name": "t*", "keys": ["tls.*"], "policy": "From", "from": {"name": "mine"}},
    ]});
    let it = plan(&case(&tls, &json!({}), &rules));
    assert_eq!(it.keys("tls"), ["tls.crt", "tls.key", "user"]);
    let expected = PlannedValue::From(mine("tls.key"));
    assert_eq!(it.secrets["tls"].keys["tls.key"], expected);
}

#[test]
fn the_first_rule_that_matches_a_key_counts() {
    let rules = json!({"default": "Omit", "rules": [
        {"name": "a", "keys": ["x*"], "policy": "Omit"},
        {"name": "a", "keys": ["*1", "extra"], "policy": "From", "from": {"name": "mine"}},
        {"name": "{a,b}", "policy": "Generate"},
    ]});
    let data: &[(&str, &str)] = &[("x1", "abc"), ("y1", "abc"), ("z", "abc")];
    let secrets = [("a", "Opaque", data), ("b", "Opaque", data), ("c", "Opaque", data)];
    let it = plan(&case(&secrets, &json!({}), &rules));
    assert_eq!(it.keys("a"), ["extra", "y1", "z"]);
    assert_eq!(it.keys("b"), ["x1", "y1", "z"]);
    assert!(matches!(it.secrets["a"].keys["y1"], PlannedValue::From(_)));
    let left: Vec<_> = it.log.left_behind.iter().map(|left| left.object.as_str()).collect();
    assert_eq!(left, ["Secret/c"]);
}

#[test]
fn a_rule_that_is_no_glob_blocks() {
    let rules = json!({"rules": [{"name": "a[", "policy": "Omit"}]});
    let it = plan(&case(&[("a", "Opaque", &[("x", "y")])], &json!({}), &rules));
    assert_eq!(it.finding("invalid-rule").severity, Severity::Blocks);
}

#[test]
fn without_the_right_to_read_credentials_are_made_for_those_who_name_them() {
    let pod = json!({"containers": [
        {"name": "db", "env": [
            {"name": "POSTGRES_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "p"}}},
            {"name": "POSTGRES_USER", "valueFrom": {"secretKeyRef": {"name": "db", "key": "u"}}},
        ]},
        {"name": "web", "env": [
            {"name": "PGPASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "p"}}},
        ], "envFrom": [{"secretRef": {"name": "all"}}, {"secretRef": {"name": "given"}}]},
    ]});
    let rules = json!({"rules": [{"name": "given", "policy": "From", "from": {"name": "mine"}}]});
    let it = plan(&case(&[], &pod, &rules));
    assert_eq!(it.keys("db"), ["p"]);
    let given = BTreeMap::from([(mine("A"), SecretBytes::new(vec![65]))]);
    let made = |name: &str| it.made(name, given.clone());
    assert_eq!(made("db")["p"].len(), 24);
    assert_eq!(it.keys("given"), [EVERY_KEY]);
    assert_eq!(made("given")["A"].expose(), b"A");
    let needed: Vec<_> = it
        .log
        .findings
        .iter()
        .filter(|finding| finding.kind == "needs-secret")
        .map(|finding| (finding.object.as_str(), finding.path.as_str()))
        .collect();
    assert_eq!(needed, [("Secret/all", "/data"), ("Secret/db", "/data/u")]);
    assert!(!it.secrets.contains_key("all"));
}

#[test]
fn settings_that_look_like_more_are_listed() {
    let it = plan(&case(
        &[(
            "a",
            "Opaque",
            &[("client_id", "aB3dE5gH7jK9mN1pQ"), ("AWS_ACCESS_KEY_ID", "minioadmin")],
        )],
        &json!({}),
        &json!({}),
    ));
    assert_eq!(it.finding("kept-setting").path, "/data/client_id");
    assert_eq!(it.finding("outside-credential").path, "/data/AWS_ACCESS_KEY_ID");
    let PlannedValue::Parts(parts) = &it.secrets["a"].keys["client_id"] else { panic!() };
    assert!(matches!(parts.as_slice(), [Part::Text(_)]));
}

#[test]
fn hosts_of_the_source_are_rewritten_around_the_credential() {
    let url = "postgres://shop:shop@db.prod.svc:5432/shop?password=prod";
    let mut case = case(&[("a", "Opaque", &[("url", url)])], &json!({}), &json!({}));
    case.capture.objects.push(Object::made("v1", "Service", "db", json!({"spec": {}})));
    let it = plan(&case);
    let made = it.made("a", BTreeMap::new());
    let made = std::str::from_utf8(made["url"].expose()).unwrap();
    assert!(made.contains("@db.stage-pr-1.svc:5432/shop?password="), "{made}");
    assert!(made.starts_with("postgres://shop:") && !made.contains("shop:shop@"), "{made}");
}

/// A source with one Secret of this type, asked to copy it.
fn copying(kind: &str, granted: &[&str], allowed: &[&str]) -> Planned {
    let secrets = [("api", kind, &[(".dockerconfigjson", "hunter22"), ("b", "hunter22")][..])];
    let mut case =
        case(&secrets, &json!({}), &json!({"rules": [{"name": "api", "policy": "Copy"}]}));
    let owned = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect();
    case.request.granted_secrets = owned(granted);
    case.request.class.secrets.allow_copy = owned(allowed);
    plan(&case)
}

#[test]
fn a_copy_needs_the_grant_and_the_class() {
    let it = copying("Opaque", &["a*"], &["api"]);
    assert!(it.log.findings.is_empty(), "{:?}", it.log.findings);
    let origin = |key: &str| match &it.secrets["api"].keys[key] {
        PlannedValue::From(place) => place.origin,
        other => panic!("{other:?}"),
    };
    assert_eq!((origin("b"), it.keys("api").len()), (Origin::Source, 2));
    for (granted, allowed, kind, whose) in [
        (&[][..], &["api"][..], "copy-not-granted", "in the StagingGrant in prod"),
        (&["api"], &["other"], "copy-not-allowed", "in the StagingClass"),
        (&[], &[], "copy-not-granted", "in the StagingGrant in prod"),
    ] {
        let it = copying("Opaque", granted, allowed);
        let finding = it.finding(kind);
        assert_eq!(finding.severity, Severity::Blocks);
        assert!(finding.settle.contains(whose), "{}", finding.settle);
        assert!(it.secrets.is_empty());
    }
}

#[test]
fn what_images_are_pulled_with_needs_the_grant_alone() {
    let data: &[(&str, &str)] = &[(".dockerconfigjson", "{}")];
    let rules = json!({"rules": [{"name": "reg", "policy": "Copy"}]});
    let mut case = case(&[("reg", "kubernetes.io/dockerconfigjson", data)], &json!({}), &rules);
    case.request.granted_secrets = vec!["reg".to_owned()];
    let it = plan(&case);
    assert!(it.log.findings.is_empty() && it.secrets.contains_key("reg"));
    case.request.granted_secrets.clear();
    case.request.class.secrets.allow_copy = vec!["reg".to_owned()];
    assert_eq!(plan(&case).finding("copy-not-granted").severity, Severity::Blocks);
}

#[test]
fn a_template_takes_only_what_comes_along_and_is_none_itself() {
    let templated = |text: &str| {
        let rules = json!({"rules": [
            {"name": "a", "keys": ["url", "other"], "policy": "Template", "template": text},
        ]});
        let secrets = [("a", "Opaque", &[("x", "hunter22")][..])];
        plan(&case(&secrets, &json!({}), &rules))
    };
    let it = templated("x://${secret:a/x}@db.${namespace}");
    assert!(it.log.findings.is_empty(), "{:?}", it.log.findings);
    assert_eq!(it.keys("a"), ["other", "url", "x"]);
    let made = it.made("a", BTreeMap::new());
    let x = std::str::from_utf8(made["x"].expose()).unwrap();
    assert_eq!(made["url"].expose(), format!("x://{x}@db.stage-pr-1").as_bytes());
    for (text, says) in [
        ("${secret:b/x}", "no Secret b is cloned; there are a"),
        ("${secret:a/y}", "it has other, url, x"),
        ("${secret:a/other}", "is a template itself"),
        ("${password}", "${password} is not known"),
    ] {
        let it = templated(text);
        let finding = it.finding("invalid-template");
        assert_eq!(finding.severity, Severity::Blocks);
        assert!(finding.why.contains(says), "{}", finding.why);
    }
}

#[test]
fn a_secret_without_keys_comes_along_and_one_that_loses_all_of_them_stays_with_its_reason() {
    let hash: &[(&str, &str)] = &[("htpasswd", "x:$apr1$a$b")];
    let setting: &[(&str, &str)] = &[("user", "shop")];
    let rules = json!({"rules": [
        {"name": "omitted", "policy": "Omit"}, {"name": "copied", "policy": "Copy"},
    ]});
    let secrets = [
        ("empty", "Opaque", &[][..]),
        ("copied", "Opaque", setting),
        ("hashed", "Opaque", hash),
        ("omitted", "Opaque", setting),
    ];
    let it = plan(&case(&secrets, &json!({}), &rules));
    assert!(it.keys("empty").is_empty());
    let left: Vec<(&str, &str)> =
        it.log.left_behind.iter().map(|it| (it.object.as_str(), it.reason.as_str())).collect();
    assert_eq!(
        left,
        [
            ("Secret/copied", "not-consented"),
            ("Secret/hashed", "needs-secret"),
            ("Secret/omitted", "omitted"),
        ]
    );
}

#[test]
fn what_may_not_be_read_is_not_copied_either() {
    let reference = json!({"secretKeyRef": {"name": "db", "key": "password"}});
    let pod = json!({"containers": [
        {"name": "web", "env": [{"name": "PGPASSWORD", "valueFrom": reference}]},
    ]});
    let rules = json!({"rules": [{"name": "db", "policy": "Copy"}]});
    let it = plan(&case(&[], &pod, &rules));
    let finding = it.finding("copy-not-granted");
    assert!(finding.why.contains("may not read the Secrets of prod"), "{}", finding.why);
    assert!(it.secrets.is_empty());
}

#[test]
fn of_manifests_nothing_is_taken_out_of_the_namespace_they_were_made_for() {
    let data: &[(&str, &str)] = &[("password", "x")];
    let rules = json!({"rules": [{"name": "db", "policy": "Copy"}]});
    let mut case = case(&[("db", "Opaque", data)], &json!({}), &rules);
    case.request.granted_secrets = vec!["db".to_owned()];
    case.request.class.secrets.allow_copy = vec!["db".to_owned()];
    assert!(plan(&case).secrets.contains_key("db"));
    case.request.spec.source.manifests =
        Some(serde_json::from_value(json!({"configMapRef": [{"name": "rendered"}]})).unwrap());
    let it = plan(&case);
    let why = &it.finding("copy-not-granted").why;
    assert!(why.contains("of manifests nothing is taken out of prod"), "{why}");
    assert!(it.secrets.is_empty());
}

#[test]
fn of_a_pull_secret_the_class_consents_to_all_but_what_images_are_pulled_with() {
    let data: &[(&str, &str)] = &[(".dockerconfigjson", "{}"), ("password", "x")];
    let rules = json!({"rules": [{"name": "reg", "policy": "Copy"}]});
    let mut case = case(&[("reg", "kubernetes.io/dockerconfigjson", data)], &json!({}), &rules);
    case.request.granted_secrets = vec!["reg".to_owned()];
    let it = plan(&case);
    assert_eq!(it.finding("copy-not-allowed").path, "/data/password");
    assert_eq!(it.secrets["reg"].keys.keys().collect::<Vec<_>>(), [".dockerconfigjson"]);
    case.request.class.secrets.allow_copy = vec!["reg".to_owned()];
    assert_eq!(plan(&case).secrets["reg"].keys.len(), 2);
}

#[test]
fn a_pull_secret_comes_along_if_it_is_given_or_granted() {
    let pull = "kubernetes.io/dockerconfigjson";
    let data: &[(&str, &str)] = &[(".dockerconfigjson", "{}")];
    let secrets = [
        ("reg", pull, data),
        ("reg-omitted", pull, data),
        ("reg-opaque", "Opaque", data),
        ("other", pull, data),
    ];
    let rules = json!({"rules": [
        {"name": "given", "policy": "From", "from": {"name": "mine"}},
        {"name": "reg-omitted", "policy": "Omit"},
    ]});
    let mut case = case(&secrets, &json!({}), &rules);
    case.request.granted_secrets = vec!["reg*".to_owned()];
    let context = Context::new(&case.request, &case.capture).unwrap();
    let consent = Consent::of(&context);
    for (name, expected) in [
        ("reg", true),
        ("given", true),
        ("reg-omitted", false),
        ("reg-opaque", false),
        ("reg-gone", false),
        ("other", false),
    ] {
        assert_eq!(comes_along(name, &consent, &context), expected, "{name}");
    }
}
