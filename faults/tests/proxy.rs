//! What clients of the proxy see, and what arrives at the API server, under each action.
#![allow(clippy::expect_used, clippy::panic, reason = "a test ends where it fails")]

mod api;

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use futures::TryStreamExt;
use hyper::Request;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{sleep, timeout},
};

use api::scene::{
    CONFIGMAPS, SOON, Scene, WATCH, causes, client, code, create, get, post, watch_under, watched,
};

const CLEAN: [&str; 4] = ["ADDED a", "ADDED b", "MODIFIED a", "DELETED b"];

#[tokio::test]
async fn without_a_fault_all_passes_as_it_is_with_the_clients_own_credentials() {
    let scene = Scene::new("clean", "nothing").await;
    let client = scene.client().await;
    assert!(create(&client, "a").await.expect("an answer").contains("ConfigMap"));
    assert_eq!(
        scene.api.asked(),
        [format!("POST {CONFIGMAPS} {{\"metadata\":{{\"name\":\"a\"}}}}")]
    );
    let who: Value =
        serde_json::from_str(&get(&client, "/whoami").await.expect("an answer")).expect("JSON");
    assert_eq!(who["token"], "Bearer a-token");
    let (said, ended) = watched(&client).await;
    assert_eq!((said, ended), (CLEAN.map(str::to_owned).to_vec(), false));
    assert_eq!(scene.proxy.seen().len(), 3 + 4);
    assert!(!scene.proxy.kubeconfig().contains("127.0.0.1:0"));
}

#[tokio::test]
async fn what_is_dropped_before_never_arrives_and_what_is_dropped_after_arrives_once() {
    for (plan, arrived) in [("drop-before", 0), ("drop-after", 1), ("reset", 0)] {
        let scene = Scene::new(plan, &format!("create configmaps #1: {plan}")).await;
        let error = scene.create("a").await.expect_err("no answer");
        assert!(!matches!(error, kube::Error::Api(_)), "{error}");
        assert_eq!(scene.api.count("POST"), arrived, "{plan}");
        let text = causes(&error);
        assert_eq!(text.contains("reset by peer"), plan == "reset", "{plan}: {text}");
        scene.create("a").await.expect("the second one passes");
        assert_eq!(scene.api.count("POST"), arrived + 1, "{plan}");
        assert!(scene.proxy.complete());
    }
}

#[tokio::test]
async fn an_error_is_answered_in_the_servers_stead_or_after_it_has_committed() {
    for (action, expected, arrived) in [
        ("status 409", 409, 0),
        ("status 503", 503, 0),
        ("status-after 504", 504, 1),
        ("gone", 410, 0),
    ] {
        let scene = Scene::new("status", &format!("create configmaps #1: {action}")).await;
        let answer = scene.create("a").await;
        assert_eq!(code(&answer), expected, "{action}: {answer:?}");
        assert_eq!(scene.api.count("POST"), arrived, "{action}");
    }
}

#[tokio::test]
async fn an_error_says_when_to_come_again() {
    let scene = Scene::new("retry-after", "create #1: status 429 retry-after 7s").await;
    let client = scene.client().await;
    let request = post("a").map(kube::client::Body::from);
    let response = client.send(request).await.expect("an answer");
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "7");
    let body = response.into_body().collect_bytes().await.expect("a body");
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(body["reason"], "TooManyRequests");
    assert_eq!(body["details"]["retryAfterSeconds"], 7);
}

#[tokio::test]
async fn a_request_that_is_doubled_arrives_twice() {
    let scene = Scene::new("duplicate", "create configmaps #1: duplicate").await;
    scene.create("a").await.expect("an answer");
    assert_eq!(scene.api.count("POST"), 2);
}

#[tokio::test]
async fn a_request_that_hangs_is_never_answered_and_holds_up_no_other() {
    let scene = Scene::new("hang", "create configmaps #1: hang").await;
    let client = scene.client().await;
    let first = client.request_text(post("a"));
    assert!(timeout(Duration::from_millis(500), first).await.is_err());
    create(&client, "b").await.expect("an answer");
    assert_eq!(scene.api.count("POST"), 1);
    let log = scene.log();
    let hung = log.iter().find(|it| it["fault"] == "hang").expect("a line when the client gave up");
    assert_eq!(hung["status"], Value::Null);
}

