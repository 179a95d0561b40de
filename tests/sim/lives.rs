//! Random lives: what people may do to an environment, in any order and at any time, while anything may
//! go wrong. A number makes each of them again.

use std::{fmt, time::Duration};

use fastrand::Rng;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use kube_faults::plan::Plan;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    extent::wanted,
    life::{Life, NAME, Stage, TEAM, environment},
    server::{controllers::named, store::text},
    table,
};

/// Something that people do.
#[derive(Clone, Copy, Debug)]
pub enum Deed {
    /// It is to end after so many seconds from now.
    End(u32),
    Sleep,
    Wake,
    Suspend,
    Resume,
    Withdraw,
    Grant,
    EditClass,
    MoveProduction,
    /// Somebody deletes the namespace, and not the environment.
    DeleteTarget,
    Delete,
    AskAgain,
}

/// What happens in a life.
struct Story {
    seed: u64,
    /// In which second, and what.
    deeds: Vec<(u32, Deed)>,
    faults: Plan,
}

impl Story {
    fn of(seed: u64) -> Self {
        let mut lot = Rng::with_seed(seed);
        let mut deeds: Vec<(u32, Deed)> =
            (0..lot.u32(2..9)).map(|_| (lot.u32(0..600), deed(&mut lot))).collect();
        deeds.sort_by_key(|it| it.0);
        let faults: Vec<String> = (0..lot.u32(0..4)).map(|_| fault(&mut lot)).collect();
        let faults = faults.join("; ").parse().expect("a plan");
        Self { seed, deeds, faults }
    }
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LIFE={}:", self.seed)?;
        for (at, deed) in &self.deeds {
            write!(f, " {at} s {deed:?},")?;
        }
        write!(f, " faults {}", self.faults)
    }
}

fn deed(lot: &mut Rng) -> Deed {
    match lot.u32(0..12) {
        // Half of these cut it short.
        0 if lot.bool() => Deed::End(lot.u32(10..120)),
        0 => Deed::End(lot.u32(600..1200)),
        1 => Deed::Sleep,
        2 => Deed::Wake,
        3 => Deed::Suspend,
        4 => Deed::Resume,
        5 => Deed::Withdraw,
        6 => Deed::Grant,
        7 => Deed::EditClass,
        8 => Deed::MoveProduction,
        9 => Deed::DeleteTarget,
        10 => Deed::Delete,
        _ => Deed::AskAgain,
    }
}

fn fault(lot: &mut Rng) -> String {
    let mut one = |of: &[&str]| of[lot.usize(..of.len())].to_owned();
    match one(&["kill", "write", "any"]).as_str() {
        "kill" => format!("write #{}: {}", lot.u32(1..90), lot.choice(table::KILLS).expect("one")),
        what => {
            let actions = if what == "write" { &table::ANSWERS[..] } else { &table::ANSWERS[1..] };
            format!("{what} #{}: {}", lot.u32(1..250), actions[lot.usize(..actions.len())])
        }
    }
}

const GRANTS: &str = "/apis/kulisse.dev/v1alpha1/namespaces/shop/staginggrants";
const MERGE: &str = "application/merge-patch+json";
const JSON: &str = "application/json";

