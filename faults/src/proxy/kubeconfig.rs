//! The kubeconfig that is given, and the one that clients get.

use std::path::{Path, PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::Uri;
use serde_json::{Map, Value, json};

use super::Error;

/// One context of a kubeconfig. It holds credentials: no `Debug`.
pub struct Kubeconfig {
    /// The API server: `https://host:port/path`.
    pub server: Uri,
    /// The name in its certificate, if not the one in the address.
    pub server_name: Option<String>,
    /// Who vouches for it, as PEM; public authorities without.
    pub authority: Option<Vec<u8>>,
    /// Certificate and key, as PEM: clients cannot show these to the API server through a proxy.
    pub certificate: Option<(Vec<u8>, Vec<u8>)>,
    user: Map<String, Value>,
    namespace: Option<Value>,
}

impl Kubeconfig {
    /// Reads a context of a file, the current one without a name.
    pub fn read(path: &Path, context: Option<&str>) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|why| Error::File { path: path.to_owned(), why })?;
        // Paths in it are relative to it.
        let folder = std::path::absolute(path)
            .ok()
            .and_then(|it| it.parent().map(Path::to_owned))
            .unwrap_or_default();
        Self::parse(&text, &folder, context)
            .map_err(|why| Error::Kubeconfig { path: path.to_owned(), why })
    }

    fn parse(text: &str, folder: &Path, context: Option<&str>) -> Result<Self, String> {
        // A message of the parser could quote a token.
        let file: Value = serde_saphyr::from_str(text).map_err(|_| "is not YAML".to_owned())?;
        let current = file["current-context"].as_str().filter(|it| !it.is_empty());
        let name = context.or(current).ok_or("has no current-context; name one with --context")?;
        let context = named(&file, "contexts", name)?;
        let context = &context["context"];
        let cluster_name = context["cluster"].as_str().unwrap_or_default();
        let cluster = &named(&file, "clusters", cluster_name)?["cluster"];
        let user = match context["user"].as_str() {
            Some(user) => named(&file, "users", user)?["user"].as_object().cloned(),
            None => None,
        };
        let user = user.unwrap_or_default();
        for field in ["insecure-skip-tls-verify", "proxy-url"] {
            if !matches!(&cluster[field], Value::Null | Value::Bool(false)) {
                return Err(format!(
                    "cluster {cluster_name}: {field} is not supported; give the address of the API \
                     server as `server`, and its `certificate-authority`"
                ));
            }
        }
        let server = cluster["server"].as_str().unwrap_or_default();
        let server = server
            .parse::<Uri>()
            .ok()
            .filter(|it| matches!(it.scheme_str(), Some("https" | "http")) && it.host().is_some())
            .ok_or_else(|| {
                format!("cluster {cluster_name}: `server: {server}` is not an https or http URL")
            })?;
        let at = |map: &Value, field| content(map, field, folder);
        let settings = Value::Object(user.clone());
        let certificate = match (at(&settings, "client-certificate")?, at(&settings, "client-key")?)
        {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => {
                return Err(
                    "the user has one of client-certificate and client-key, not both".into()
                );
            }
        };
        Ok(Self {
            server,
            server_name: cluster["tls-server-name"].as_str().map(str::to_owned),
            authority: at(cluster, "certificate-authority")?,
            certificate,
            user: for_others(user, folder),
            namespace: context.get("namespace").cloned(),
        })
    }

    /// Whether the identity of clients is a certificate, which the proxy has to show for them.
    pub fn holds_a_certificate(&self) -> bool {
        self.certificate.is_some()
    }

    /// For clients of a proxy that they reach there (`name:port`), has this certificate, and wants to see this text
    /// where it has an identity of its own. As JSON, which is YAML.
    pub fn for_clients(&self, proxy: &str, certificate: &str, pass: Option<&str>) -> String {
        let mut user = self.user.clone();
        if let Some(pass) = pass {
            // Clients would show one of these instead, or refuse to choose.
            for other in ["tokenFile", "username", "password", "exec", "auth-provider"] {
                user.remove(other);
            }
            user.insert("token".into(), pass.into());
        }
        let mut context = json!({ "cluster": NAME, "user": NAME });
        if let Some(namespace) = &self.namespace {
            context["namespace"] = namespace.clone();
        }
        let cluster = json!({
            "server": format!("https://{proxy}"),
            "certificate-authority-data": STANDARD.encode(certificate),
        });
        let file = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{ "name": NAME, "cluster": cluster }],
            "users": [{ "name": NAME, "user": user }],
            "contexts": [{ "name": NAME, "context": context }],
            "current-context": NAME,
        });
        format!("{file:#}\n")
    }
}

/// What everything in the kubeconfig for clients is called.
const NAME: &str = "kube-faults";

/// An entry of one of the lists of a kubeconfig.
fn named<'a>(file: &'a Value, list: &str, name: &str) -> Result<&'a Value, String> {
    let entries = || file[list].as_array().into_iter().flatten();
    entries().find(|it| it["name"] == name).ok_or_else(|| {
        let there: Vec<&str> = entries().filter_map(|it| it["name"].as_str()).collect();
        format!("has no `{name}` in {list}; there are: {}", there.join(", "))
    })
}

