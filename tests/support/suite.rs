//! Scenarios on one cluster: in phases, each test reported by its sentence, and what cannot run
//! reported as ignored, with the reason.

use std::{
    future::Future,
    process::ExitCode,
    sync::{Arc, LazyLock, OnceLock},
};

use libtest_mimic::{Arguments, Completion, Conclusion, Trial};

/// One runtime for all scenarios of a binary: clients belong to it.
pub static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime")
});

/// What the scenarios run on, or why they cannot.
pub type Stage<W> = Arc<OnceLock<Result<Arc<W>, String>>>;

/// Scenarios that may run at the same time.
pub struct Phase {
    /// How many at once.
    pub at_once: usize,
    /// The scenarios.
    pub trials: Vec<Trial>,
}

/// A scenario that runs on `stage`.
pub fn scenario<W, F, A>(stage: &Stage<W>, name: &str, body: F) -> Trial
where
    W: Send + Sync + 'static,
    F: FnOnce(Arc<W>) -> A + Send + 'static,
    A: Future<Output = ()> + Send + 'static,
{
    let stage = Arc::clone(stage);
    Trial::ignorable_test(name.replace('_', " "), move || match stage.get() {
        Some(Ok(world)) => {
            let world = Arc::clone(world);
            // A task of its own, so that a failed assertion ends this scenario and no other.
            match RUNTIME.block_on(RUNTIME.spawn(body(world))) {
                Ok(()) => Ok(Completion::Completed),
                Err(error) => match failed(error) {
                    why if why.starts_with(SKIPPED) => {
                        Ok(Completion::ignored_with(&why[SKIPPED.len()..]))
                    }
                    why => Err(why.into()),
                },
            }
        }
        Some(Err(why)) => Ok(Completion::ignored_with(why)),
        None => Err("the cluster was not started".into()),
    })
}

/// How a scenario says that it cannot run here.
const SKIPPED: &str = "skipped: ";

/// Ends a scenario that cannot run here; it is reported as ignored.
pub fn skip(why: &str) -> ! {
    eprintln!("{SKIPPED}a scenario: {why}");
    panic!("{SKIPPED}{why}")
}

fn failed(error: tokio::task::JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else { return "the scenario was cancelled".into() };
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => match panic.downcast::<&str>() {
            Ok(text) => (*text).to_owned(),
            Err(_) => "the scenario panicked".to_owned(),
        },
    }
}

/// Runs all phases, one after the other.
pub fn run<W>(
    name: &str,
    stage: &Stage<W>,
    start: impl FnOnce() -> Result<Arc<W>, String>,
    phases: Vec<Phase>,
    finish: impl FnOnce(&W),
) -> ExitCode {
    let arguments = Arguments::from_args();
    if arguments.list {
        let all = phases.into_iter().flat_map(|it| it.trials).collect();
        return libtest_mimic::run(&arguments, all).exit_code();
    }
    let wanted = phases.iter().flat_map(|it| &it.trials).any(|it| !arguments.is_filtered_out(it));
    let world = if wanted { start() } else { Err("nothing of it was asked for".to_owned()) };
    if let Err(why) = &world
        && wanted
    {
        eprintln!("skipped: {name}: {why}");
    }
    let _ = stage.set(world);
    // What was wrong is told with the result; a trace through the runtime would only bury it.
    std::panic::set_hook(Box::new(|it| {
        if let Some(place) = it.location() {
            eprintln!("failed at {place}");
        }
    }));
    let mut sum = Conclusion {
        num_filtered_out: 0,
        num_passed: 0,
        num_failed: 0,
        num_ignored: 0,
        num_measured: 0,
    };
    for phase in phases {
        let mut arguments = arguments.clone();
        arguments.test_threads.get_or_insert(phase.at_once);
        let now = libtest_mimic::run(&arguments, phase.trials);
        sum.num_passed += now.num_passed;
        sum.num_failed += now.num_failed;
        sum.num_ignored += now.num_ignored;
    }
    if let Some(Ok(world)) = stage.get() {
        finish(world);
    }
    sum.exit_code()
}
