//! What the name of a file says about its content.

/// Ends of file names whose fields speak for themselves.
const DOCUMENTS: [&str; 15] = [
    ".acl",
    ".json",
    ".yaml",
    ".yml",
    ".properties",
    ".env",
    ".npmrc",
    ".ini",
    ".cnf",
    ".conf",
    ".cfg",
    ".toml",
    ".xml",
    ".hcl",
    ".config",
];

/// Whether the value is a keystore, a certificate or a key in a file.
pub(super) fn is_key_material(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".jks", ".p12", ".pfx", ".keystore", ".truststore", ".kdbx", ".der", ".pem", ".crt", ".cer"]
        .iter()
        .chain(&[".key"])
        .any(|end| name.ends_with(end))
        || ["id_rsa", "id_ed25519", "ssh-privatekey", ".dockerc"]
            .iter()
            .any(|start| name.starts_with(start))
}

/// Whether a file of this name has fields.
pub(super) fn is_document(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    DOCUMENTS.iter().any(|end| name.ends_with(end))
        || name.starts_with(".env")
        || matches!(name.as_str(), "env" | "pgpass" | ".pgpass" | "userlist.txt")
}

/// Whether a file of this name is YAML.
pub(super) fn is_yaml(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".yaml", ".yml"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_question_about_a_file_has_its_answer() {
        for name in ["TLS.KEY", "store.jks", "id_rsa", "id_ed25519.old", ".dockercfg"] {
            assert!(is_key_material(name), "{name}");
        }
        for name in ["key", "password", "tls.key.md"] {
            assert!(!is_key_material(name), "{name}");
        }
        for name in ["a.YML", ".env", ".env.local", "env", ".pgpass", "userlist.txt"] {
            assert!(is_document(name), "{name}");
        }
        for name in ["yml", "environment", "pgpass.txt", ""] {
            assert!(!is_document(name), "{name}");
        }
        assert!(is_yaml("A.YAML") && is_yaml("a.yml") && !is_yaml("yaml") && !is_yaml("a.json"));
    }
}