#[tokio::test]
async fn what_is_delayed_arrives_at_once_and_what_is_held_arrives_later() {
    for (action, arrived) in [("delay 600ms", 1), ("hold 600ms", 0)] {
        let scene = Scene::new("late", &format!("create configmaps #1: {action}")).await;
        let started = Instant::now();
        let client = scene.client().await;
        let asking = tokio::spawn(async move { create(&client, "a").await });
        sleep(Duration::from_millis(300)).await;
        assert_eq!(scene.api.count("POST"), arrived, "{action}");
        asking.await.expect("a task").expect("an answer");
        assert!(started.elapsed() >= Duration::from_millis(600), "{action}");
        assert_eq!(scene.api.count("POST"), 1);
    }
}

#[tokio::test]
async fn two_requests_that_are_swapped_arrive_the_other_way_round() {
    let scene = Scene::new("swap", "create configmaps #1: swap").await;
    let client = scene.client().await;
    let first = client.clone();
    let first = tokio::spawn(async move { create(&first, "first").await });
    while scene.proxy.seen().is_empty() {
        sleep(Duration::from_millis(5)).await;
    }
    create(&client, "second").await.expect("an answer");
    first.await.expect("a task").expect("an answer");
    let order: Vec<bool> = scene.api.asked().iter().map(|it| it.contains("second")).collect();
    assert_eq!(order, [true, false]);
}

#[tokio::test]
async fn an_answer_that_drips_comes_slowly_and_whole() {
    let scene = Scene::new("drip", "create configmaps #1: drip 5ms").await;
    let started = Instant::now();
    let answer = scene.create("a").await.expect("an answer");
    assert!(answer.contains("ConfigMap"));
    let least = Duration::from_millis(5) * u32::try_from(answer.len()).expect("a length");
    assert!(started.elapsed() >= least, "{:?}", started.elapsed());
}

#[tokio::test]
async fn an_answer_that_is_truncated_has_a_head_and_half_a_body() {
    let scene = Scene::new("truncate", "create configmaps #1: truncate").await;
    let client = scene.client().await;
    let response = client.send(post("a").map(kube::client::Body::from)).await.expect("a head");
    let length: usize =
        response.headers()["content-length"].to_str().expect("text").parse().expect("a number");
    let mut body = http_body_util::BodyDataStream::new(response.into_body());
    let mut read = 0;
    let ended = loop {
        match timeout(SOON, body.try_next()).await.expect("an end") {
            Ok(Some(data)) => read += data.len(),
            ended => break ended,
        }
    };
    assert!(ended.is_err(), "the body does not end as if it were whole");
    assert_eq!(read, length / 2);
}

#[tokio::test]
async fn events_of_a_watch_are_lost_doubled_late_and_out_of_order() {
    let table: [(&str, &[&str], bool); 8] = [
        ("event #2: drop", &["ADDED a", "MODIFIED a", "DELETED b"], false),
        ("event deleted #1: drop", &["ADDED a", "ADDED b", "MODIFIED a"], false),
        (
            "event #1: duplicate",
            &["ADDED a", "ADDED a", "ADDED b", "MODIFIED a", "DELETED b"],
            false,
        ),
        ("event #2: reorder", &["ADDED a", "MODIFIED a", "ADDED b", "DELETED b"], false),
        ("event #3: gone", &["ADDED a", "ADDED b", "ERROR 410"], true),
        ("event #3: close", &["ADDED a", "ADDED b"], true),
        ("event #3: freeze-watch", &["ADDED a", "ADDED b"], false),
        ("event #2: delay 200ms", &CLEAN, false),
    ];
    for (fault, expected, ends) in table {
        let (said, ended, scene) =
            watch_under("events", &format!("watch configmaps {fault}")).await;
        assert_eq!(said, expected, "{fault}");
        assert_eq!(ended, ends, "{fault}");
        assert_eq!(scene.proxy.struck(), 1, "{fault}");
    }
}

#[tokio::test]
async fn a_watch_is_frozen_gone_or_refused_from_its_beginning() {
    let (said, ended, scene) = watch_under("frozen", "watch configmaps #1: freeze-watch").await;
    assert_eq!((said.len(), ended), (0, false));
    assert_eq!(watched(&scene.client().await).await.0, CLEAN, "the next one is not");
    let (said, ended, _) = watch_under("gone", "watch configmaps #1: gone").await;
    assert_eq!((said, ended), (vec!["ERROR 410".to_owned()], true));
}