/// `FIELD-data`, or the content of the file in `FIELD`.
fn content(map: &Value, field: &str, folder: &Path) -> Result<Option<Vec<u8>>, String> {
    let data = format!("{field}-data");
    if let Some(text) = map[&data].as_str().filter(|it| !it.is_empty()) {
        return STANDARD.decode(text).map(Some).map_err(|_| format!("{data} is not base64"));
    }
    let Some(path) = map[field].as_str().filter(|it| !it.is_empty()) else { return Ok(None) };
    let path = folder.join(path);
    std::fs::read(&path).map(Some).map_err(|why| format!("{field} {}: {why}", path.display()))
}

/// Credentials that pass through the proxy, as they read from another folder.
fn for_others(mut user: Map<String, Value>, folder: &Path) -> Map<String, Value> {
    for field in ["client-certificate", "client-key"] {
        user.remove(field);
        user.remove(&format!("{field}-data"));
    }
    let absolute = |path: &str| -> PathBuf { folder.join(path) };
    if let Some(Value::String(path)) = user.get_mut("tokenFile")
        && !path.is_empty()
    {
        *path = absolute(path).display().to_string();
    }
    // A command without a slash is looked for in PATH.
    if let Some(Value::String(command)) = user.get_mut("exec").and_then(|it| it.get_mut("command"))
        && command.contains('/')
    {
        *command = absolute(command).display().to_string();
    }
    user
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(cluster: &str, user: &str) -> String {
        format!(
            "current-context: here\n\
             contexts: [{{name: here, context: {{cluster: c, user: u, namespace: shop}}}}]\n\
             clusters: [{{name: c, cluster: {{{cluster}}}}}]\n\
             users: [{{name: u, user: {{{user}}}}}]\n"
        )
    }

    fn parse(cluster: &str, user: &str) -> Result<Kubeconfig, String> {
        Kubeconfig::parse(&file(cluster, user), Path::new("/folder"), None)
    }

    fn clients(it: &Kubeconfig, pass: Option<&str>) -> Value {
        serde_json::from_str(&it.for_clients("127.0.0.1:1234", "PEM", pass)).expect("JSON")
    }

    #[test]
    fn clients_keep_their_credentials_and_speak_to_the_proxy() {
        let it = parse(
            "server: 'https://api:6443/k8s', certificate-authority-data: UEVN, tls-server-name: x",
            "token: t, tokenFile: token, exec: {command: ./login, args: [a]}",
        );
        let it = it.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(it.server.path(), "/k8s");
        assert_eq!(it.server_name.as_deref(), Some("x"));
        assert_eq!(it.authority.as_deref(), Some(b"PEM".as_slice()));
        let clients = clients(&it, None);
        let user = json!({
            "token": "t",
            "tokenFile": "/folder/token",
            "exec": { "command": "/folder/./login", "args": ["a"] },
        });
        assert_eq!(clients["users"][0]["user"], user);
        assert_eq!(clients["clusters"][0]["cluster"]["server"], "https://127.0.0.1:1234");
        assert_eq!(clients["clusters"][0]["cluster"]["certificate-authority-data"], "UEVN");
        assert_eq!(clients["contexts"][0]["context"]["namespace"], "shop");
    }

    #[test]
    fn a_client_certificate_stays_with_the_proxy_which_then_wants_to_see_a_text() {
        let it = parse(
            "server: https://api",
            "client-certificate-data: YQ==, client-key-data: Yg==, tokenFile: token, username: a, \
             password: b, exec: {command: login}, auth-provider: {name: c}, as: somebody",
        );
        let it = it.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(it.certificate, Some((b"a".to_vec(), b"b".to_vec())));
        let text = clients(&it, Some("pass"));
        assert_eq!(text["users"][0]["user"], json!({ "token": "pass", "as": "somebody" }));
    }

    #[test]
    fn a_path_that_is_empty_stays_empty() {
        let it = parse("server: https://api", "token: t, tokenFile: ''");
        let it = it.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(clients(&it, None)["users"][0]["user"]["tokenFile"], "");
    }

    #[test]
    fn what_cannot_be_used_is_named_without_being_quoted() {
        let table = [
            (
                parse("server: https://api, insecure-skip-tls-verify: true", ""),
                "cluster c: insecure",
            ),
            (parse("server: https://api, proxy-url: http://p", ""), "cluster c: proxy-url"),
            (parse("server: api", ""), "`server: api` is not an https or http URL"),
            (parse("", ""), "is not an https or http URL"),
            (parse("server: https://a", "client-key-data: Yg=="), "one of client-certificate"),
            (
                parse("server: https://a", "client-key: none"),
                "client-key /folder/none: No such file",
            ),
            (parse("server: https://a, certificate-authority-data: '%'", ""), "is not base64"),
            (Kubeconfig::parse("{", Path::new("/"), None), "is not YAML"),
            (Kubeconfig::parse("{}", Path::new("/"), None), "has no current-context"),
            (
                Kubeconfig::parse(&file("", ""), Path::new("/"), Some("there")),
                "has no `there` in contexts; there are: here",
            ),
        ];
        for (answer, expected) in table {
            let Err(error) = answer else { panic!("no error with {expected}") };
            assert!(error.contains(expected), "{error}\n  not {expected}");
        }
    }
}
