//! One life of an operator under one plan, and how it ended.

use std::time::{Duration, Instant};

use kube_faults::{
    plan::{Plan, Signal},
    proxy::{Program, Proxy, Victim},
};
use tokio::time::{sleep, timeout};

use crate::{arguments::Living, front::Front, shell::Shell};

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// How lives are lived.
pub struct Life<'a> {
    proxy: &'a Proxy,
    program: &'a Program,
    shell: Shell<'a>,
    orders: &'a Living,
}

/// How a life ended.
pub struct Outcome {
    pub verdict: Verdict,
    pub took: Duration,
    /// How often the operator ended by itself and was started again, and with which exit code last.
    pub ended: Option<(u64, i32)>,
    /// Why another life would not begin as this one did, if it would not.
    pub unclean: Option<String>,
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
        let shell = Shell { kubeconfig: &front.direct, within: Duration::from_secs(orders.within) };
        Ok(Self { proxy: &front.proxy, program, shell, orders })
    }

    /// Lives one life. `number` tells its objects from those of others. An error if the operator cannot
    /// be started: no other life would go better.
    pub async fn live(&self, plan: Plan, number: usize) -> Result<Outcome, String> {
        let (started, before) = (Instant::now(), self.program.ended());
        self.proxy.begin(plan);
        self.begin().await?;
        let lived = self.stages(number).await;
        if lived.is_ok() {
            self.strikes().await;
        }
        self.stop().await;
        let ended = self.program.ended() - before;
        let ended = self.program.last_exit().filter(|_| ended > 0).map(|code| (ended, code));
        let verdict = match lived {
            Err(why) => Verdict::Failed(why),
            Ok(()) if self.proxy.complete() => Verdict::Converged,
            Ok(()) => Verdict::NotReached,
        };
        let mut outcome = Outcome { verdict, took: started.elapsed(), ended, unclean: None };
        if matches!(outcome.verdict, Verdict::Failed(_)) {
            outcome.unclean = self.clean(number).await.err();
        }
        Ok(outcome)
    }

    async fn begin(&self) -> Result<(), String> {
        self.program.start().await;
        self.program.failed().map_or(Ok(()), Err)
    }

    /// All may be as it should be while the last answer is still on its way, and with it the fault that
    /// comes after it.
    async fn strikes(&self) {
        const MOMENT: Duration = Duration::from_secs(1);
        const LOOK: Duration = Duration::from_millis(20);
        let struck = async {
            while !self.proxy.complete() {
                sleep(LOOK).await;
            }
        };
        let _ = timeout(MOMENT, struck).await;
    }

    /// Ends the operator, also one that is being killed and started again.
    async fn stop(&self) {
        self.proxy.rest().await;
        self.program.end(Signal::Term).await;
    }

    async fn stages(&self, number: usize) -> Result<(), String> {
        if let Some(command) = &self.orders.before {
            self.once("--before", command, number).await?;
        }
        self.converges(number).await?;
        self.after(number).await
    }

    /// Cleans up after a life that failed: with an operator to which nothing happens, since faults that
    /// are still to come, or a request that hangs, would keep this one from its work.
    async fn clean(&self, number: usize) -> Result<(), String> {
        if self.orders.after.is_none() {
            return Ok(());
        }
        self.proxy.begin(Plan::nothing());
        self.begin().await?;
        let cleaned = self.after(number).await;
        self.stop().await;
        cleaned
    }

    async fn converges(&self, number: usize) -> Result<(), String> {
        let mut last = String::from("it did not end");
        let asked = async {
            loop {
                match self.shell.run(&self.orders.check, number).await {
                    Ok(()) => return,
                    Err(why) => last = why,
                }
                sleep(PAUSE).await;
            }
        };
        let within = timeout(self.shell.within, asked).await;
        within.map_err(|_| format!("not converged in {} s; --check: {last}", self.orders.within))
    }

    async fn after(&self, number: usize) -> Result<(), String> {
        match &self.orders.after {
            Some(command) => self.once("--after", command, number).await,
            None => Ok(()),
        }
    }

    async fn once(&self, what: &str, command: &str, number: usize) -> Result<(), String> {
        let ran = self.shell.run(command, number).await;
        ran.map_err(|why| format!("{what}: {why}"))
    }
}

impl Outcome {
    /// How often the operator ended by itself, in words; nothing if it did not.
    pub fn endings(&self) -> String {
        match self.ended {
            Some((times, code)) => format!("ended by itself: {times}, the last time with {code}"),
            None => String::new(),
        }
    }
}
