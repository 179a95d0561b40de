//! What this program is called: alone, or as a plugin of kubectl.

use std::{env, path::Path};

/// What a person types to call it.
pub fn program() -> &'static str {
    let called = env::args_os().next().unwrap_or_default();
    named(Path::new(&called))
}

/// kubectl finds its plugins by a file's name.
fn named(file: &Path) -> &'static str {
    match file.file_stem().and_then(|it| it.to_str()) {
        Some("kubectl-kulisse") => "kubectl kulisse",
        _ => "kulisse",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_named_as_kubectl_names_plugins_is_called_through_kubectl() {
        for (file, name) in [
            ("kulisse", "kulisse"),
            ("./target/debug/kulisse", "kulisse"),
            ("/usr/local/bin/kubectl-kulisse", "kubectl kulisse"),
            ("kubectl-kulisse.exe", "kubectl kulisse"),
        ] {
            assert_eq!(named(Path::new(file)), name, "{file}");
        }
    }
}
