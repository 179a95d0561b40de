//! A command that is killed, and started again.

use std::{
    ffi::OsString,
    fs::File,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    process::{Child, Command},
    sync::{mpsc, oneshot, watch},
    time::{sleep, timeout},
};

use super::{
    Error, Victim,
    victim::{Doing, signal_group},
};
use crate::plan::Signal;

/// How long a program may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(30);
/// Before a program that has ended by itself is started again.
const PAUSE: Duration = Duration::from_secs(1);

/// A program in a process group of its own: whatever it starts is killed with it.
#[derive(Clone)]
pub struct Program {
    orders: mpsc::Sender<Order>,
    ended: Arc<AtomicU64>,
    exit: watch::Receiver<Option<i32>>,
}

/// Where what a program prints goes.
#[derive(Clone, Debug)]
pub enum Output {
    /// Where ours goes.
    Ours,
    /// Nowhere.
    Nowhere,
    /// To the end of a file.
    File(PathBuf),
}

enum Order {
    Start(oneshot::Sender<()>),
    End(Signal, oneshot::Sender<()>),
}

impl Program {
    /// Prepares a command: program and arguments. It has KUBECONFIG set to this file. If it ends by
    /// itself it is started again where `again` says so.
    pub fn new(
        command: &[OsString],
        kubeconfig: PathBuf,
        output: Output,
        again: bool,
    ) -> Result<Self, Error> {
        let (orders, receiver) = mpsc::channel(4);
        let ended = Arc::new(AtomicU64::new(0));
        let (exited, exit) = watch::channel(None);
        let command = command.to_vec();
        let keeper = Keeper { command, kubeconfig, output, again, ended: ended.clone(), exited };
        // What cannot be started is told now, and not by silence later.
        drop(keeper.prepare()?);
        tokio::spawn(keeper.keep(receiver));
        Ok(Self { orders, ended, exit })
    }

    /// How often it has ended by itself.
    pub fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }

    /// Waits until it has ended by itself. Its exit code, as a shell would give it.
    pub async fn exit(&self) -> i32 {
        let mut exit = self.exit.clone();
        let code = exit.wait_for(Option::is_some).await.ok().and_then(|it| *it);
        code.unwrap_or(NOT_STARTED)
    }

    async fn order(&self, order: impl FnOnce(oneshot::Sender<()>) -> Order) {
        let (done, is_done) = oneshot::channel();
        if self.orders.send(order(done)).await.is_ok() {
            let _ = is_done.await;
        }
    }
}

impl Victim for Program {
    fn end(&self, signal: Signal) -> Doing<'_> {
        Box::pin(self.order(move |done| Order::End(signal, done)))
    }

    fn start(&self) -> Doing<'_> {
        Box::pin(self.order(Order::Start))
    }
}

struct Keeper {
    command: Vec<OsString>,
    kubeconfig: PathBuf,
    output: Output,
    again: bool,
    ended: Arc<AtomicU64>,
    exited: watch::Sender<Option<i32>>,
}

impl Keeper {
    fn prepare(&self) -> Result<Command, Error> {
        let Some((program, arguments)) = self.command.split_first() else {
            let why = std::io::Error::other("no command is given");
            return Err(Error::Command { command: String::new(), why });
        };
        let mut command = Command::new(program);
        command.args(arguments).env("KUBECONFIG", &self.kubeconfig).stdin(Stdio::null());
        command.process_group(0).kill_on_drop(true);
        match &self.output {
            Output::Ours => {}
            Output::Nowhere => {
                command.stdout(Stdio::null()).stderr(Stdio::null());
            }
            Output::File(path) => {
                let file_error = |why| Error::File { path: path.clone(), why };
                let file = File::options().create(true).append(true).open(path);
                let file = file.map_err(file_error)?;
                command.stdout(file.try_clone().map_err(file_error)?).stderr(file);
            }
        }
        Ok(command)
    }

    fn spawn(&self) -> Result<Child, Error> {
        let name = self.command.first().map(|it| it.to_string_lossy().into_owned());
        self.prepare()?
            .spawn()
            .map_err(|why| Error::Command { command: name.unwrap_or_default(), why })
    }

    async fn keep(self, mut orders: mpsc::Receiver<Order>) {
        let mut child: Option<Running> = None;
        let mut pausing = false;
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    None => return end(child.as_mut(), Signal::Kill).await,
                    Some(Order::Start(done)) => {
                        if child.is_none() {
                            child = self.start();
                        }
                        pausing = false;
                        let _ = done.send(());
                    }
                    Some(Order::End(signal, done)) => {
                        end(child.as_mut(), signal).await;
                        child = None;
                        pausing = false;
                        let _ = done.send(());
                    }
                },
                code = ended(&mut child) => {
                    // What it started and did not wait for.
                    signal_group(child.take().map_or(0, |it| it.leader), Signal::Kill);
                    pausing = self.again;
                    self.ended.fetch_add(1, Ordering::Relaxed);
                    self.exited.send_replace(Some(code));
                }
                () = sleep(PAUSE), if pausing => {
                    child = self.start();
                    pausing = false;
                }
            }
        }
    }

    fn start(&self) -> Option<Running> {
        match self.spawn() {
            // It was just started: it has an id.
            Ok(child) => Some(Running { leader: child.id().unwrap_or_default(), child }),
            Err(error) => {
                eprintln!("kube-faults: {error}");
                self.exited.send_replace(Some(NOT_STARTED));
                None
            }
        }
    }
}

/// What shells answer for a command that cannot be started.
const NOT_STARTED: i32 = 127;

/// A process, and the id of its group, which others of it may outlive.
struct Running {
    child: Child,
    leader: u32,
}

/// Waits until it ends by itself; for ever if it does not run. Answers its exit code.
async fn ended(running: &mut Option<Running>) -> i32 {
    let Some(Running { child, .. }) = running else { return std::future::pending().await };
    match child.wait().await {
        Ok(status) => status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
        Err(_) => NOT_STARTED,
    }
}

async fn end(running: Option<&mut Running>, signal: Signal) {
    let Some(Running { child, leader }) = running else { return };
    signal_group(*leader, signal);
    if timeout(PATIENCE, child.wait()).await.is_err() {
        signal_group(*leader, Signal::Kill);
        let _ = child.wait().await;
    }
    signal_group(*leader, Signal::Kill);
}
