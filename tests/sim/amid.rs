//! An operator that is killed amid something that was taken back when the next one comes: nothing of it
//! stays.

use std::{fmt, time::Duration};

use http::Method;
use kube_faults::plan::Plan;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    extent::wanted,
    life::{Life, Stage},
    lives::Deed,
    normal,
    server::store::text,
    table::{self, writes},
};

/// Something that is asked for, and how it is taken back; what comes before both.
struct Whim {
    name: &'static str,
    spec: Value,
    before: fn(&Life),
    asked: fn(&Life),
    taken_back: fn(&Life),
}

/// A life in which the operator is killed amid something.
struct Hit<'a> {
    whim: &'a Whim,
    kill: String,
}

impl fmt::Display for Hit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, then {}", self.kill, self.whim.name)
    }
}

/// What is in its target; what ran in it once is what it is.
fn contents(life: &Life) -> Vec<Value> {
    let mut all = normal::environment(&life.cluster.store());
    let told = ["StagingEnvironment", "StagingPlan", "Job"].map(Some);
    all.retain(|it| !told.contains(&it["kind"].as_str()));
    all
}

/// The same whatever its namespace is called, if that is another one: which objects there are.
fn bare(contents: &[Value]) -> Vec<Value> {
    let bare =
        |it: &Value| json!({ "kind": it["kind"], "metadata": { "name": it["metadata"]["name"] } });
    contents.iter().filter(|it| it["kind"] != "Namespace").map(bare).collect()
}

/// What is not after as it was before.
fn difference(before: &[Value], after: &[Value]) -> Option<String> {
    let home = |of: &[Value]| of.iter().map(|it| text(it, "namespace").to_owned()).max();
    if home(before) == home(after) {
        return normal::difference(before, after);
    }
    normal::difference(&bare(before), &bare(after))
}

/// Such a life, and which of its writes followed from what was asked for.
fn live(whim: &Whim, faults: Plan) -> (Life, Vec<String>) {
    let mut life = Life::begin(faults, 1);
    let (mut before, mut since, mut until) = (Vec::new(), 0, 0);
    life.with_operators(async |life| {
        if life.operators == 1 {
            life.ask_for(&whim.spec);
            life.wrong
                .extend(life.until_up("it is ready", |it| it.is("Ready", "True")).await.err());
            sleep(Duration::from_secs(30)).await;
            (whim.before)(life);
            sleep(Duration::from_secs(30)).await;
            before = contents(life);
            since = writes(life).len();
            (whim.asked)(life);
            sleep(Duration::from_mins(2)).await;
            until = writes(life).len();
        }
        (whim.taken_back)(life);
        sleep(Duration::from_mins(5)).await;
        // The order of writes is not always the same: it may have been killed too soon.
        if !before.is_empty() {
            life.wrong.extend(difference(&before, &contents(life)));
        }
        life.stage = Stage::Done;
    });
    // It is not over.
    life.stage = Stage::Quiet;
    let writes = writes(&life).into_iter().take(until).skip(since).collect();
    (life, writes)
}

/// Everything that can be taken back.
fn whims() -> Vec<Whim> {
    fn nothing(_: &Life) {}
    fn edit(life: &Life) {
        let env = json!([{ "set": [{ "name": "WORD", "value": "another" }] }]);
        life.change(&json!({ "spec": { "env": env } }));
    }
    fn edit_back(life: &Life) {
        life.change(&json!({ "spec": { "env": null } }));
    }
    fn move_production(life: &Life) {
        Deed::MoveProduction.done(life, 1);
    }
    fn move_it_back(life: &Life) {
        let settings = "/api/v1/namespaces/shop/configmaps/settings";
        let word = json!({ "data": { "WORD": "shop" } });
        life.cluster.ask(Method::PATCH, settings, "application/merge-patch+json", &word);
    }
    fn begin_to_end(life: &Life) {
        Deed::End(1).done(life, 0);
    }
    fn end_later(life: &Life) {
        Deed::End(7200).done(life, 0);
    }
    fn put_to_sleep(life: &Life) {
        Deed::Sleep.done(life, 1);
    }
    fn wake(life: &Life) {
        Deed::Wake.done(life, 2);
    }
    fn sleep_again(life: &Life) {
        let annotations = json!({ "kulisse.dev/sleep": "3", "kulisse.dev/wake": null });
        life.change(&json!({ "metadata": { "annotations": annotations } }));
    }
    fn withdraw(life: &Life) {
        Deed::Withdraw.done(life, 0);
    }
    fn grant(life: &Life) {
        Deed::Grant.done(life, 0);
    }
    let whim = |name, before, asked, taken_back| Whim {
        name,
        spec: json!({ "lifecycle": { "ttl": "2h" } }),
        before,
        asked,
        taken_back,
    };
    let bare = json!({ "lifecycle": { "ttl": "2h" }, "preDelete": [] });
    let follows = |action: &str| json!({ "lifecycle": { "ttl": "2h" }, "drift": { "action": action, "interval": "30s" } });
    vec![
        whim("sleep", nothing, put_to_sleep, wake),
        whim("wake", put_to_sleep, wake, sleep_again),
        whim("edit", nothing, edit, edit_back),
        whim("edit asleep", put_to_sleep, edit, edit_back),
        Whim { spec: follows("Resync"), ..whim("follow", nothing, move_production, move_it_back) },
        Whim {
            spec: follows("Rebuild"),
            ..whim("rebuild", nothing, move_production, move_it_back)
        },
        whim("freeze", nothing, withdraw, grant),
        whim("thaw", withdraw, grant, withdraw),
        whim("end", nothing, begin_to_end, end_later),
        Whim { spec: bare, ..whim("end at once", nothing, begin_to_end, end_later) },
    ]
}

#[test]
fn what_was_taken_back_leaves_nothing_of_itself_wherever_the_operator_was_killed() {
    let whims = whims();
    let hits = whims.iter().flat_map(|whim| {
        let (life, writes) = live(whim, Plan::nothing());
        assert!(life.wrong.is_empty() && !writes.is_empty(), "{}: {:?}", whim.name, life.wrong);
        table::kills(&writes, wanted("amid"))
            .into_iter()
            .map(move |kill| Hit { whim, kill: kill.to_string() })
    });
    let hits: Vec<Hit> = hits.collect();
    let live = |hit: &Hit| live(hit.whim, hit.kill.parse().expect("a plan")).0;
    table::live_all("taken back", &hits, live, None).must_be_clean();
}
