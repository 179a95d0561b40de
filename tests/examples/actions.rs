//! Argo CD's resource actions, run as Argo CD runs them: Lua 5.1 with `table`, and of `os` what tells
//! the time, under `require`. What they do is what `kulisse` does.

use jiff::{SignedDuration, Timestamp};
use kulisse_core::{
    api::{environment::StagingEnvironment, request::Verb},
    lifecycle::request::take_up,
};
use mlua::{Lua, LuaOptions, StdLib, Value as LuaValue};
use serde_json::{Value, json};

use crate::{
    health::{EXPECTED, recorded, value},
    support::tools::{root, yaml_file},
};

fn script(name: &str) -> String {
    let path = root().join("examples/argocd/actions").join(format!("{name}.lua"));
    std::fs::read_to_string(path).expect("a script")
}

/// What a script makes of an object.
fn ran(name: &str, object: &Value) -> Value {
    let libraries = StdLib::TABLE | StdLib::PACKAGE | StdLib::OS;
    let lua = Lua::new_with(libraries, LuaOptions::default()).expect("Lua");
    let safe = "local safe = { time = os.time, date = os.date }
        os, package.loaded.os = nil, nil
        package.preload.os = function() return safe end";
    lua.load(safe).exec().expect("a part of os");
    lua.globals().set("obj", value(&lua, object)).expect("obj");
    let answer: LuaValue = match lua.load(script(name)).eval() {
        Ok(answer) => answer,
        Err(error) => panic!("{name}: {error}"),
    };
    json_of(&answer)
}

/// What Lua has as JSON. An empty table is an object here.
fn json_of(value: &LuaValue) -> Value {
    match value {
        LuaValue::Boolean(it) => json!(it),
        LuaValue::Integer(it) => json!(it),
        LuaValue::Number(it) => json!(it),
        LuaValue::String(it) => json!(it.to_string_lossy()),
        LuaValue::Table(it) if it.raw_len() > 0 => {
            it.sequence_values().map(|it| json_of(&it.expect("an item"))).collect()
        }
        LuaValue::Table(it) => {
            let fields = it.pairs::<String, LuaValue>().map(|it| it.expect("a field"));
            Value::Object(fields.map(|(key, it)| (key, json_of(&it))).collect())
        }
        _ => Value::Null,
    }
}

pub fn name(verb: Verb) -> &'static str {
    verb.annotation().trim_start_matches("kulisse.dev/")
}

/// What the action of a verb writes. It changes nothing else.
pub fn asked(verb: Verb, object: &Value) -> String {
    let mut changed = ran(name(verb), object);
    let written = changed["metadata"]["annotations"][verb.annotation()].take();
    let others = changed["metadata"]["annotations"].as_object().expect("annotations");
    assert_eq!(others.len(), 1, "{others:?}");
    assert_eq!(changed["spec"]["source"]["namespace"], object["spec"]["source"]["namespace"]);
    assert_eq!(changed["metadata"]["name"], object["metadata"]["name"]);
    written.as_str().expect("a value").to_owned()
}

/// Which verbs are offered.
pub fn offered(object: &Value) -> Vec<Verb> {
    let actions = ran("discovery", object);
    assert_eq!(actions.as_object().expect("actions").len(), Verb::ALL.len(), "{actions}");
    Verb::ALL.into_iter().filter(|it| actions[name(*it)]["disabled"] == false).collect()
}

/// Statuses that were recorded, and such as were not.
fn states() -> Vec<(String, Value)> {
    let mut all: Vec<_> =
        EXPECTED.iter().map(|(name, _)| ((*name).to_owned(), recorded(name))).collect();
    let mut queued = recorded("awaiting-approval");
    queued["status"]["queue"] = json!({ "position": 1, "since": "2026-11-21T17:00:00Z" });
    all.push(("queued".to_owned(), queued));
    let rebuild = |reason: &str, kind: &str| {
        let mut object = recorded("ready");
        object["status"]["rebuild"] = json!({
            "role": "Building", "incarnation": 2, "since": "2026-11-21T17:00:00Z",
            "conditions": [{ "type": kind, "status": "True", "reason": reason, "message": "",
                "lastTransitionTime": "2026-11-21T17:00:00Z" }],
            "plan": object["status"]["plan"].clone(),
        });
        object["status"]["rebuild"]["plan"]["digest"] = "b".repeat(64).into();
        object
    };
    all.push(("rebuild stuck".to_owned(), rebuild("Unschedulable", "Stalled")));
    all.push(("rebuild waits".to_owned(), rebuild("AwaitingApproval", "Planned")));
    all
}

