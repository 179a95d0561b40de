//! How fast Kulisse brings an application of forty objects into a new namespace, and with how many
//! requests, beside others who do the same in the same run: a raw client, one POST at a time and
//! eight, and kubectl. `make bench` runs it; bench/README.md says how to read it.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement ends where something fails, and prints what it measured"
)]

#[path = "../../tests/support/mod.rs"]
mod support;

mod application;
mod kulisse;
mod log;
mod operator;
mod table;
mod yardstick;

use std::{
    fmt::Write,
    fs,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use kube::Client;
use serde_json::json;

use application::{CLASS, OBJECTS, application};
use kulisse::{Account, MOMENTS, Split};
use operator::{Memory, Operator};
use support::{
    audit,
    cluster::Cluster,
    environment::{Environment, granted_source, installed, namespace_gone},
    objects::Objects,
    suite::RUNTIME,
    tools,
    wait::{eventually, s},
};
use table::{Row, Run, Spread, table};
use yardstick::{Copy, kubectl};

/// Rounds that count; one before them does not.
const ROUNDS: usize = 7;
/// Requests beyond clones and fence that the design allows.
const OTHERS: usize = 8;
/// How much longer than the raw parallel client the design allows.
const RATIO: f64 = 1.5;
/// The namespace that is cloned.
const SOURCE: &str = "production";
/// Where environments are asked for.
const REQUESTS: &str = "requests";

fn main() -> ExitCode {
    if std::env::args().any(|it| it == "--list") {
        return ExitCode::SUCCESS;
    }
    let cluster = match Cluster::start("bench", &["--mode", "control-plane"]) {
        Ok(cluster) => cluster,
        Err(why) => {
            eprintln!("nothing was measured: {why}");
            return ExitCode::FAILURE;
        }
    };
    let fine = RUNTIME.block_on(measure(&cluster));
    cluster.stop();
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The measurement while it goes on.
struct Bench<'a> {
    cluster: &'a Cluster,
    client: Client,
    audit_log: &'a Path,
    operator: &'a Operator,
    /// (a) to (e), in this order.
    rows: [Row; 5],
    /// Of the measured rounds.
    accounts: Vec<Account>,
    splits: Vec<Split>,
    /// Milliseconds of the operator's processor time per environment.
    cpu: Vec<f64>,
    /// The operator's memory while an environment lives.
    living: Memory,
}

async fn measure(cluster: &Cluster) -> bool {
    installed(cluster).await;
    cluster.objects.apply(CLASS).await;
    granted_source(&cluster.objects, SOURCE, REQUESTS).await;
    cluster.objects.apply(&application(SOURCE)).await;
    let audit_log = cluster.audit_log.as_deref().expect("a cluster of our own has an audit log");
    log::quiet(audit_log).await;
    let operator = Operator::start(cluster).await;
    log::quiet(audit_log).await;
    let at_start = operator.memory();
    let load_at_start = load();
    let mut bench = Bench {
        cluster,
        client: cluster.objects.client.clone(),
        audit_log,
        operator: &operator,
        rows: [
            Row::new("(a) raw client, one POST at a time"),
            Row::new("(b) raw client, 8 at a time"),
            Row::new("(c) kubectl create"),
            Row::new("(d) kubectl apply --server-side"),
            Row::new("(e) **Kulisse**, clone of a live namespace"),
        ],
        accounts: Vec::new(),
        splits: Vec::new(),
        cpu: Vec::new(),
        living: Memory::default(),
    };

    // The first environment shows what there is to bring, and warms the operator up.
    let (account, environment) = bench.environment("first").await;
    let copy = Copy::of(&bench.client, account.target(), &account.made()).await;
    let behind = bench.left_behind(&environment).await;
    environment.remove().await;
    eprintln!("{} clones and fence; first environment: {}", copy.len() - 1, account.split().line());
    for round in 0..=ROUNDS {
        bench.round(round, &copy).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let at_end = operator.memory();
    let load_at_end = load();
    let (text, fine) =
        bench.told(&copy, &behind, &account, [at_start, at_end], [&load_at_start, &load_at_end]);
    println!("\n{text}");
    if std::env::var_os("TIMELINE").is_some() {
        println!("The first environment:\n{}", account.timeline());
        if let Some(it) = bench.typical() {
            println!("A typical environment:\n{}", it.timeline());
        }
    }
    if std::env::var_os("BLESS").is_some_and(|it| it == "1") {
        bless(&text);
    }
    fine
}

/// What is measured, in the order of the rows.
#[derive(Clone, Copy)]
enum Contender {
    Serial,
    Parallel,
    Create,
    Apply,
    Kulisse,
}

impl<'a> Bench<'a> {
    /// Everybody once, each time beginning with another one; then everything is deleted.
    async fn round(&mut self, round: usize, copy: &Copy) {
        use Contender::{Apply, Create, Kulisse, Parallel, Serial};
        let mut order = [Serial, Parallel, Create, Apply, Kulisse];
        order.rotate_left(round % 5);
        let counts = round > 0;
        let mut namespaces = Vec::new();
        let mut living = None;
        for contender in order {
            log::quiet(self.audit_log).await;
            if matches!(contender, Kulisse) {
                let before = self.operator.cpu();
                let (account, environment) = self.environment(&format!("pr-{round}")).await;
                if counts {
                    self.cpu.push(self.operator.cpu() - before);
                    let split = account.split();
                    self.rows[4].runs.push(Run {
                        present: account.present(),
                        done: account.ready(),
                        requests: split.total(),
                    });
                    self.splits.push(split);
                    self.accounts.push(account);
                    self.living = self.operator.memory();
                }
                living = Some(environment);
                continue;
            }
            let name = format!("yardstick-{round}-{}", contender as usize);
            let run = self.yardstick(contender, copy, &name).await;
            if counts {
                self.rows[contender as usize].runs.push(run);
            }
            namespaces.push(name);
        }
        eprintln!("round {round} of {ROUNDS}");
        let objects = &self.cluster.objects;
        if let Some(environment) = &living {
            environment.delete().await;
        }
        for name in &namespaces {
            objects.delete("v1 Namespace", "", name).await;
        }
        for name in &namespaces {
            namespace_gone(objects, name, s(120)).await;
        }
        if let Some(environment) = living {
            environment.gone(s(120)).await;
        }
    }

    async fn yardstick(&self, contender: Contender, copy: &Copy, name: &str) -> Run {
        let file = copy.file(self.cluster, name);
        let mark = audit::mark(self.audit_log);
        let (start, began) = (now(), Instant::now());
        match contender {
            Contender::Serial => copy.post(&self.client, name, 1).await,
            Contender::Parallel => copy.post(&self.client, name, 8).await,
            Contender::Create => kubectl(self.cluster, &["create"], &file),
            Contender::Apply => kubectl(self.cluster, &["apply", "--server-side"], &file),
            Contender::Kulisse => {}
        }
        let done = began.elapsed().as_secs_f64() * 1000.0;
        let tool = matches!(contender, Contender::Create | Contender::Apply);
        eventually("the audit log tells it all", s(10), || async {
            let requests: Vec<_> = log::since(self.audit_log, mark)
                .into_iter()
                .filter(|it| it.agent.starts_with("kubectl/") == tool)
                .filter(|it| tool || it.within(name))
                .filter(|it| !it.user.starts_with("system:"))
                .collect();
            let written = requests.iter().filter(|it| it.wrote() && it.within(name));
            let count = written.clone().count();
            if count < copy.len() {
                return Err(format!("{count} of {}", copy.len()));
            }
            let last = written.map(|it| it.until).max().unwrap_or(start);
            Ok(Run { present: log::ms(start, last), done, requests: requests.len() })
        })
        .await
    }

    /// Makes an environment, waits until it is ready and the operator rests, and accounts for it.
    async fn environment(&self, name: &str) -> (Account, Environment<'a>) {
        let objects: &'a Objects = &self.cluster.objects;
        let mark = audit::mark(self.audit_log);
        let start = now();
        let spec = json!({
            "source": { "namespace": SOURCE },
            "className": "measured",
            "lifecycle": { "ttl": "3h" },
        });
        let object = json!({
            "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingEnvironment",
            "metadata": { "name": name, "namespace": REQUESTS },
            "spec": spec,
        });
        objects.try_create(&object, false).await.expect("a StagingEnvironment");
        let environment = Environment::of(objects, REQUESTS, name);
        environment.ready(s(60)).await;
        let target = environment.target().await;
        log::quiet(self.audit_log).await;
        let requests = log::since(self.audit_log, mark);
        (Account::new(start, SOURCE, &target, requests), environment)
    }

    /// What stays behind in the source: reason and object.
    async fn left_behind(&self, environment: &Environment<'_>) -> Vec<(String, String)> {
        let kind = "kulisse.dev/v1alpha1 StagingPlan";
        let plan = self.cluster.objects.get(kind, REQUESTS, &environment.name).await;
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let all = plan.data["spec"]["leftBehind"].as_array().cloned().unwrap_or_default();
        all.iter().map(|it| (text(&it["reason"]), text(&it["object"]))).collect()
    }

    /// The account whose time is in the middle.
    fn typical(&self) -> Option<&Account> {
        let middle = self.rows[4].present().median;
        self.accounts.iter().find(|it| (it.present() - middle).abs() < 0.001)
    }

    /// The whole report, and whether the gates hold.
    fn told(
        &self,
        copy: &Copy,
        behind: &[(String, String)],
        first: &Account,
        [at_start, at_end]: [Memory; 2],
        [load_at_start, load_at_end]: [&str; 2],
    ) -> (String, bool) {
        let mut text = self.heading(copy, behind);
        text += &table(&self.rows, &self.rows[1]);

        let mut splits: Vec<&Split> = self.splits.iter().collect();
        splits.sort_by_key(|it| it.others());
        let (Some(least), Some(middle), Some(worst)) =
            (splits.first(), splits.get(splits.len() / 2), splits.last())
        else {
            return ("nothing was measured".to_owned(), false);
        };
        let whole = splits.iter().all(|it| it.made == copy.len() - 1);
        let few = worst.others() <= OTHERS && whole;
        let ratio = self.rows[4].present().median / self.rows[1].present().median;
        let fast = ratio <= RATIO;
        let strict = std::env::var_os("STRICT").is_some_and(|it| it == "1");
        let _ = write!(
            text,
            "\n- Requests at most N + {OTHERS}, reads of the source and discovery apart: **{}** (N + {} to N + {}, median N + {}).\n",
            if few { "holds" } else { "BROKEN" },
            least.others(),
            worst.others(),
            middle.others(),
        );
        let _ = writeln!(
            text,
            "- All present within {RATIO} × of (b): **{}** ({ratio:.2}){}.",
            if fast { "holds" } else { "MISSED" },
            if strict {
                ""
            } else {
                "; not a failure without `STRICT=1`: the machine may be shared"
            },
        );
        let _ = writeln!(text, "- Kulisse, typically: {}.", middle.line());
        if worst != middle {
            let _ = writeln!(text, "- Kulisse, at worst: {}.", worst.line());
        }
        let _ = writeln!(
            text,
            "- Kulisse, the first environment after its start: {}.",
            first.split().line()
        );
        let _ = writeln!(
            text,
            "- Operator: {:.0} ms of processor time per environment until it rests again (median). Resident memory {} at its start, {} while an environment lives, {} after {} environments with none left; at most {}.",
            Spread::of(self.cpu.clone()).median,
            mib(at_start.resident),
            mib(self.living.resident),
            mib(at_end.resident),
            ROUNDS + 2,
            mib(at_end.most),
        );
        let _ = writeln!(
            text,
            "\n| Kulisse, ms since the POST | min | median | max |\n|---|---:|---:|---:|"
        );
        for (at, what) in MOMENTS.iter().enumerate() {
            let it = Spread::of(self.accounts.iter().map(|it| it.moments()[at]).collect());
            let _ = writeln!(text, "| {what} | {:.0} | {:.0} | {:.0} |", it.min, it.median, it.max);
        }
        let _ = writeln!(
            text,
            "\nLoad average (1, 5, 15 minutes): {load_at_start} before, {load_at_end} after; {} cores. Machines that are\nshared make times come and go: only ratios and counts are stable.",
            std::thread::available_parallelism().map_or(0, usize::from),
        );
        (text, few && (fast || !strict))
    }

    fn heading(&self, copy: &Copy, behind: &[(String, String)]) -> String {
        let reasons: std::collections::BTreeSet<&str> =
            behind.iter().map(|it| it.0.as_str()).collect();
        let reasons: Vec<String> = reasons
            .into_iter()
            .map(|reason| {
                let names: Vec<&str> =
                    behind.iter().filter(|it| it.0 == reason).map(|it| it.1.as_str()).collect();
                match names.as_slice() {
                    [a] => format!("{a} ({reason})"),
                    [a, b] => format!("{a}, {b} ({reason})"),
                    all => format!("{} ({reason}: {}, …)", all.len(), all[0]),
                }
            })
            .collect();
        format!(
            "{} · commit {} · Kubernetes {} · {}\n\nThe source holds {OBJECTS} objects of its owner's. N = {} clones and fence, and a namespace; left behind: {}.\n1 round to warm up, {ROUNDS} measured, all five in each, beginning with another one each time. *Present*: from the POST or the\ncommand's start until the API server had made the last object, by its audit log. *Done*: the command's end; Ready in\nthe status.\n\n",
            now().strftime("%Y-%m-%d"),
            commit(),
            self.version(),
            program("--version"),
            copy.len() - 1,
            if reasons.is_empty() { "nothing".to_owned() } else { reasons.join("; ") },
        )
    }

    fn version(&self) -> String {
        let answer = self.cluster.kubectl(&["version", "--output", "json"]);
        let says: serde_json::Value = serde_json::from_str(&answer.out).unwrap_or_default();
        let text = |side: &str| says[side]["gitVersion"].as_str().unwrap_or("?").to_owned();
        format!("{} (kubectl {})", text("serverVersion"), text("clientVersion"))
    }
}

/// The machine's time: the audit log is of the same machine.
#[expect(clippy::disallowed_methods, reason = "what is measured is the time on this machine")]
fn now() -> Timestamp {
    Timestamp::now()
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

fn mib(kilobytes: u64) -> String {
    format!("{}.{} MiB", kilobytes / 1024, kilobytes % 1024 * 10 / 1024)
}

fn program(argument: &str) -> String {
    let answer = tools::sh(operator::program(), &[argument]);
    answer.out.lines().next().unwrap_or("kulisse ?").trim().to_owned()
}

/// The commit, and whether the work tree differs from it.
fn commit() -> String {
    let root = tools::root().display().to_string();
    let git = |arguments: &[&str]| {
        let answer = tools::sh("git", &[&["-C", root.as_str()], arguments].concat());
        answer.out.trim().to_owned()
    };
    let changed = git(&["status", "--porcelain", "--", "src", "core", "Cargo.lock"]);
    let also = if changed.is_empty() { "" } else { " with changes" };
    format!("{}{also}", git(&["rev-parse", "--short", "HEAD"]))
}

/// Writes it down.
fn bless(text: &str) {
    let folder = tools::root().join("docs/figures");
    fs::create_dir_all(&folder).expect("a folder");
    let page = format!(
        "# Forty objects in a new namespace\n\n`BLESS=1 make bench` has written this page. It is what one run on one machine gave; [bench](../../bench/README.md) says how\nit is measured.\n\n{text}"
    );
    fs::write(folder.join("apply.md"), page).expect("a file");
    eprintln!("written: docs/figures/apply.md");
}
