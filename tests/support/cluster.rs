//! A real cluster for one test binary: started when it is needed, gone when the binary ends,
//! however it ends.

use std::{
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

use super::{
    objects::Objects,
    suite::RUNTIME,
    tools::{self, Answer, run},
};

/// A cluster.
pub struct Cluster {
    /// Its administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    /// Its audit log; none on a cluster that was given.
    pub audit_log: Option<PathBuf>,
    /// `host:port` of its ingress; empty without a node.
    pub ingress: String,
    /// Folder of `kubectl`.
    pub bin: PathBuf,
    /// Where it keeps its state.
    pub state: PathBuf,
    /// What is in it, as its administrator sees it.
    pub objects: Objects,
    keeper: Option<Keeper>,
}

impl Cluster {
    /// Starts a cluster. `name` tells those of one machine apart.
    pub fn start(name: &str, arguments: &[&str]) -> Result<Self, String> {
        let devcluster = tools::devcluster()?;
        let state = std::env::temp_dir().join(format!("kulisse-{name}-{}", std::process::id()));
        let keeper = Keeper::of_cluster(&devcluster, &state);
        let mut up = Command::new(&devcluster);
        up.arg("up").arg("--state").arg(&state).args(arguments).args(["-o", "json"]);
        // What is missing is a reason to skip; what is there and does not work is a failure.
        let answer = run(&mut up, None).ok("devcluster up");
        let says: serde_json::Value = serde_json::from_str(&answer).expect("what it says");
        let path = |key: &str| PathBuf::from(says[key].as_str().unwrap_or_default());
        let kubeconfig = path("kubeconfig");
        let objects = Objects::new(client(&kubeconfig)?);
        Ok(Self {
            objects,
            kubeconfig,
            audit_log: Some(path("auditLog")),
            ingress: says["ingress"].as_str().unwrap_or_default().to_owned(),
            bin: path("bin"),
            state,
            keeper: Some(keeper),
        })
    }

    /// A cluster that somebody pointed us at on purpose. It stays.
    pub fn given(kubeconfig: &Path) -> Result<Self, String> {
        Ok(Self {
            objects: Objects::new(client(kubeconfig)?),
            kubeconfig: kubeconfig.to_owned(),
            audit_log: None,
            ingress: std::env::var("KULISSE_TEST_INGRESS").unwrap_or_default(),
            bin: tools::devcluster()
                .ok()
                .and_then(|it| it.parent().map(Path::to_owned))
                .unwrap_or_default(),
            state: PathBuf::new(),
            keeper: None,
        })
    }

    /// Runs `kubectl` as the administrator.
    pub fn kubectl(&self, arguments: &[&str]) -> Answer {
        run(&mut self.command(arguments), None)
    }

    /// Runs `kubectl` with a text on its standard input.
    pub fn kubectl_with(&self, arguments: &[&str], input: &str) -> Answer {
        run(&mut self.command(arguments), Some(input))
    }

    /// `kubectl` as the administrator.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.bin.join("kubectl"));
        command.env("KUBECONFIG", &self.kubeconfig).args(arguments);
        command
    }

    /// Takes it down now.
    pub fn stop(&self) {
        if let Some(keeper) = &self.keeper {
            keeper.end();
        }
    }
}

/// A client for a kubeconfig, without a limit on how fast it may ask.
pub fn client(kubeconfig: &Path) -> Result<Client, String> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    RUNTIME.block_on(async {
        let file = Kubeconfig::read_from(kubeconfig).map_err(|it| it.to_string())?;
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
            .await
            .map_err(|it| it.to_string())?;
        Client::try_from(config).map_err(|it| it.to_string())
    })
}

/// A process that does something at our end. It waits for the end of its standard input, which
/// comes with ours even after SIGKILL, and it is in a process group of its own, which Ctrl-C does
/// not reach.
pub struct Keeper(std::sync::Mutex<Option<Child>>);

impl Keeper {
    fn of_cluster(devcluster: &Path, state: &Path) -> Self {
        let script = r#"cat >/dev/null; "$0" down --state "$1""#;
        Self::start(script, &[devcluster.as_os_str(), state.as_os_str()])
    }

    /// Starts `sh -c script arguments…`.
    pub fn start(script: &str, arguments: &[&std::ffi::OsStr]) -> Self {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).args(arguments).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(std::sync::Mutex::new(Some(command.spawn().expect("sh"))))
    }

    /// Has it do its work now, and waits for that.
    pub fn end(&self) {
        let child = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(mut child) = child {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }
}
