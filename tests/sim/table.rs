//! The table of faults: one clean life says what can be hit, then everything is.

use std::{
    fmt::Display,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use kube_faults::{
    plan::{EventType, Events, Match, Plan},
    request::Request,
};
use kulisse::telemetry::logs;

use crate::{
    cluster::called,
    extent::{sample, wanted},
    life::Life,
    oracle::{Verdict, judge},
};

/// How one life answers for the others.
const SEED: u64 = 1;

/// What became of many lives.
pub struct Table {
    name: &'static str,
    writes: usize,
    requests: usize,
    plans: usize,
    /// Plans whose fault never came.
    unreached: usize,
    wrong: Vec<Verdict>,
    seconds: f64,
}

/// Every way to kill.
pub const KILLS: [&str; 3] = ["kill-before", "kill-after", "kill-answered"];
/// Every answer that is none.
pub const ANSWERS: [&str; 12] = [
    "status 409",
    "status 429 retry-after 1s",
    "status 500",
    "status 503",
    "status 504",
    "status-after 504",
    "reset",
    "drop-after",
    "hang",
    "duplicate",
    "truncate",
    "drip 5ms",
];
/// What becomes of a whole watch.
const WATCHES: [&str; 5] = ["drip 5ms", "gone", "truncate", "freeze-watch", "kill-answered"];
/// Everything that can happen to an event of a watch.
const EVENTS: [&str; 8] =
    ["drop", "duplicate", "delay 5s", "delay 30s", "reorder", "gone", "close", "freeze-watch"];

/// The clean life, and what its requests are called.
struct Learnt {
    well: Life,
    writes: Vec<String>,
    requests: Vec<String>,
    events: Vec<String>,
}

fn learn() -> Learnt {
    let well = Life::live(Plan::nothing(), SEED);
    assert_eq!(judge(&well, None), Verdict::default(), "the clean life");
    let (requests, writes) = (names(&well, |_| true), writes(&well));
    let told: Vec<Match> = well.cluster.told().into_iter().filter_map(|it| objects(&it)).collect();
    let events = (told.iter().enumerate())
        .map(|(at, name)| {
            let nth = told[..=at].iter().filter(|it| *it == name).count();
            format!("{name} #{nth}")
        })
        .collect();
    Learnt { well, writes, requests, events }
}

/// What the requests of a life are called in plans that change something.
pub fn writes(life: &Life) -> Vec<String> {
    names(life, |it| it.writes() && !it.dry_run)
}

fn names(life: &Life, wanted: impl Fn(&Request) -> bool) -> Vec<String> {
    let heard = life.cluster.heard();
    let named = heard.iter().enumerate().filter(|(_, it)| wanted(it)).map(|(at, it)| {
        let name = called(it);
        let nth = heard[..=at].iter().filter(|it| name.fits(it)).count();
        format!("{name} #{nth}")
    });
    named.collect()
}

/// What an event is called in plans, if it tells of an object.
fn objects((watch, of): &(Request, EventType)) -> Option<Match> {
    let it = Match { events: Some(Events::Objects), ..called(watch) };
    it.fits_event(*of).then_some(it)
}

/// Lives all plans.
fn run(name: &'static str, learnt: &Learnt, plans: &[Plan]) -> Table {
    let (writes, requests) = (learnt.writes.len(), learnt.requests.len());
    let live = |plan: &Plan| Life::live(plan.clone(), SEED);
    let table = live_all(name, plans, live, Some(&learnt.well));
    Table { writes, requests, ..table }
}

/// Lives them all, on every core.
pub fn live_all<T: Display + Sync>(
    name: &'static str,
    all: &[T],
    live: impl Fn(&T) -> Life + Sync,
    well: Option<&Life>,
) -> Table {
    let begun = Instant::now();
    let (next, unreached) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        let mut wrong = Vec::new();
        while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            let it = live(one);
            let verdict = judge(&it, well);
            // The second of two need not come once the first has changed the way; and not every life
            // has exactly as many events as the one that was learned from.
            if well.is_some() && it.cluster.faults() == 1 && !it.cluster.struck() {
                println!("fault {one}\n    never came");
                unreached.fetch_add(1, Ordering::Relaxed);
            }
            if verdict != Verdict::default() {
                // At once: the table comes late, and not at all from a life that never ends.
                println!(
                    "fault {one}\n    {}",
                    verdict.all().cloned().collect::<Vec<_>>().join("\n    ")
                );
                wrong.push(verdict);
            }
        }
        wrong
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let wrong = thread::scope(|scope| {
        let hands: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        hands.into_iter().flat_map(|it| it.join().expect("a thread")).collect()
    });
    let seconds = begun.elapsed().as_secs_f64();
    let unreached = unreached.into_inner();
    Table { name, writes: 0, requests: 0, plans: all.len(), unreached, wrong, seconds }
}

