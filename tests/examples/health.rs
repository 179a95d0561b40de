//! Argo CD's health check, run as Argo CD runs it: Lua 5.1, without the libraries `string` and `os`.
//!
//! The statuses in tests/fixtures/statuses were recorded on a real cluster (`BLESS=1 cargo test
//! --test e2e`).

use mlua::{Lua, LuaOptions, StdLib, Table, Value as LuaValue};
use serde_json::Value;

use crate::support::tools::{files, root, yaml, yaml_file};

fn script() -> String {
    std::fs::read_to_string(root().join("examples/argocd/health.lua")).expect("the script")
}

/// Status and message that Argo CD would show.
pub fn health(object: &Value) -> (String, String) {
    // What Argo CD opens, but `string` and `os`, of which it opens a part.
    let lua = Lua::new_with(StdLib::TABLE, LuaOptions::default()).expect("Lua");
    let object = value(&lua, object);
    lua.globals().set("obj", object).expect("obj");
    let answer: Table = match lua.load(script()).eval() {
        Ok(answer) => answer,
        Err(error) => panic!("{error}"),
    };
    let text = |key: &str| answer.get::<Option<String>>(key).expect("text").unwrap_or_default();
    (text("status"), text("message"))
}

/// JSON as Lua has it.
pub fn value(lua: &Lua, json: &Value) -> LuaValue {
    match json {
        Value::Null => LuaValue::Nil,
        Value::Bool(it) => LuaValue::Boolean(*it),
        Value::Number(it) => LuaValue::Number(it.as_f64().unwrap_or_default()),
        Value::String(it) => LuaValue::String(lua.create_string(it).expect("text")),
        Value::Array(items) => {
            let table = lua.create_table().expect("a table");
            for (at, item) in items.iter().enumerate() {
                table.set(at + 1, value(lua, item)).expect("an item");
            }
            LuaValue::Table(table)
        }
        Value::Object(fields) => {
            let table = lua.create_table().expect("a table");
            for (key, field) in fields {
                table.set(key.as_str(), value(lua, field)).expect("a field");
            }
            LuaValue::Table(table)
        }
    }
}

/// What was recorded, and what Argo CD is to show of it.
pub const EXPECTED: [(&str, &str); 12] = [
    ("progressing", "Progressing"),
    ("ready", "Healthy"),
    ("stalled", "Degraded"),
    ("stuck", "Degraded"),
    ("seed-failed", "Degraded"),
    ("smoke-failed", "Degraded"),
    ("expired", "Suspended"),
    ("suspended", "Suspended"),
    ("asleep", "Suspended"),
    ("awaiting-approval", "Suspended"),
    ("frozen", "Degraded"),
    ("deleting", "Progressing"),
];

/// An environment as it was recorded.
pub fn recorded(name: &str) -> Value {
    let path = root().join("tests/fixtures/statuses").join(format!("{name}.yaml"));
    yaml_file(&path).remove(0)
}

#[test]
fn recorded_statuses_have_the_health_that_is_promised() {
    for (name, expected) in EXPECTED {
        let (status, message) = health(&recorded(name));
        assert_eq!(status, expected, "{name}: {message}");
        assert!(!message.is_empty(), "{name}: no message");
    }
}

#[test]
fn every_recorded_status_has_an_expectation() {
    for path in files("tests/fixtures/statuses", &["yaml"]) {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(EXPECTED.iter().any(|(known, _)| *known == name), "{name}");
    }
}

#[test]
fn what_nobody_has_looked_at_is_progressing() {
    let mut object = recorded("ready");
    object["metadata"]["generation"] = 99.into();
    assert_eq!(health(&object).0, "Progressing", "the status is of an older generation");
    object["status"] = serde_json::json!({ "observedGeneration": -1 });
    assert_eq!(health(&object).0, "Progressing", "the status is the definition's default");
    object.as_object_mut().expect("an object").remove("status");
    assert_eq!(health(&object).0, "Progressing", "there is no status");
}

#[test]
fn a_ready_environment_is_shown_with_its_url() {
    let object = recorded("ready");
    let url = object["status"]["url"].as_str().expect("a URL");
    assert!(health(&object).1.starts_with(url));
}

#[test]
fn one_that_is_rebuilt_is_progressing_and_degraded_where_that_is_stuck() {
    let with = |kind: &str, message: &str| {
        let mut object = recorded("ready");
        let said = serde_json::json!({ "type": kind, "status": "True", "message": message });
        object["status"]["conditions"].as_array_mut().expect("conditions").push(said);
        health(&object)
    };
    let built = "a namespace that is to take its place is built";
    assert_eq!(with("Reconciling", built), ("Progressing".to_owned(), built.to_owned()));
    assert_eq!(with("Stalled", "stuck").0, "Degraded");
    let (status, message) = with("Expiring", "5 minutes are left");
    assert_eq!(status, "Healthy");
    assert!(message.ends_with("(5 minutes are left)"), "{message}");
}

#[test]
fn the_configuration_holds_the_script_word_for_word() {
    let path = root().join("examples/argocd/argocd-cm.yaml");
    let text = std::fs::read_to_string(path).expect("a file");
    let held =
        &yaml(&text)[0]["data"]["resource.customizations.health.kulisse.dev_StagingEnvironment"];
    assert_eq!(held.as_str().map(str::trim_end), Some(script().trim_end()));
}
