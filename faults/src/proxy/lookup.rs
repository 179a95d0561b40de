//! Whether a program can be started, before it has to be.

use std::{
    ffi::OsStr,
    io::{Error, ErrorKind},
    os::unix::fs::PermissionsExt,
    path::Path,
};

/// Finds a program as the system does: below PATH, or where its path says.
pub fn found(program: &OsStr) -> Result<(), Error> {
    let path = Path::new(program);
    if program.as_encoded_bytes().contains(&b'/') {
        return executable(path);
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut why = Error::new(ErrorKind::NotFound, "it is not in PATH");
    for folder in std::env::split_paths(&folders) {
        match executable(&folder.join(path)) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => why = error,
            Err(_) => {}
        }
    }
    Err(why)
}

fn executable(path: &Path) -> Result<(), Error> {
    let metadata = path.metadata()?;
    if metadata.is_file() && metadata.permissions().mode() & 0o111 != 0 {
        return Ok(());
    }
    Err(Error::new(ErrorKind::PermissionDenied, "it is not an executable file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_in_path_or_where_it_is_said_to_be() {
        for (program, expected) in [
            ("sh", Ok(())),
            ("/bin/sh", Ok(())),
            ("no-such-program", Err("it is not in PATH")),
            ("/no/such", Err("No such file")),
            ("./Cargo.toml", Err("not an executable file")),
            ("/", Err("not an executable file")),
        ] {
            let found = found(OsStr::new(program)).map_err(|it| it.to_string());
            match expected {
                Ok(()) => assert_eq!(found, Ok(()), "{program}"),
                Err(why) => {
                    let error = found.expect_err(program);
                    assert!(error.contains(why), "{program}: {error}");
                }
            }
        }
    }
}
