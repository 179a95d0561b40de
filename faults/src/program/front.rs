//! The proxy with the operator behind it.

use std::{
    ffi::OsString,
    fs::{self, OpenOptions, Permissions},
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use kube_faults::{
    plan::Signal,
    proxy::{Nobody, Options, Output, Process, Program, Proxy, Victim},
};

use crate::arguments::Before;

/// The proxy with the operator behind it.
pub struct Front {
    pub proxy: Proxy,
    /// The operator; none if the proxy runs alone.
    pub program: Option<Program>,
    /// The kubeconfig of the API server itself.
    pub direct: PathBuf,
    /// The kubeconfig for the operator.
    pub written: PathBuf,
    temporary: bool,
}

/// Who sends requests.
pub enum Client<'a> {
    /// A command. If it ends by itself it is started again where the second one says so.
    Command(&'a [OsString], bool),
    /// A process that is there.
    Process(u32),
    /// Whoever comes.
    Anybody,
}

impl Front {
    /// Starts the proxy and prepares the operator.
    pub async fn start(it: &Before, client: Client<'_>) -> Result<Self, String> {
        let said = |error: kube_faults::proxy::Error| error.to_string();
        let temporary = it.write_kubeconfig.is_none();
        let written = match &it.write_kubeconfig {
            Some(path) => path.clone(),
            None if matches!(client, Client::Command(..)) => {
                let name = format!("kube-faults-{}.kubeconfig", std::process::id());
                std::env::temp_dir().join(name)
            }
            None => {
                return Err("without a command, --write-kubeconfig says where the kubeconfig for \
                                the operator goes"
                    .to_owned());
            }
        };
        if same(&written, &it.kubeconfig) {
            return Err("--write-kubeconfig names the file of --kubeconfig, which stays".to_owned());
        }
        let output = match &it.output {
            Some(path) => Output::File(path.clone()),
            None if matches!(client, Client::Command(_, false)) => Output::Ours,
            None => Output::Nowhere,
        };
        let program = match client {
            Client::Command(command, again) => {
                Some(Program::new(command, written.clone(), output, again).map_err(said)?)
            }
            Client::Process(_) | Client::Anybody => None,
        };
        let victim: Arc<dyn Victim> = match (&program, client) {
            (Some(program), _) => Arc::new(program.clone()),
            (None, Client::Process(id)) => {
                let found = Process::new(id);
                Arc::new(found.ok_or_else(|| format!("there is no process {id} that we may end"))?)
            }
            (None, _) => Arc::new(Nobody),
        };
        let options = Options {
            kubeconfig: it.kubeconfig.clone(),
            context: it.context.clone(),
            listen: it.listen,
            certificate: it.certificate.clone().zip(it.key.clone()),
            log: it.log.clone(),
        };
        let proxy = Proxy::start(&options, victim).await.map_err(said)?;
        write(&written, proxy.kubeconfig())
            .map_err(|why| format!("{}: {why}", written.display()))?;
        Ok(Self { proxy, program, direct: it.kubeconfig.clone(), written, temporary })
    }

    /// Ends the operator in its own time, and removes what nobody asked for.
    pub async fn stop(self) {
        if let Some(program) = &self.program {
            program.end(Signal::Term).await;
        }
        if self.temporary {
            let _ = fs::remove_file(&self.written);
        }
    }
}

/// Writes what holds credentials.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    // It may have been there, for others to read.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())
}

fn same(one: &Path, other: &Path) -> bool {
    match (fs::canonicalize(one), fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}