impl Table {
    fn print(&self) {
        let count = |of: fn(&Verdict) -> &Vec<String>| {
            self.wrong.iter().map(|it| of(it).len()).sum::<usize>()
        };
        let astray = self.wrong.iter().filter(|it| !it.astray.is_empty()).count();
        println!(
            "{:<18} writes {:>4}  requests {:>4}  plans {:>5}  converged {:>5}  not reached {}  leaked {}  foreign {}  seeds run twice {}  early deletions {}  said ready too soon {}  secrets told {}  {:.0} s",
            self.name,
            self.writes,
            self.requests,
            self.plans,
            self.plans - astray,
            self.unreached,
            count(|it| &it.leaked),
            count(|it| &it.foreign),
            count(|it| &it.twice),
            count(|it| &it.early),
            count(|it| &it.dishonest),
            count(|it| &it.told),
            self.seconds,
        );
    }

    /// Prints it, and fails unless every life ended as it should.
    pub fn must_be_clean(&self) {
        self.print();
        assert!(self.wrong.is_empty(), "{} of {} plans went wrong", self.wrong.len(), self.plans);
        let unreached = self.unreached;
        assert!(unreached * 50 <= self.plans, "{unreached} of {} never came", self.plans);
    }
}

/// Every one of these actions at every one of these requests.
fn each(requests: &[String], actions: &[&str]) -> Vec<Plan> {
    let pairs = requests.iter().flat_map(|at| actions.iter().map(move |action| (at, *action)));
    pairs.filter(|(at, action)| fits(at, action)).map(|(at, action)| plan(at, action)).collect()
}

/// One of these actions at every one of these requests, in turn.
fn in_turn(requests: &[String], actions: &[&str]) -> Vec<Plan> {
    let mut turns = actions.iter().cycle();
    let next = |at: &String| turns.by_ref().find(|it| fits(at, it)).map(|it| plan(at, it));
    requests.iter().filter_map(next).collect()
}

/// A kill at every one of these writes, or of every kind at each.
pub fn kills(writes: &[String], all: bool) -> Vec<Plan> {
    (if all { each } else { in_turn })(writes, &KILLS)
}

/// Whether a server may answer so, and anything comes of it: nothing that is read is in conflict with
/// anything, and reading twice is reading. An event told twice is another thing.
fn fits(at: &str, action: &str) -> bool {
    let told = at.contains(" event");
    let reads = !told && ["get ", "list ", "watch "].iter().any(|it| at.starts_with(it));
    !(reads && (action.starts_with("status 409") || action == "duplicate"))
}

fn plan(at: &str, action: &str) -> Plan {
    format!("{at}: {action}").parse().expect("a plan")
}

/// What goes wrong is looked into by its plan alone: `FAULT='create namespaces #1: kill-after'`, with the
/// operator's log where `KULISSE_TEST_LOG` says what of it.
fn named() -> Option<Vec<Plan>> {
    let text = std::env::var("FAULT").ok()?;
    log();
    Some(vec![text.parse().expect("a plan")])
}

/// What of the operator's log is to be read.
const LOG: &str = "KULISSE_TEST_LOG";

/// Whether somebody reads the operator's log.
pub fn reads_log() -> bool {
    std::env::var_os(LOG).is_some()
}

/// The operator's log, if it is asked for.
pub fn log() {
    if let Ok(filter) = std::env::var(LOG) {
        logs::start(logs::Format::default(), &filter).expect("a log");
    }
}

/// Pairs of faults, drawn by lot: the second one strikes what the first one left.
fn pairs(count: usize, one: impl Fn(&mut fastrand::Rng) -> Plan) -> Vec<Plan> {
    let seed = std::env::var("PROPTEST_RNG_SEED").ok().and_then(|it| it.parse().ok());
    let mut lot = fastrand::Rng::with_seed(seed.unwrap_or(SEED));
    let mut pair = || [one(&mut lot), one(&mut lot)].map(|it| it.to_string()).join("; ");
    (0..count).map(|_| pair().parse().expect("a plan")).collect()
}

/// How many pairs are tried.
fn count_of_pairs() -> usize {
    if wanted("pairs") { 1000 } else { 20 }
}