#[tokio::test]
async fn a_watch_that_its_client_leaves_does_not_stay_open_at_the_server() {
    let (_, _, scene) = watch_under("left", "nothing").await;
    let open = || scene.api.watches.load(Ordering::SeqCst);
    let started = Instant::now();
    while open() != 0 {
        assert!(started.elapsed() < SOON, "{} watches are open", open());
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_client_is_killed_before_and_after_a_write_and_once_it_has_the_answer() {
    for (action, arrived, answered) in
        [("kill-before", 0, false), ("kill-after", 1, false), ("kill-answered", 1, true)]
    {
        let scene = Scene::new("kill", &format!("create configmaps #1: {action}")).await;
        let old = scene.client().await;
        assert_eq!(create(&old, "a").await.is_ok(), answered, "{action}");
        assert_eq!(scene.api.count("POST"), arrived, "{action}");
        // What the killed one still sends does not pass: in reality it would be dead.
        if answered {
            create(&old, "from the dead").await.expect_err("no answer");
            assert_eq!(scene.api.count("POST"), arrived, "{action}");
        }
        scene.create("b").await.expect("whoever is started again is answered");
        assert_eq!(scene.victim.ended.load(Ordering::SeqCst), 1, "{action}");
        assert_eq!(scene.victim.started.load(Ordering::SeqCst), 1, "{action}");
    }
}

#[tokio::test]
async fn a_client_is_killed_before_and_after_it_sees_an_event() {
    for (action, seen) in [("kill-before", 1), ("kill-answered", 2)] {
        let plan = format!("watch configmaps event #2: {action}");
        let (said, _, scene) = watch_under("kill-event", &plan).await;
        assert!(said.len() >= seen, "{action}: {said:?}");
        assert!(action == "kill-answered" || said.len() == seen, "{action}: {said:?}");
        assert_eq!(scene.victim.ended.load(Ordering::SeqCst), 1, "{action}");
    }
}

#[tokio::test]
async fn the_second_fault_of_a_plan_strikes_in_the_second_life() {
    let scene = Scene::new("pair", "create #1: kill-after; create #2: kill-before").await;
    scene.create("a").await.expect_err("killed");
    scene.create("a").await.expect_err("killed");
    scene.create("a").await.expect("an answer");
    assert_eq!(scene.api.count("POST"), 2);
    assert_eq!(scene.victim.ended.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn another_protocol_passes_in_both_directions() {
    let scene = Scene::new("upgrade", "nothing").await;
    let config: Value = serde_json::from_str(scene.proxy.kubeconfig()).expect("JSON");
    let mut stream = raw(&config).await;
    let path = "/api/v1/namespaces/shop/pods/web-0/exec?command=secret-word";
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: reverse\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("to be heard");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(timeout(SOON, stream.read_u8()).await.expect("an answer").expect("a byte"));
    }
    assert!(String::from_utf8_lossy(&answer).contains("101 Switching"), "{answer:?}");
    stream.write_all(b"abcd").await.expect("to be heard");
    let mut said = [0; 4];
    timeout(SOON, stream.read_exact(&mut said)).await.expect("an answer").expect("four bytes");
    assert_eq!(&said, b"dcba");
    assert_eq!(scene.log()[0]["verb"], "connect");
}

/// A TLS connection to the proxy, by what its kubeconfig says.
async fn raw(config: &Value) -> tokio_rustls::client::TlsStream<tokio::net::TcpStream> {
    use base64::Engine;
    use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
    let cluster = &config["clusters"][0]["cluster"];
    let pem = cluster["certificate-authority-data"].as_str().expect("a certificate");
    let pem = base64::engine::general_purpose::STANDARD.decode(pem).expect("base64");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&pem).expect("PEM")).expect("a certificate");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let address: SocketAddr = cluster["server"]
        .as_str()
        .and_then(|it| it.strip_prefix("https://"))
        .and_then(|it| it.parse().ok())
        .expect("an address");
    let tcp = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let name = ServerName::from(address.ip());
    let connector = tokio_rustls::TlsConnector::from(Arc::new(tls));
    connector.connect(name, tcp).await.expect("TLS")
}

#[tokio::test]
async fn watches_are_asked_for_as_json_whatever_else_a_client_understands() {
    let scene = Scene::new("accept", "nothing").await;
    let client = scene.client().await;
    let protobuf = "application/vnd.kubernetes.protobuf";
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
    for (uri, expected) in [("/whoami", format!("{protobuf}, {table}")), (WATCH, table.to_owned())]
    {
        let request = Request::get(uri).header("accept", format!("{protobuf}, {table}"));
        let request = request.body(kube::client::Body::empty()).expect("a request");
        let answer = client.send(request).await.expect("an answer").into_body();
        let seen = if uri == WATCH {
            scene.api.asked().pop().expect("a request")
        } else {
            String::from_utf8(answer.collect_bytes().await.expect("a body").to_vec()).expect("text")
        };
        assert!(seen.contains(&expected), "{seen}");
        assert_eq!(seen.contains("protobuf"), uri != WATCH, "{seen}");
    }
}

#[tokio::test]
async fn where_the_proxy_shows_a_certificate_only_who_has_its_kubeconfig_may_pass() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let (certificate, key) = (fixtures.join("certificate.pem"), fixtures.join("key.pem"));
    let user = json!({ "client-certificate": certificate, "client-key": key });
    let scene = Scene::with("pass", "nothing", &user, |_| {}).await;
    scene.create("a").await.expect("an answer");
    let who = get(&scene.client().await, "/whoami").await.expect("an answer");
    assert!(who.contains("\"token\":null"), "what the proxy wants to see goes no further: {who}");
    let mut config: Value = serde_json::from_str(scene.proxy.kubeconfig()).expect("JSON");
    for token in [json!({}), json!({ "token": "guessed" })] {
        config["users"][0]["user"] = token;
        let answer = create(&client(&config.to_string()).await, "a").await;
        assert_eq!(code(&answer), 401);
        let words = causes(&answer.expect_err("a refusal"));
        assert!(words.contains("token of the kubeconfig that it has written"), "{words}");
    }
    assert_eq!(scene.api.count("POST"), 1);
}

