//! The operator under measurement: a release process with the rights of its ServiceAccount.

use std::{
    ffi::OsStr,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::support::{
    cluster::{Cluster, Keeper},
    operator,
    tools::sh,
    wait::{eventually, s},
};

/// The operator.
pub struct Operator {
    _keeper: Keeper,
    pid: String,
}

/// Kilobytes of memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// Resident now.
    pub resident: u64,
    /// The most that was resident.
    pub most: u64,
}

impl Operator {
    /// Starts it and waits until it is ready.
    pub async fn start(cluster: &Cluster) -> Self {
        // Makes a kubeconfig with a token of the account.
        drop(operator::Operator::prepare(cluster, "bench"));
        let path = |name: &str| cluster.state.join(name);
        let (kubeconfig, log, id) =
            (path("operator.kubeconfig"), path("operator.log"), path("operator.pid"));
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let listen = free.local_addr().expect("an address").to_string();
        drop(free);
        let script = r#"export KUBECONFIG="$1" KULISSE_LISTEN="$2"
            "$0" run >>"$3" 2>&1 & echo $! >"$4.new"; mv "$4.new" "$4"; cat >/dev/null; kill -9 $!"#;
        let program = program();
        let arguments: [&OsStr; 5] = [
            program.as_os_str(),
            kubeconfig.as_os_str(),
            listen.as_ref(),
            log.as_os_str(),
            id.as_os_str(),
        ];
        let keeper = Keeper::start(script, &arguments);
        eventually("the operator is ready", s(30), || async {
            let log = fs::read_to_string(&log).unwrap_or_default();
            let answer = sh("curl", &["-sf", &format!("http://{listen}/readyz")]);
            if answer.code == 0 { Ok(()) } else { Err(log) }
        })
        .await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let pid = fs::read_to_string(&id).expect("a process id").trim().to_owned();
        Self { _keeper: keeper, pid }
    }

    /// Its memory, as the kernel counts it.
    pub fn memory(&self) -> Memory {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("its status");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|it| it.split_whitespace().next()?.parse().ok()).unwrap_or_default()
        };
        Memory { resident: field("VmRSS:"), most: field("VmHWM:") }
    }

    /// Milliseconds of processor time so far, of all of its threads.
    pub fn cpu(&self) -> f64 {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid)).expect("its threads");
        let nanoseconds = threads.flatten().filter_map(|thread| {
            let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<f64>().ok()
        });
        nanoseconds.sum::<f64>() / 1e6
    }
}

/// The release binary that `dev/image/build.sh --binary` made; without one, that of `cargo bench`.
pub fn program() -> PathBuf {
    match std::env::var_os("KULISSE_IMAGE_BINARY").filter(|it| !it.is_empty()) {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_BIN_EXE_kulisse")).to_owned(),
    }
}
