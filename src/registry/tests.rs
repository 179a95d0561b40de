//! Against a registry in this process that asks for tokens, lies, and leads elsewhere.

mod attempts;
mod tls;

use std::{
    collections::BTreeMap,
    io::Write,
    sync::{Arc, Mutex},
};

use ::http::{HeaderMap, StatusCode, Uri, header};
use axum::{
    Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::get,
};
use flate2::{Compression, write::GzEncoder};
use kulisse_core::secrets::SecretBytes;
use serde_json::{Value, json};

use super::*;

/// What the registry holds and does.
#[derive(Default)]
struct World {
    manifests: BTreeMap<String, Vec<u8>>,
    blobs: BTreeMap<String, Vec<u8>>,
    /// Asks for a token that is made here: `{}` is the registry itself.
    realm: Option<String>,
    /// Asks for these instead: `Basic …`.
    basic: Option<String>,
    /// Where blobs lie.
    elsewhere: Option<String>,
    /// Where manifests lie.
    moved: Option<String>,
    asked: Mutex<Vec<String>>,
}

type Shared = Arc<(World, String)>;

const TOKEN: &str = "Bearer made-here";

fn allowed(world: &World, host: &str, headers: &HeaderMap) -> Result<(), Box<Response>> {
    let shown = headers.get(header::AUTHORIZATION).and_then(|it| it.to_str().ok());
    let (wanted, ask) = match (&world.realm, &world.basic) {
        (Some(realm), _) => {
            let realm = realm.replace("{}", host);
            (TOKEN.to_owned(), format!("Bearer realm=\"{realm}\",service=\"fake\""))
        }
        (None, Some(basic)) => (basic.clone(), "Basic realm=\"fake\"".to_owned()),
        (None, None) => return Ok(()),
    };
    if shown == Some(&wanted) {
        return Ok(());
    }
    Err(Box::new((StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, ask)]).into_response()))
}

async fn manifest(
    State(it): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let (world, host) = &*it;
    world.asked.lock().unwrap().push(format!("manifest {name}"));
    if let Err(refused) = allowed(world, host, &headers) {
        return *refused;
    }
    if let Some(to) = &world.moved {
        return (StatusCode::FOUND, [(header::LOCATION, to.clone())]).into_response();
    }
    world
        .manifests
        .get(&name)
        .cloned()
        .map_or(StatusCode::NOT_FOUND.into_response(), IntoResponse::into_response)
}

async fn blob(State(it): State<Shared>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let (world, host) = &*it;
    world.asked.lock().unwrap().push("blob".to_owned());
    if let Err(refused) = allowed(world, host, &headers) {
        return *refused;
    }
    if let Some(to) = &world.elsewhere {
        let to = to.replace("{}", host) + &name;
        return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response();
    }
    world
        .blobs
        .get(&name)
        .cloned()
        .map_or(StatusCode::NOT_FOUND.into_response(), IntoResponse::into_response)
}

async fn store(State(it): State<Shared>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    assert!(headers.get(header::AUTHORIZATION).is_none(), "credentials went elsewhere");
    it.0.blobs
        .get(&name)
        .cloned()
        .map_or(StatusCode::NOT_FOUND.into_response(), IntoResponse::into_response)
}

async fn token(State(it): State<Shared>, uri: Uri, headers: HeaderMap) -> Response {
    let shown = headers.get(header::AUTHORIZATION).map(|it| it.to_str().unwrap().to_owned());
    it.0.asked.lock().unwrap().push(format!("token {} {shown:?}", uri.query().unwrap_or_default()));
    json!({ "token": "made-here" }).to_string().into_response()
}

impl World {
    /// Puts an artefact with these layers under a tag: media type, title, bytes.
    fn with(mut self, tag: &str, layers: &[(&str, Option<&str>, Vec<u8>)]) -> Self {
        let descriptors: Vec<Value> = layers
            .iter()
            .map(|(kind, title, bytes)| {
                self.blobs.insert(digest(bytes), bytes.clone());
                let annotations = title.map(|it| json!({ TITLE: it }));
                json!({ "mediaType": kind, "digest": digest(bytes), "size": bytes.len(), "annotations": annotations })
            })
            .collect();
        let manifest = json!({
            "schemaVersion": 2,
            "config": { "mediaType": "application/vnd.cncf.flux.config.v1+json", "digest": digest(b"{}"), "size": 2 },
            "layers": descriptors,
        });
        self.manifests.insert(tag.to_owned(), manifest.to_string().into_bytes());
        self
    }

