//! What a URL, or the answer of a registry, might make the operator call: whoever listens on this
//! machine counts who comes.

use std::{
    net::{IpAddr, TcpListener},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use super::*;

/// Somebody who is nobody's registry: the port, and how many have come.
fn somebody() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let come = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&come);
    thread::spawn(move || {
        for _ in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, come)
}

/// Hosts that lead to it, to a node, or into a cluster.
const HOSTS: [&str; 24] = [
    "127.0.0.1:{p}",
    "127.0.0.2:{p}",
    "localhost:{p}",
    "LocalHost:{p}",
    "localhost.:{p}",
    "ip6-localhost:{p}",
    "127.1:{p}",
    "0177.0.0.1:{p}",
    "0x7f000001:{p}",
    "2130706433:{p}",
    "0.0.0.0:{p}",
    "0:{p}",
    "[::1]:{p}",
    "[::ffff:127.0.0.1]:{p}",
    "[::]:{p}",
    "me@127.0.0.1:{p}",
    "example.com@127.0.0.1:{p}",
    "169.254.169.254",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "[fd00:ec2::254]",
    "10.96.0.1:443",
    "kubernetes.default.svc",
];

#[tokio::test]
async fn no_url_of_an_artefact_leads_to_what_is_not_on_the_internet() {
    let (port, come) = somebody();
    let mut tried = 0;
    for host in HOSTS {
        let host = host.replace("{p}", &port.to_string());
        for scheme in ["http", "https"] {
            tried += 1;
            let everything = json!({ "repository": "*/**", "scheme": scheme });
            let registry: Registry = serde_json::from_value(everything).unwrap();
            let Ok(reference) = Reference::parse(&format!("oci://{host}/acme/shop:1")) else {
                continue;
            };
            assert!(reference.allowed_by(std::slice::from_ref(&registry)).is_some());
            let answer = resolve(&reference, &registry, None).await.err();
            let said = answer.unwrap_or_else(|| panic!("{host} was read"));
            assert!(!said.message.is_empty(), "{host}");
        }
    }
    println!("figure: {tried} URLs of artefacts, {} connections", come.load(Ordering::SeqCst));
    assert_eq!(come.load(Ordering::SeqCst), 0);
}

/// Forms of URLs, with a host in the place of `{h}`.
const FORMS: [&str; 5] = ["http://{h}/", "https://{h}/", "//{h}/", "gopher://{h}/", "https:{h}"];

#[tokio::test]
async fn no_registry_leads_its_callers_to_what_is_not_on_the_internet() {
    let (port, come) = somebody();
    let mut tried = 0;
    // Names that nobody knows here take their time to be unknown; URLs of artefacts have them.
    for host in HOSTS.iter().filter(|it| !it.contains("default.svc") && !it.contains("ip6-")) {
        let host = host.replace("{p}", &port.to_string());
        for form in FORMS {
            let to = form.replace("{h}", &host);
            for door in ["contents", "manifest", "token"] {
                tried += 1;
                let mut world = flux(&[("a.yaml", ONE)]);
                match door {
                    "contents" => world.elsewhere = Some(to.clone()),
                    "manifest" => world.moved = Some(to.clone()),
                    _ => world.realm = Some(to.clone()),
                }
                assert!(pull(world).await.is_err(), "{door}: {to}");
            }
        }
    }
    println!("figure: {tried} answers of registries, {} connections", come.load(Ordering::SeqCst));
    assert_eq!(come.load(Ordering::SeqCst), 0);
}

#[test]
fn hosts_that_are_tried_are_none_of_the_internet() {
    for host in HOSTS {
        let bare = host.replace(":{p}", "").replace(['[', ']'], "");
        if let Ok(ip) = bare.parse::<IpAddr>() {
            assert!(!kulisse_core::plan::internet::is_public(ip), "{host}");
        }
    }
}