#[tokio::test]
async fn a_certificate_that_is_given_is_shown() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let pair = (fixtures.join("certificate.pem"), fixtures.join("key.pem"));
    let scene = Scene::with("given", "nothing", &json!({}), |it| it.certificate = Some(pair)).await;
    scene.create("a").await.expect("an answer");
}

#[tokio::test]
async fn one_proxy_can_stand_in_front_of_another() {
    let behind = Scene::new("behind", "create #2: status 500").await;
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("behind-written.kubeconfig");
    std::fs::write(&file, behind.proxy.kubeconfig()).expect("a file");
    let front = Scene::with("front", "create #1: status 503", &json!({}), |it| {
        it.kubeconfig = file;
    })
    .await;
    let codes = [front.create("a").await, front.create("a").await, front.create("a").await];
    assert_eq!(codes.map(|it| code(&it)), [503, 200, 500], "TLS on both sides");
}

#[tokio::test]
async fn a_server_that_is_away_is_a_closed_connection_and_a_line_in_the_log() {
    let scene = Scene::with("away", "nothing", &json!({}), |it| {
        let text = std::fs::read_to_string(&it.kubeconfig).expect("a kubeconfig");
        let mut config: Value = serde_json::from_str(&text).expect("JSON");
        config["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:1".into();
        std::fs::write(&it.kubeconfig, config.to_string()).expect("a file");
    })
    .await;
    let error = scene.create("a").await.expect_err("no answer");
    assert!(!matches!(error, kube::Error::Api(_)), "{error}");
    let log = scene.log();
    assert!(log[0]["error"].as_str().is_some_and(|it| it.contains("refused")), "{log:?}");
    assert_eq!(log[0]["status"], Value::Null);
}

#[tokio::test]
async fn the_log_says_what_passed_and_nothing_that_is_secret() {
    let scene = Scene::new("log", "create configmaps #1: drop-after; watch event #1: drop").await;
    scene.create("canary-name").await.expect_err("no answer");
    let client = scene.client().await;
    let body = json!({ "metadata": { "name": "b" }, "data": { "password": "canary-value" } });
    let uri = format!("{CONFIGMAPS}?fieldManager=canary-query&dryRun=All");
    let request = Request::post(uri).body(body.to_string().into_bytes()).expect("a request");
    client.request_text(request).await.expect("an answer");
    get(&client, "/healthz?canary-query").await.expect("an answer");
    watched(&client).await;
    let log = scene.log();
    let said = |at: usize, fields: &[&str]| -> Vec<Value> {
        fields.iter().map(|it| log[at][it].clone()).collect()
    };
    assert_eq!(
        said(0, &["request", "verb", "resource", "namespace", "name", "fault", "status"]),
        [
            json!(1),
            json!("create"),
            json!("configmaps"),
            json!("shop"),
            json!("canary-name"),
            json!("drop-after"),
            json!(null)
        ]
    );
    assert_eq!(said(1, &["request", "dryRun", "status"]), [json!(2), json!(true), json!(201)]);
    assert_eq!(said(2, &["path", "fault"]), [json!("/healthz"), json!(null)]);
    assert_eq!(said(3, &["request", "verb", "life"]), [json!(4), json!("watch"), json!(2)]);
    assert_eq!(
        said(4, &["request", "event", "type", "fault"]),
        [json!(4), json!(1), json!("added"), json!("drop")]
    );
    let text = std::fs::read_to_string(&scene.log).expect("a log");
    for secret in ["canary-value", "canary-query", "a-token", "password"] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}