    /// Serves it, and answers where.
    async fn serve(self) -> (Shared, String) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (shared, app) = self.app(&host);
        tokio::spawn(async move { axum::serve(listener, app).await });
        (shared, host)
    }

    fn app(self, host: &str) -> (Shared, Router) {
        let shared = Arc::new((self, host.to_owned()));
        let app = Router::new()
            .route("/v2/acme/shop/manifests/{name}", get(manifest))
            .route("/v2/acme/shop/blobs/{name}", get(blob))
            .route("/store/{name}", get(store))
            .route("/token", get(token))
            .with_state(Arc::clone(&shared));
        (shared, app)
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// An archive of files; their paths are not checked, as those of an attacker are not.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

const FLUX: &str = "application/vnd.cncf.flux.content.v1.tar+gzip";
/// What ORAS says of a file that it was told nothing about.
const ORAS: &str = "application/vnd.oci.image.layer.v1.tar";
const ONE: &[u8] = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

fn flux(files: &[(&str, &[u8])]) -> World {
    World::default().with("1", &[(FLUX, None, gzip(&archive(files)))])
}

fn entry(host: &str, more: &Value) -> Registry {
    let mut entry =
        json!({ "repository": format!("{host}/acme/*"), "scheme": "http", "addresses": "Private" });
    for (field, value) in more.as_object().into_iter().flatten() {
        entry[field] = value.clone();
    }
    serde_json::from_value(entry).unwrap()
}

async fn pull_with(
    host: &str,
    suffix: &str,
    registry: &Registry,
    credentials: Option<Credentials>,
) -> Result<(Reference, Vec<(String, String)>), Problem> {
    let reference = Reference::parse(&format!("oci://{host}/acme/shop{suffix}")).unwrap();
    let artifact = resolve(&reference, registry, credentials).await?;
    let found = artifact.reference.clone();
    let texts = artifact.texts().await?;
    Ok((found, texts.into_iter().map(|it| (it.from, it.text)).collect()))
}

/// The names of the files of an artefact, or the reason and sentence.
async fn pull(world: World) -> Result<Vec<String>, (Reason, String)> {
    let (_, host) = world.serve().await;
    match pull_with(&host, ":1", &entry(&host, &json!({})), None).await {
        Ok((_, texts)) => {
            let name = |from: &str| from.rsplit("file ").next().unwrap().to_owned();
            Ok(texts.iter().map(|(from, _)| name(from)).collect())
        }
        Err(problem) => Err((problem.reason, problem.message)),
    }
}

async fn fails(world: World, reason: Reason, says: &str) {
    let (found, said) = pull(world).await.unwrap_err();
    assert!(found == reason && said.contains(says), "{found:?} {said}");
}

#[tokio::test]
async fn what_flux_and_oras_push_is_read_in_the_order_of_names() {
    let files: [(&str, &[u8]); 4] =
        [("./b/z.yml", ONE), ("README.md", b"no"), ("./a.yaml", ONE), ("b/c.json", b"{}")];
    assert_eq!(pull(flux(&files)).await.unwrap(), ["a.yaml", "b/c.json", "b/z.yml"]);
    // A single file, as it is; a folder that is packed and one that is not.
    let oras = World::default().with(
        "1",
        &[
            (ORAS, Some("web.yaml"), ONE.to_vec()),
            (ORAS, Some("data.json"), gzip(b"{}")),
            (
                "application/vnd.oci.image.layer.v1.tar+gzip",
                Some("x"),
                gzip(&archive(&[("x/y.yaml", ONE)])),
            ),
            ("application/yaml", None, ONE.to_vec()),
        ],
    );
    assert_eq!(pull(oras).await.unwrap(), ["data.json", "manifests.yaml", "web.yaml", "x/y.yaml"]);
}

#[tokio::test]
async fn a_moved_tag_shows_in_the_digest_and_a_digest_is_held_to() {
    let world = flux(&[("a.yaml", ONE)]);
    let manifest = world.manifests["1"].clone();
    let mut world = world.with("2", &[(FLUX, None, gzip(&archive(&[("b.yaml", ONE)])))]);
    world.manifests.insert(digest(&manifest), manifest.clone());
    let wrong = digest(b"another");
    world.manifests.insert(wrong.clone(), manifest.clone());
    let (_, host) = world.serve().await;
    let registry = entry(&host, &json!({}));
    let (found, texts) = pull_with(&host, ":1", &registry, None).await.unwrap();
    assert_eq!(found.to_string(), format!("oci://{host}/acme/shop:1@{}", digest(&manifest)));
    assert_eq!(
        texts,
        [(format!("{found}, file a.yaml"), String::from_utf8_lossy(ONE).into_owned())]
    );
    let second = pull_with(&host, ":2", &registry, None).await.unwrap().0;
    assert_ne!(second.digest, found.digest);
    let pinned = format!(":2@{}", digest(&manifest));
    assert_eq!(pull_with(&host, &pinned, &registry, None).await.unwrap().0.digest, found.digest);
    let said = pull_with(&host, &format!("@{wrong}"), &registry, None).await.unwrap_err();
    assert!(
        said.reason == Reason::InvalidManifest
            && said.message.contains("not what it is named after")
    );
}

#[tokio::test]
async fn the_digest_alone_fetches_no_contents() {
    let (shared, host) = flux(&[("a.yaml", ONE)]).serve().await;
    let reference = Reference::parse(&format!("oci://{host}/acme/shop:1")).unwrap();
    let registry = entry(&host, &json!({}));
    assert!(resolve(&reference, &registry, None).await.is_ok());
    assert_eq!(*shared.0.asked.lock().unwrap(), ["manifest 1"]);
}

#[tokio::test]
async fn contents_that_are_not_what_their_digest_says_are_refused() {
    let mut world = flux(&[("a.yaml", ONE)]);
    for blob in world.blobs.values_mut() {
        *blob = gzip(&archive(&[("evil.yaml", ONE)]));
    }
    fails(world, Reason::InvalidManifest, "not what it is named after").await;
}

#[tokio::test]
async fn a_token_is_made_with_the_credentials_and_for_this_repository_alone() {
    let mut world = flux(&[("a.yaml", ONE)]);
    world.realm = Some("http://{}/token".to_owned());
    let (shared, host) = world.serve().await;
    let registry = entry(&host, &json!({}));
    assert!(pull_with(&host, ":1", &registry, None).await.is_ok());
    let json = json!({ "auths": { &host: { "username": "u", "password": "p" } } }).to_string();
    let reference = Reference::parse(&format!("oci://{host}/acme/shop:1")).unwrap();
    let credentials = Credentials::read(&SecretBytes::new(json.into_bytes()), &reference).unwrap();
    assert!(pull_with(&host, ":1", &registry, Some(credentials)).await.is_ok());
    let asked = shared.0.asked.lock().unwrap().join("\n");
    let query = "service=fake&scope=repository%3Aacme%2Fshop%3Apull";
    assert!(asked.contains(&format!("token {query} None")), "{asked}");
    assert!(asked.contains(&format!("token {query} Some(\"Basic dTpw\")")), "{asked}");
}

#[tokio::test]
async fn a_registry_that_wants_a_password_gets_it_and_says_when_there_is_none() {
    let world = || {
        let mut world = flux(&[("a.yaml", ONE)]);
        world.basic = Some("Basic dTpw".to_owned());
        world
    };
    fails(world(), Reason::SourceNotReadable, "give spec.source.manifests.oci.secretRef").await;
    let (_, host) = world().serve().await;
    let reference = Reference::parse(&format!("oci://{host}/acme/shop:1")).unwrap();
    for (password, fine) in [("p", true), ("wrong", false)] {
        let json = json!({ "auths": { &host: { "username": "u", "password": password } } });
        let json = SecretBytes::new(json.to_string().into_bytes());
        let credentials = Credentials::read(&json, &reference).unwrap();
        let answer = pull_with(&host, ":1", &entry(&host, &json!({})), Some(credentials)).await;
        assert_eq!(answer.is_ok(), fine, "{answer:?}");
    }
}

#[tokio::test]
async fn tokens_are_made_where_the_class_says_and_nowhere_else() {
    let (others, other) = World::default().serve().await;
    let mut world = flux(&[("a.yaml", ONE)]);
    world.realm = Some(format!("http://{other}/token"));
    let (_, host) = world.serve().await;
    let said = pull_with(&host, ":1", &entry(&host, &json!({})), None).await.unwrap_err();
    assert!(said.reason == Reason::NotAllowedByClass && said.message.contains(&other), "{said:?}");
    assert!(others.0.asked.lock().unwrap().is_empty());
    let listed = entry(&host, &json!({ "hosts": [&other] }));
    assert!(pull_with(&host, ":1", &listed, None).await.is_ok());
    assert_eq!(others.0.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn contents_may_lie_elsewhere_but_not_in_the_cluster() {
    let mut there = flux(&[("a.yaml", ONE)]);
    there.realm = None;
    let (_, store) = there.serve().await;
    let mut world = flux(&[("a.yaml", ONE)]);
    world.realm = Some("http://{}/token".to_owned());
    world.elsewhere = Some(format!("http://{store}/store/"));
    let (_, host) = world.serve().await;
    let said = pull_with(&host, ":1", &entry(&host, &json!({})), None).await.unwrap_err();
    assert_eq!(said.reason, Reason::NotAllowedByClass, "{said:?}");
    let listed = entry(&host, &json!({ "hosts": [&store] }));
    assert!(
        pull_with(&host, ":1", &listed, None).await.is_ok(),
        "without credentials: see store()"
    );
    for to in ["https://169.254.169.254/latest/", "https://10.96.0.1/api", "https://[::1]/"] {
        let mut world = flux(&[("a.yaml", ONE)]);
        world.elsewhere = Some(to.to_owned());
        fails(world, Reason::NotAllowedByClass, "not on the internet").await;
    }
    let mut world = flux(&[("a.yaml", ONE)]);
    world.moved = Some("https://example.com/".to_owned());
    fails(world, Reason::SourceNotReadable, "sends callers elsewhere").await;
    let mut world = flux(&[("a.yaml", ONE)]);
    world.elsewhere = Some("/v2/acme/shop/blobs/".to_owned());
    fails(world, Reason::SourceNotReadable, "answers 307").await;
}

#[tokio::test]
async fn a_registry_in_the_cluster_needs_a_class_that_says_so() {
    let (_, host) = flux(&[("a.yaml", ONE)]).serve().await;
    let public = entry(&host, &json!({ "addresses": "Public" }));
    let said = pull_with(&host, ":1", &public, None).await.unwrap_err();
    assert_eq!(said.reason, Reason::NotAllowedByClass, "{said:?}");
    // The same by name.
    let port = host.rsplit(':').next().unwrap();
    let named = format!("localhost:{port}");
    let public = entry(&named, &json!({ "addresses": "Public" }));
    let said = pull_with(&named, ":1", &public, None).await.unwrap_err();
    assert!(said.message.contains("addresses: Private"), "{said:?}");
    assert!(pull_with(&named, ":1", &entry(&named, &json!({})), None).await.is_ok());
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_held() {
    let zeros = vec![0; 17 * 1024 * 1024];
    let bomb = gzip(&zeros);
    assert!(bomb.len() < 100_000, "that would be no bomb");
    let unpacked = World::default().with("1", &[(FLUX, None, bomb)]);
    fails(unpacked, Reason::TooLarge, "unpacks to more than 16 MiB").await;
    let nested = flux(&[("a.yaml", &zeros)]);
    fails(nested, Reason::TooLarge, "unpacks to more than 16 MiB").await;
    let many: Vec<(&str, &[u8])> = vec![("a.txt", b""); 5000];
    fails(flux(&many), Reason::TooLarge, "4096 files").await;
    let deep = "d/".repeat(20) + "a.yaml";
    fails(flux(&[(&deep, ONE)]), Reason::TooLarge, "parts").await;
    let large = World::default().with("1", &[(ORAS, None, vec![b'#'; 9 * 1024 * 1024])]);
    fails(large, Reason::TooLarge, "more than 8388608").await;
    // One that lies about its size.
    let mut liar = World::default().with("1", &[(ORAS, None, vec![b'#'; 9 * 1024 * 1024])]);
    for manifest in liar.manifests.values_mut() {
        *manifest = String::from_utf8_lossy(manifest).replace("9437184", "9").into_bytes();
    }
    fails(liar, Reason::TooLarge, "sends more than").await;
    let layers: Vec<_> = (0..65).map(|_| (ORAS, None, ONE.to_vec())).collect();
    fails(World::default().with("1", &layers), Reason::TooLarge, "64 layers").await;
    let mut wide = World::default();
    wide.manifests.insert("1".to_owned(), vec![b' '; 2 * 1024 * 1024]);
    fails(wide, Reason::TooLarge, "sends more than").await;
}

#[tokio::test]
async fn what_is_no_rendered_manifest_is_named() {
    use Reason::InvalidManifest;
    fails(
        flux(&[("base/kustomization.yaml", ONE)]),
        InvalidManifest,
        "base/kustomization.yaml is a kustomization",
    )
    .await;
    fails(flux(&[("Chart.yaml", ONE)]), InvalidManifest, "helm template").await;
    let chart = World::default()
        .with("1", &[("application/vnd.cncf.helm.chart.content.v1.tar+gzip", None, vec![])]);
    fails(chart, InvalidManifest, "helm template").await;
    fails(flux(&[("README.md", ONE)]), InvalidManifest, "no file *.yaml").await;
    fails(flux(&[("a.yaml", b"\xff")]), InvalidManifest, "a.yaml is not UTF-8").await;
    fails(flux(&[("../../etc/a.yaml", ONE)]), InvalidManifest, "leads out of the archive").await;
    fails(flux(&[("/etc/a.yaml", ONE)]), InvalidManifest, "leads out of the archive").await;
    let mut cut = gzip(&archive(&[("a.yaml", &[b'#'; 4000])]));
    cut.truncate(cut.len() - 10);
    fails(World::default().with("1", &[(FLUX, None, cut)]), InvalidManifest, "not gzip to its end")
        .await;
    let mut cut = archive(&[("a.yaml", &[b'#'; 4000])]);
    cut.truncate(2000);
    fails(World::default().with("1", &[(ORAS, None, cut)]), InvalidManifest, "not a tar archive")
        .await;
    let zstd = vec![0x28, 0xb5, 0x2f, 0xfd, 0];
    fails(World::default().with("1", &[(ORAS, None, zstd)]), InvalidManifest, "zstd").await;
    let mut link = tar::Header::new_ustar();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_path("a.yaml").unwrap();
    link.set_link_name("/etc/passwd").unwrap();
    link.set_size(0);
    link.set_cksum();
    let mut builder = tar::Builder::new(Vec::new());
    builder.append(&link, &b""[..]).unwrap();
    let linked = gzip(&builder.into_inner().unwrap());
    fails(World::default().with("1", &[(FLUX, None, linked)]), InvalidManifest, "links").await;
    let mut index = World::default();
    index.manifests.insert("1".to_owned(), json!({ "manifests": [{}] }).to_string().into_bytes());
    fails(index, InvalidManifest, "index").await;
    let mut nothing = World::default();
    nothing.manifests.insert("1".to_owned(), b"<html>canary".to_vec());
    let (_, said) = pull(nothing).await.unwrap_err();
    assert!(said.contains("not that of an OCI artefact") && !said.contains("canary"), "{said}");
    fails(World::default(), Reason::SourceNotReadable, "no such artefact").await;
}
