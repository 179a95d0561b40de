//! The operator as a process on this machine, with the rights of its ServiceAccount and no others.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde_json::json;

use super::{
    cluster::Cluster,
    tools,
    wait::{eventually, s},
};

/// The operator. Its end comes with ours, even after SIGKILL.
pub struct Operator {
    /// Where its log lines go.
    pub log: PathBuf,
    kubeconfig: PathBuf,
    listen: String,
    program: PathBuf,
    running: Mutex<Option<Running>>,
}

struct Running {
    keeper: Child,
    pid: String,
}

impl Operator {
    /// Prepares it: a token of its account, and a file for its log.
    pub fn prepare(cluster: &Cluster, name: &str) -> Self {
        let token = cluster
            .kubectl(&["create", "token", "kulisse", "-n", "kulisse", "--duration", "2h"])
            .ok("a token of the operator's account");
        let admin = std::fs::read_to_string(&cluster.kubeconfig).expect("a kubeconfig");
        let mut config = tools::yaml(&admin).remove(0);
        for user in config["users"].as_array_mut().expect("users") {
            user["user"] = json!({ "token": token.trim() });
        }
        let kubeconfig = cluster.state.join("operator.kubeconfig");
        std::fs::write(&kubeconfig, config.to_string()).expect("a file");
        let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-operator.log"));
        File::create(&log).expect("a log");
        // Below the ports of outgoing connections: one of those may be taken when it starts again.
        let free = || TcpListener::bind(("127.0.0.1", fastrand::u16(10_000..30_000))).ok();
        let free = (0..100).find_map(|_| free()).expect("a port");
        let listen = free.local_addr().expect("an address").to_string();
        let program = PathBuf::from(env!("CARGO_BIN_EXE_kulisse"));
        Self { log, kubeconfig, listen, program, running: Mutex::new(None) }
    }

    /// The same operator, not running, with another kubeconfig: a proxy's. Its log is another one.
    pub fn behind(&self, kubeconfig: PathBuf, name: &str) -> Self {
        let log = self.log.with_file_name(format!("{name}-operator.log"));
        File::create(&log).expect("a log");
        let (listen, running) = (self.listen.clone(), Mutex::default());
        Self { log, kubeconfig, listen, program: self.program.clone(), running }
    }

    /// The same of another version.
    pub fn of_version(mut self, program: PathBuf) -> Self {
        self.program = program;
        self
    }

    /// Its kubeconfig, with the token of its account.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Starts it and waits until it is ready.
    pub async fn start(&self) {
        self.start_with(&[]).await;
    }

    /// Starts it with more environment variables and waits until it is ready.
    pub async fn start_with(&self, more: &[(&str, &str)]) {
        self.spawn(more);
        self.until_ready().await;
    }

    /// Starts it.
    pub fn spawn(&self, more: &[(&str, &str)]) {
        // `sh`, in a group of its own, waits for the end of its input and takes the operator along; it
        // ends when that is gone, and with it what it listened on.
        let script = r#""$0" run >>"$1" 2>&1 & echo $!; cat >/dev/null; kill -9 $!; wait $!"#;
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(script)
            .arg(&self.program)
            .arg(&self.log)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("KULISSE_LISTEN", &self.listen)
            .env("KULISSE_LOG", std::env::var("KULISSE_TEST_LOG").unwrap_or("trace".into()))
            .env("KULISSE_LOG_FORMAT", "json")
            .env("RUST_BACKTRACE", "1")
            .envs(more.iter().copied())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut keeper = command.spawn().expect("sh");
        let mut pid = String::new();
        let out = keeper.stdout.take().expect("its output");
        BufReader::new(out).read_line(&mut pid).expect("a process id");
        *self.lock() = Some(Running { keeper, pid: pid.trim().to_owned() });
    }

    /// Waits until it says it is ready.
    pub async fn until_ready(&self) {
        eventually("the operator is ready", s(30), || async {
            let code = self.ask("/readyz").await?;
            if code.contains(" 200 ") { Ok(()) } else { Err(code) }
        })
        .await;
    }

    /// The answer to a GET, head and body.
    pub async fn ask(&self, path: &str) -> Result<String, String> {
        let (listen, path) = (self.listen.clone(), path.to_owned());
        let ask = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(&listen)?;
            stream.set_read_timeout(Some(s(5)))?;
            write!(stream, "GET {path} HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            std::io::Result::Ok(answer)
        });
        ask.await.map_err(|it| it.to_string())?.map_err(|it| it.to_string())
    }

    /// Waits until a metric, named as it is exposed, with or without labels, counts something.
    pub async fn counts(&self, metric: &str) {
        eventually(&format!("{metric} counts"), s(20), || async {
            let metrics = self.ask("/metrics").await?;
            let lines = metrics.lines().filter(|it| it.starts_with(metric));
            let values = lines.filter_map(|it| it.rsplit(' ').next()?.parse::<f64>().ok());
            if values.sum::<f64>() > 0.0 { Ok(()) } else { Err(metrics.clone()) }
        })
        .await;
    }

    /// Ends it at once, as a lost node would.
    pub fn kill(&self) {
        if let Some(mut running) = self.lock().take() {
            tools::sh("kill", &["-9", &running.pid]);
            drop(running.keeper.stdin.take());
            let _ = running.keeper.wait();
        }
    }

    /// Asks it to stop, and waits until it has; how long it took.
    pub fn stop(&self) -> Duration {
        let started = std::time::Instant::now();
        if let Some(mut running) = self.lock().take() {
            tools::sh("kill", &["-TERM", &running.pid]);
            let gone = || tools::sh("kill", &["-0", &running.pid]).code != 0;
            while !gone() && started.elapsed() < s(20) {
                std::thread::sleep(Duration::from_millis(20));
            }
            let took = started.elapsed();
            drop(running.keeper.stdin.take());
            let _ = running.keeper.wait();
            return took;
        }
        Duration::ZERO
    }

    /// Sends it a signal: `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        if let Some(running) = self.lock().as_ref() {
            tools::sh("kill", &[&format!("-{name}"), &running.pid]);
        }
    }

    /// The number of its process, if it was started.
    pub fn pid(&self) -> Option<String> {
        self.lock().as_ref().map(|it| it.pid.clone())
    }

    /// Whether its process is there.
    pub fn runs(&self) -> bool {
        let there = |it: &Running| tools::sh("kill", &["-0", &it.pid]).code == 0;
        self.lock().as_ref().is_some_and(there)
    }

    /// Its last log lines that are for people.
    pub fn tail(&self, about: &str) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines = text.lines().filter(|it| {
            it.contains(about)
                && ["\"INFO\"", "\"WARN\"", "\"ERROR\""].iter().any(|level| it.contains(level))
        });
        let lines: Vec<&str> = lines.collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.kill();
    }
}
