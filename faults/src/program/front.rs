//! The proxy with the operator behind it.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use kube_faults::{
    plan::Signal,
    proxy::{Nobody, Options, Output, Process, Program, Proxy, Victim},
};

use crate::{
    arguments::Before,
    direct::with_context,
    secret_file::{Temporary, write},
};

/// The proxy with the operator behind it.
pub struct Front {
    pub proxy: Proxy,
    /// The operator; none if the proxy runs alone.
    pub program: Option<Program>,
    /// The kubeconfig of the API server itself, with the context that is meant as its current one.
    pub direct: PathBuf,
    /// The kubeconfig for the operator.
    pub written: PathBuf,
    /// Go with this.
    _temporary: Vec<Temporary>,
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
        let unwritten = |path: &Path, why| format!("{}: {why}", path.display());
        let mut temporary = Vec::new();
        let mut put = |kind: &str, text: &str| {
            let name = format!("kube-faults-{}{kind}.kubeconfig", std::process::id());
            let file =
                Temporary::write(&name, text).map_err(|why| unwritten(name.as_ref(), why))?;
            let path = file.path().to_owned();
            temporary.push(file);
            Ok::<_, String>(path)
        };
        let written = match &it.write_kubeconfig {
            Some(path) => path.clone(),
            // Its content is known later: the operator is prepared before.
            None if matches!(client, Client::Command(..)) => put("", "")?,
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
        let started = Proxy::start_as(&options, it.advertise.as_deref(), victim).await;
        let proxy = started.map_err(said)?;
        write(&written, proxy.kubeconfig()).map_err(|why| unwritten(&written, why))?;
        let direct = match &it.context {
            None => it.kubeconfig.clone(),
            // `kubectl` knows nothing of --context: it would speak to the current one.
            Some(context) => put("-direct", &with_context(&it.kubeconfig, context)?)?,
        };
        Ok(Self { proxy, program, direct, written, _temporary: temporary })
    }

    /// Ends the operator, in its own time.
    pub async fn end(&self) {
        self.proxy.rest().await;
        if let Some(program) = &self.program {
            program.end(Signal::Term).await;
        }
    }
}

fn same(one: &Path, other: &Path) -> bool {
    match (fs::canonicalize(one), fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}