impl Deed {
    /// Does it; `number` tells it from others of its kind.
    pub fn done(self, life: &Life, number: usize) {
        let cluster = &life.cluster;
        let change = |uri: &str, patch: &Value| drop(cluster.ask(Method::PATCH, uri, MERGE, patch));
        let own =
            format!("/apis/kulisse.dev/v1alpha1/namespaces/{TEAM}/stagingenvironments/{NAME}");
        let annotate = |key: &str, value: &str| {
            change(&own, &json!({ "metadata": { "annotations": { key: value } } }));
        };
        match self {
            Self::End(seconds) => {
                let end = cluster.store().now() + SignedDuration::from_secs(i64::from(seconds));
                let end = Timestamp::from_second(end.as_second()).expect("a time");
                annotate("kulisse.dev/extend", &end.to_string());
            }
            Self::Sleep => annotate("kulisse.dev/sleep", &number.to_string()),
            Self::Wake => annotate("kulisse.dev/wake", &number.to_string()),
            Self::Suspend => change(&own, &json!({ "spec": { "suspend": true } })),
            Self::Resume => change(&own, &json!({ "spec": { "suspend": false } })),
            Self::Withdraw => {
                let grant = format!("{GRANTS}/from-team");
                cluster.ask(Method::DELETE, &grant, JSON, &Value::Null);
            }
            Self::Grant => {
                let grant = json!({ "apiVersion": "kulisse.dev/v1alpha1", "kind": "StagingGrant",
                    "metadata": { "name": "from-team" }, "spec": { "from": [{ "namespace": TEAM }] } });
                cluster.ask(Method::POST, GRANTS, JSON, &grant);
            }
            Self::EditClass => {
                let limits = json!({ "limits": { "maxTTL": format!("{}h", 90 + number) } });
                let uri = "/apis/kulisse.dev/v1alpha1/stagingclasses/usual";
                change(uri, &json!({ "spec": limits }));
            }
            Self::MoveProduction => {
                let word = json!({ "data": { "WORD": format!("shop {number}") } });
                change("/api/v1/namespaces/shop/configmaps/settings", &word);
            }
            Self::DeleteTarget => {
                for it in life.targets() {
                    let it = format!("/api/v1/namespaces/{it}");
                    cluster.ask(Method::DELETE, &it, JSON, &Value::Null);
                }
            }
            Self::Delete => drop(cluster.ask(Method::DELETE, &own, JSON, &Value::Null)),
            Self::AskAgain => {
                let uri = own.trim_end_matches(&format!("/{NAME}"));
                cluster.ask(Method::POST, uri, JSON, &environment());
            }
        }
    }
}

/// Lives a story to its end.
fn live(story: &Story) -> Life {
    let mut life = Life::begin(story.faults.clone(), story.seed);
    let begun = life.cluster.store().now();
    let mut done = 0;
    life.with_operators(async |life| {
        if life.stage == Stage::Ask {
            Deed::AskAgain.done(life, 0);
            life.stage = Stage::Ready;
        }
        while let Some((at, deed)) = story.deeds.get(done) {
            let at = begun + SignedDuration::from_secs(i64::from(*at));
            let rest = at.duration_since(life.cluster.store().now());
            sleep(Duration::try_from(rest).unwrap_or_default()).await;
            deed.done(life, done);
            done += 1;
        }
        if let Err(why) = settle(life).await {
            life.wrong.push(why);
        }
    });
    // What people have changed is as they have left it.
    for (kind, namespace, name) in [
        ("StagingGrant", "shop", "from-team"),
        ("StagingClass", "", "usual"),
        ("ConfigMap", "shop", "settings"),
    ] {
        let is = |it: &Value| {
            it["kind"] == kind && text(it, "namespace") == namespace && text(it, "name") == name
        };
        life.before.retain(|it| !is(it));
        let now = life.cluster.store().get(named(kind), namespace, name).cloned();
        life.before.extend(now);
    }
    life
}

/// Nobody stands in the way any more: it is up or over, and goes when it is deleted.
async fn settle(life: &mut Life) -> Result<(), String> {
    if life.stage == Stage::Ready {
        for deed in [Deed::Grant, Deed::Resume, Deed::Wake] {
            deed.done(life, usize::MAX);
        }
        let lives = |it: &Life| {
            it.environment().is_some_and(|it| text(&it, "deletionTimestamp").is_empty())
        };
        let settled = |it: &Life| {
            let over = it.is("Expired", "True") && it.targets().is_empty();
            !lives(it) || over || it.is("Ready", "True")
        };
        life.until_up("it is ready, over or gone", settled).await?;
        life.stage = Stage::Gone;
    }
    Deed::Delete.done(life, 0);
    life.until_up("it is gone", |it| it.environment().is_none()).await?;
    life.stage = Stage::Done;
    Ok(())
}

#[test]
fn whatever_people_do_and_whatever_goes_wrong_a_life_ends_as_it_should() {
    let stories = match std::env::var("LIFE").ok().and_then(|it| it.parse().ok()) {
        Some(seed) => {
            table::log();
            vec![Story::of(seed)]
        }
        None => {
            let count = if wanted("lives") { 1000 } else { 24 };
            let from = std::env::var("PROPTEST_RNG_SEED").ok().and_then(|it| it.parse().ok());
            let from: u64 = from.unwrap_or(1);
            (from..from + count).map(Story::of).collect()
        }
    };
    table::live_all("random lives", &stories, live, None).must_be_clean();
}