#[test]
fn what_is_offered_is_what_the_operator_takes_up() {
    let now: Timestamp = "2026-11-21T17:00:00Z".parse().expect("a time");
    let mut ever = Vec::new();
    for (state, object) in states() {
        let environment: StagingEnvironment =
            serde_json::from_value(object.clone()).unwrap_or_else(|why| panic!("{state}: {why}"));
        let before = environment.status.clone().unwrap_or_default();
        for verb in Verb::ALL {
            let taken = |value: &str| {
                let mut record = before.clone();
                record.requests.clear();
                let only = |it| (it == verb).then_some(value);
                take_up(only, &environment.spec, true, &mut record, now);
                record.requests.first().is_some_and(|it| it.refused.is_empty())
            };
            let offer = offered(&object).contains(&verb);
            if offer {
                ever.push(verb);
                assert!(taken(&asked(verb, &object)), "{state}: {verb:?} is offered");
            } else if matches!(verb, Verb::Retry | Verb::Reseed) && state != "deleting" {
                assert!(!taken("now"), "{state}: {verb:?} is not offered");
            }
        }
    }
    ever.sort();
    ever.dedup();
    assert_eq!(ever, Verb::ALL, "what is never offered is not tried here");
}

#[test]
fn each_state_offers_what_makes_sense_in_it() {
    use Verb::{Approve, Extend, Reseed, Retry, Sleep, Wake};
    let of = |state: &str| {
        let found = states().into_iter().find(|(it, _)| it == state).expect("a state");
        offered(&found.1)
    };
    assert_eq!(of("ready"), [Extend, Sleep, Reseed]);
    assert_eq!(of("asleep"), [Extend, Wake]);
    assert_eq!(of("expired"), [Extend]);
    assert_eq!(of("awaiting-approval"), [Approve]);
    assert!(of("seed-failed").contains(&Retry));
    assert!(of("rebuild stuck").contains(&Retry));
    assert!(of("rebuild waits").contains(&Approve));
    assert_eq!(of("deleting"), []);
}

#[test]
fn an_extension_counts_from_the_expiry_or_from_now_where_that_is_over() {
    let day = SignedDuration::from_hours(24);
    let mut object = recorded("ready");
    // The clock of this machine is Lua's clock, too.
    #[expect(clippy::disallowed_methods, reason = "the script reads it")]
    let now = Timestamp::now();
    for (ahead, from) in [(90_061, 90_061), (9 * 365 * 86_400, 9 * 365 * 86_400), (-60, 0)] {
        let at = |seconds| now + SignedDuration::from_secs(seconds);
        object["status"]["expiresAt"] = at(ahead).strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into();
        let until: Timestamp = asked(Verb::Extend, &object).parse().expect("a time");
        let late = until.duration_since(at(from) + day).as_secs();
        assert!((-1..=10).contains(&late), "{ahead}: {until}");
    }
}

#[test]
fn what_awaits_approval_is_approved_by_exactly_its_digest() {
    let object = recorded("awaiting-approval");
    assert_eq!(object["status"]["plan"]["digest"], asked(Verb::Approve, &object));
    let (_, object) = states().pop().expect("a rebuild that waits");
    assert_eq!(asked(Verb::Approve, &object), "b".repeat(64));
}

#[test]
fn the_configuration_holds_the_scripts_word_for_word() {
    let config = &yaml_file(&root().join("examples/argocd/argocd-cm.yaml"))[0];
    let text = &config["data"]["resource.customizations.actions.kulisse.dev_StagingEnvironment"];
    let actions = crate::support::tools::yaml(text.as_str().expect("a text")).remove(0);
    assert_eq!(actions["discovery.lua"], script("discovery"));
    let definitions = actions["definitions"].as_array().expect("definitions");
    let names: Vec<&str> = definitions.iter().filter_map(|it| it["name"].as_str()).collect();
    assert_eq!(names, Verb::ALL.map(name));
    for it in definitions {
        assert_eq!(it["action.lua"], script(it["name"].as_str().expect("a name")));
    }
}
