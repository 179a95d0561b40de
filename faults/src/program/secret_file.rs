//! Files that hold credentials.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::{Result, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Writes a file that only we may read.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    // It may have been there, for others to read.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())
}

/// A file for as long as this is there.
pub struct Temporary(PathBuf);

impl Temporary {
    /// Of this name, in the folder for such files.
    pub fn write(name: &str, text: &str) -> Result<Self> {
        let path = std::env::temp_dir().join(name);
        // What somebody put there, such as a link to elsewhere, is not written through.
        let _ = fs::remove_file(&path);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let temporary = Self(path);
        file.write_all(text.as_bytes())?;
        Ok(temporary)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