#[test]
fn killed_before_during_and_after_every_write_a_life_ends_as_it_should() {
    let learnt = learn();
    let plans = named().unwrap_or_else(|| each(&learnt.writes, &KILLS));
    run("killed", &learnt, &plans).must_be_clean();
}

#[test]
fn killed_twice_a_life_ends_as_it_should() {
    let learnt = learn();
    let kills = each(&learnt.writes, &KILLS);
    let plans = pairs(count_of_pairs(), |lot| kills[lot.usize(..kills.len())].clone());
    run("killed twice", &learnt, &plans).must_be_clean();
}

#[test]
fn struck_twice_in_any_way_a_life_ends_as_it_should() {
    let learnt = learn();
    // Of the three families alike, though one is much larger than the others.
    let all = [
        each(&learnt.writes, &KILLS),
        each(&learnt.requests, &ANSWERS),
        each(&learnt.events, &EVENTS),
    ];
    let plans = pairs(count_of_pairs(), |lot| {
        let family = &all[lot.usize(..all.len())];
        family[lot.usize(..family.len())].clone()
    });
    run("struck twice", &learnt, &plans).must_be_clean();
}

#[test]
fn whatever_a_request_is_answered_a_life_ends_as_it_should() {
    let learnt = learn();
    let all = wanted("answers");
    // What is read is read again and again, and each time alike.
    let few: Vec<String> = (learnt.requests.iter())
        .filter(|it| it.ends_with("#1") || learnt.writes.contains(it))
        .cloned()
        .collect();
    let plans = if all { each(&learnt.requests, &ANSWERS) } else { in_turn(&few, &ANSWERS) };
    run(if all { "answered" } else { "answered, in turn" }, &learnt, &sample(plans))
        .must_be_clean();
}

#[test]
fn whatever_becomes_of_an_event_a_life_ends_as_it_should() {
    let learnt = learn();
    let all = wanted("events");
    let plans = (if all { each } else { in_turn })(&learnt.events, &EVENTS);
    run(if all { "told" } else { "told, in turn" }, &learnt, &sample(plans)).must_be_clean();
}

#[test]
fn whatever_becomes_of_a_watch_a_life_ends_as_it_should() {
    let learnt = learn();
    let first =
        |it: &&String| it.starts_with("watch ") && (it.ends_with("#1") || it.ends_with("#2"));
    let watches: Vec<String> = learnt.requests.iter().filter(first).cloned().collect();
    assert!(watches.len() > 12, "{watches:?}");
    let plans = (if wanted("events") { each } else { in_turn })(&watches, &WATCHES);
    run("watched", &learnt, &plans).must_be_clean();
}

#[test]
fn a_watch_that_falls_silent_is_noticed_within_65_seconds_and_what_it_never_tells_after_five_minutes()
 {
    let learnt = learn();
    for (action, within) in [("freeze-watch", 65), ("drop", 300)] {
        let at = learnt.events.iter().filter(|it| it.ends_with("#2"));
        let plans: Vec<Plan> = at.map(|it| plan(it, action)).collect();
        assert!(plans.len() >= 5, "{:?}", learnt.events);
        for plan in plans {
            let life = Life::live(plan.clone(), SEED);
            assert_eq!(judge(&life, Some(&learnt.well)), Verdict::default(), "{plan}");
            let late = life.took.saturating_sub(learnt.well.took);
            // What is noticed is asked for anew, and what was about to be done then takes its time.
            assert!(late <= Duration::from_secs(within + 5), "{plan}: {late:?} later");
        }
    }
}

#[test]
fn a_list_that_breaks_off_is_read_again() {
    let learnt = learn();
    let of_source = |it: &&String| it.starts_with("list ") && it.contains(" in shop #1");
    let lists = learnt.requests.iter().filter(of_source).step_by(4);
    let plans: Vec<Plan> = lists.map(|it| plan(it, "truncate")).collect();
    assert!(plans.len() > 4, "{:?}", learnt.requests);
    run("lists broken off", &learnt, &plans).must_be_clean();
}

#[test]
fn a_conflict_is_taken_neither_for_an_object_that_is_there_nor_for_one_that_is_gone() {
    let learnt = learn();
    let about = ["create jobs.batch ", "apply stagingenvironments.kulisse.dev "];
    let at = learnt.writes.iter().filter(|it| about.iter().any(|about| it.starts_with(about)));
    let plans: Vec<Plan> = at.map(|it| plan(it, "status 409")).collect();
    assert!(plans.len() > 2, "{:?}", learnt.writes);
    run("conflicts", &learnt, &plans).must_be_clean();
}
