//! Shell commands: what begins, judges and ends a life.

use std::{path::Path, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{process::Command, time::timeout};

/// How shell commands are run.
pub struct Shell<'a> {
    /// The kubeconfig of the API server itself.
    pub kubeconfig: &'a Path,
    /// How long each may take.
    pub within: Duration,
}

/// All that a shell command has started, which ends with this.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // One that has ended is what is wanted.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

impl Shell<'_> {
    /// Runs a command to its end, or as long as it may take. Why it failed: the last line that it
    /// printed.
    pub async fn run(&self, command: &str, number: usize) -> Result<(), String> {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).env("KUBECONFIG", self.kubeconfig);
        shell.env("KUBE_FAULTS_RUN", number.to_string()).stdin(Stdio::null());
        shell.stdout(Stdio::piped()).stderr(Stdio::piped());
        // Of its own: a shell that is killed leaves behind what it has started.
        let child = shell.process_group(0).kill_on_drop(true).spawn();
        let child = child.map_err(|why| format!("sh: {why}"))?;
        let id = child.id().and_then(|it| i32::try_from(it).ok()).and_then(Pid::from_raw);
        let mut group = Group(id);
        let ran = timeout(self.within, child.wait_with_output()).await;
        let ran = ran.map_err(|_| format!("not done in {} s", self.within.as_secs()))?;
        // What it left running on purpose stays.
        group.0 = None;
        let ran = ran.map_err(|why| format!("sh: {why}"))?;
        if ran.status.success() {
            return Ok(());
        }
        let line = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            text.lines().rfind(|it| !it.trim().is_empty()).map(str::to_owned)
        };
        let said = line(&ran.stderr).or_else(|| line(&ran.stdout)).unwrap_or_default();
        Err(format!("{}: {said}", ran.status))
    }
}
