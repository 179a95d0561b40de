//! One life of an operator under one plan, and how it ended.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use kube_faults::{
    plan::{Plan, Signal},
    proxy::{Program, Proxy, Victim},
};
use tokio::{
    process::Command,
    time::{sleep, timeout},
};

use crate::{arguments::Living, front::Front};

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// How lives are lived.
pub struct Life<'a> {
    proxy: &'a Proxy,
    program: &'a Program,
    /// The kubeconfig for the commands below: the API server itself.
    kubeconfig: &'a Path,
    orders: &'a Living,
}

/// How a life ended.
pub struct Outcome {
    pub verdict: Verdict,
    pub took: Duration,
    /// How often the operator ended by itself, and was started again.
    pub ended: u64,
}

pub enum Verdict {
    /// All is as it should be, and every fault has struck.
    Converged,
    /// All is as it should be, but a fault did not strike: nothing is shown.
    NotReached,
    /// Why not.
    Failed(String),
}

impl<'a> Life<'a> {
    pub fn new(front: &'a Front, orders: &'a Living) -> Result<Self, String> {
        let program = front.program.as_ref().ok_or("there is no command")?;
        Ok(Self { proxy: &front.proxy, program, kubeconfig: &front.direct, orders })
    }

    /// Lives one life. `number` tells its objects from those of others.
    pub async fn live(&self, plan: Plan, number: usize) -> Outcome {
        let (started, ended) = (Instant::now(), self.program.ended());
        self.proxy.begin(plan);
        self.program.start().await;
        let lived = self.stages(number).await;
        self.program.end(Signal::Term).await;
        let verdict = match lived {
            Err(why) => Verdict::Failed(why),
            Ok(()) if self.proxy.complete() => Verdict::Converged,
            Ok(()) => Verdict::NotReached,
        };
        Outcome { verdict, took: started.elapsed(), ended: self.program.ended() - ended }
    }

    async fn stages(&self, number: usize) -> Result<(), String> {
        if let Some(command) = &self.orders.before {
            self.once("--before", command, number).await?;
        }
        self.converges(number).await?;
        match &self.orders.after {
            Some(command) => self.once("--after", command, number).await,
            None => Ok(()),
        }
    }

    async fn converges(&self, number: usize) -> Result<(), String> {
        let mut last = String::from("it did not end");
        let asked = async {
            loop {
                match self.shell(&self.orders.check, number).await {
                    Ok(()) => return,
                    Err(why) => last = why,
                }
                sleep(PAUSE).await;
            }
        };
        let within = timeout(self.within(), asked).await;
        within.map_err(|_| format!("not converged in {} s; --check: {last}", self.orders.within))
    }

    async fn once(&self, what: &str, command: &str, number: usize) -> Result<(), String> {
        match timeout(self.within(), self.shell(command, number)).await {
            Err(_) => Err(format!("{what}: not done in {} s", self.orders.within)),
            Ok(done) => done.map_err(|why| format!("{what}: {why}")),
        }
    }

    fn within(&self) -> Duration {
        Duration::from_secs(self.orders.within)
    }

    /// Runs a shell command to its end; the last line that it printed if it fails.
    async fn shell(&self, command: &str, number: usize) -> Result<(), String> {
        let ran = Command::new("sh")
            .args(["-c", command])
            .env("KUBECONFIG", self.kubeconfig)
            .env("KUBE_FAULTS_RUN", number.to_string())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|why| format!("sh: {why}"))?;
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
