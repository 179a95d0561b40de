//! The kubeconfig of the API server itself, for shell commands.

use std::{fs, path::Path};

use serde_json::Value;

/// A kubeconfig with another current context, as it reads from another folder.
pub fn with_context(path: &Path, context: &str) -> Result<String, String> {
    let of = |why: &str| format!("kubeconfig {}: {why}", path.display());
    let text = fs::read_to_string(path).map_err(|why| of(&why.to_string()))?;
    // A message of the parser could quote a token.
    let mut file: Value = serde_saphyr::from_str(&text).map_err(|_| of("is not YAML"))?;
    let path = std::path::absolute(path).map_err(|why| of(&why.to_string()))?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    if !file.is_object() {
        return Err(of("is not a kubeconfig"));
    }
    file["current-context"] = context.into();
    for (list, entry, fields) in [
        ("clusters", "cluster", ["certificate-authority"].as_slice()),
        ("users", "user", &["client-certificate", "client-key", "tokenFile"]),
    ] {
        for it in file[list].as_array_mut().into_iter().flatten() {
            for field in fields {
                if let Some(path) = it[entry].get_mut(*field) {
                    make_absolute(path, folder);
                }
            }
            // A command without a slash is looked for in PATH.
            if let Some(command) = it[entry].get_mut("exec").and_then(|it| it.get_mut("command"))
                && command.as_str().is_some_and(|it| it.contains('/'))
            {
                make_absolute(command, folder);
            }
        }
    }
    Ok(format!("{file:#}\n"))
}

fn make_absolute(path: &mut Value, folder: &Path) {
    if let Value::String(path) = path
        && !path.is_empty()
    {
        *path = folder.join(&*path).display().to_string();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_all_clusters_and_users_are_absolute_and_the_rest_stays() {
        let folder = std::env::temp_dir().join(format!("kube-faults-test-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("config");
        let text = "current-context: production\n\
                    contexts: [{name: here, context: {cluster: a, user: b}}]\n\
                    clusters: [{name: a, cluster: {server: https://a, certificate-authority: ca}}]\n\
                    users: [{name: b, user: {client-key: ./k, token: t, tokenFile: '', \
                    exec: {command: bin/login}}}, {name: c, user: {exec: {command: login}}}, {name: d}]\n";
        fs::write(&path, text).expect("a file");
        let written = with_context(&path, "here");
        let _ = fs::remove_dir_all(&folder);
        let written: Value = serde_json::from_str(&written.expect("a text")).expect("JSON");
        let at = |it: &str| folder.join(it).display().to_string();
        assert_eq!(written["current-context"], "here");
        assert_eq!(written["clusters"][0]["cluster"]["certificate-authority"], at("ca"));
        let user = &written["users"][0]["user"];
        assert_eq!(user["client-key"], at("./k"));
        assert_eq!(user["exec"]["command"], at("bin/login"));
        assert_eq!((&user["token"], &user["tokenFile"]), (&"t".into(), &"".into()));
        assert_eq!(written["users"][1]["user"]["exec"]["command"], "login");
        assert!(with_context(&path, "here").is_err_and(|it| it.contains("No such file")));
    }
}
