//! A command that is killed, and started again.

use std::{
    collections::VecDeque, ffi::OsString, fs::File, os::unix::process::ExitStatusExt,
    path::PathBuf, process::Stdio, time::Duration,
};

use tokio::{
    process::{Child, Command},
    sync::{mpsc, oneshot, watch},
    time::{sleep, timeout},
};

use super::{
    Error, Victim,
    group::Group,
    lookup::found,
    victim::{Doing, Sent},
};
use crate::plan::Signal;

/// How long a program, and what it has started, may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(30);
/// And when it was not asked.
const KILLED: Duration = Duration::from_secs(10);
/// Before a program that has ended by itself is started again.
const PAUSE: Duration = Duration::from_secs(1);

/// A program in a process group of its own: whatever it starts is killed with it.
#[derive(Clone)]
pub struct Program {
    orders: mpsc::Sender<Order>,
    told: watch::Receiver<Told>,
}

/// What has become of it.
#[derive(Clone, Default)]
struct Told {
    /// How often it has ended by itself.
    ended: u64,
    /// With which exit code, the last time.
    exit: Option<i32>,
    /// Why it could not be started, the last time.
    failed: Option<String>,
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
    End(Signal, Option<Sent>, oneshot::Sender<()>),
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
        let (tell, told) = watch::channel(Told::default());
        let command = command.to_vec();
        let keeper = Keeper { command, kubeconfig, output, again, tell };
        // What cannot be started is told now, and not by silence later.
        drop(keeper.prepare()?);
        tokio::spawn(keeper.keep(receiver));
        Ok(Self { orders, told })
    }

    /// How often it has ended by itself.
    pub fn ended(&self) -> u64 {
        self.told.borrow().ended
    }

    /// With which exit code it has ended by itself, the last time.
    pub fn last_exit(&self) -> Option<i32> {
        self.told.borrow().exit
    }

    /// Why it could not be started, the last time that it was tried.
    pub fn failed(&self) -> Option<String> {
        self.told.borrow().failed.clone()
    }

    /// Waits until it has ended by itself. Its exit code, as a shell would give it.
    pub async fn exit(&self) -> i32 {
        let mut told = self.told.clone();
        let code = told.wait_for(|it| it.exit.is_some()).await.ok().and_then(|it| it.exit);
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
        Box::pin(self.order(move |done| Order::End(signal, None, done)))
    }

    fn end_and_say(&self, signal: Signal, sent: Sent) -> Doing<'_> {
        Box::pin(self.order(move |done| Order::End(signal, Some(sent), done)))
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
    tell: watch::Sender<Told>,
}

impl Keeper {
    fn prepare(&self) -> Result<Command, Error> {
        let Some((program, arguments)) = self.command.split_first() else {
            let why = std::io::Error::other("no command is given");
            return Err(Error::Command { command: String::new(), why });
        };
        found(program).map_err(|why| self.cannot(why))?;
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

    fn cannot(&self, why: std::io::Error) -> Error {
        let command = self.command.first().map(|it| it.to_string_lossy().into_owned());
        Error::Command { command: command.unwrap_or_default(), why }
    }

    fn spawn(&self) -> Result<Child, Error> {
        self.prepare()?.spawn().map_err(|why| self.cannot(why))
    }

    async fn keep(self, mut orders: mpsc::Receiver<Order>) {
        let mut running: Option<Running> = None;
        let mut pausing = false;
        // What was ordered while something ended.
        let mut later = VecDeque::new();
        loop {
            tokio::select! {
                biased;
                order = next(&mut later, &mut orders) => {
                    pausing = false;
                    match order {
                        None => return drop(end(running, Signal::Kill, None, &mut orders).await),
                        Some(Order::Start(done)) => {
                            if running.is_none() {
                                running = self.start();
                            }
                            let _ = done.send(());
                        }
                        Some(Order::End(signal, sent, done)) => {
                            later.extend(end(running.take(), signal, sent, &mut orders).await);
                            let _ = done.send(());
                        }
                    }
                }
                code = ended(&mut running) => {
                    if let Some(it) = running.take() {
                        // What it started and did not wait for.
                        it.group.send(Signal::Kill);
                    }
                    pausing = self.again;
                    self.tell.send_modify(|it| {
                        it.ended += 1;
                        it.exit = Some(code);
                    });
                }
                () = sleep(PAUSE), if pausing => {
                    running = self.start();
                    pausing = false;
                }
            }
        }
    }

    fn start(&self) -> Option<Running> {
        match self.spawn() {
            Ok(child) => {
                self.tell.send_modify(|it| it.failed = None);
                Some(Running { group: Group::of(child.id()), child })
            }
            Err(error) => {
                self.tell.send_modify(|it| {
                    it.exit = Some(NOT_STARTED);
                    it.failed = Some(error.to_string());
                });
                None
            }
        }
    }
}

/// What shells answer for a command that cannot be started.
const NOT_STARTED: i32 = 127;

/// A process, and its group, which others of it may outlive.
struct Running {
    child: Child,
    group: Group,
}

impl Running {
    /// Waits until nothing of it is left.
    async fn gone(&mut self) {
        let _ = self.child.wait().await;
        self.group.ended().await;
    }
}

async fn next(later: &mut VecDeque<Order>, orders: &mut mpsc::Receiver<Order>) -> Option<Order> {
    match later.pop_front() {
        Some(order) => Some(order),
        None => orders.recv().await,
    }
}

/// Waits until it ends by itself; for ever if it does not run. Answers its exit code.
async fn ended(running: &mut Option<Running>) -> i32 {
    let Some(Running { child, .. }) = running else { return std::future::pending().await };
    match child.wait().await {
        Ok(status) => status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()),
        Err(_) => NOT_STARTED,
    }
}

/// Ends it, and gives back what was ordered meanwhile. All of its group may tidy up; whoever wants it
/// killed does not wait for that.
async fn end(
    running: Option<Running>,
    signal: Signal,
    sent: Option<Sent>,
    orders: &mut mpsc::Receiver<Order>,
) -> Vec<Order> {
    let mut later = Vec::new();
    if let Some(it) = &running {
        it.group.send(signal);
    }
    if let Some(sent) = sent {
        sent();
    }
    let Some(mut running) = running else { return later };
    if signal != Signal::Kill {
        let patience = sleep(PATIENCE);
        tokio::pin!(patience);
        let mut killed = false;
        while !killed {
            tokio::select! {
                () = running.gone() => return later,
                () = &mut patience => killed = true,
                order = orders.recv() => match order {
                    None => killed = true,
                    Some(Order::End(again, sent, done)) => {
                        killed = again == Signal::Kill;
                        if let Some(sent) = sent {
                            // A plan may ask twice. Whoever only wants it to end waits with us.
                            running.group.send(again);
                            sent();
                        }
                        later.push(Order::End(again, None, done));
                    }
                    Some(start) => later.push(start),
                },
            }
        }
        running.group.send(Signal::Kill);
    }
    let _ = timeout(KILLED, running.gone()).await;
    later
}
