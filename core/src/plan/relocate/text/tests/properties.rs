//! What holds for every text.

use std::{fmt::Write, time::Instant};

use proptest::{collection, prelude::*, sample};
use serde_json::{Value, json};

use super::*;

/// A value in a file, its leaves named by their pointers.
fn leaves(value: &Value, at: String, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                leaves(value, format!("{at}/{key}"), found);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                leaves(value, format!("{at}/{index}"), found);
            }
        }
        other => found.push((at, other.clone())),
    }
}

fn tree() -> impl Strategy<Value = Value> {
    let texts = [
        "shop",
        "db.shop.svc",
        "http://web.shop/shop",
        "x # shop",
        "a\"b\\c",
        "namespace: shop",
        "é\nshop",
        "- shop",
        "'",
        "",
    ];
    let keys =
        ["namespace", "namespaces", "profile", "host", "cache", "name", "value", "é: x", "shop"];
    let leaf = prop_oneof![sample::select(texts.to_vec()).prop_map(Value::from), Just(json!(1))];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            collection::vec((sample::select(keys.to_vec()), inner), 1..4).prop_map(|fields| {
                Value::Object(fields.into_iter().map(|(key, it)| (key.to_owned(), it)).collect())
            }),
        ]
    })
}

fn texts() -> impl Strategy<Value = String> {
    let words = [
        "shop",
        "web",
        ".",
        ":",
        "=",
        " ",
        "\n",
        "\"",
        "'",
        "/",
        "//",
        "{",
        "}",
        "[",
        "]",
        "<",
        ">",
        "# ",
        "- ",
        "-n ",
        "kubectl ",
        "namespace",
        "--namespace",
        "svc",
        "db.shop",
        "\\",
        "%2F",
        "é",
        "ns/",
        "|",
        "name",
        "value",
        ",",
        "\t",
        "{{",
        "}}",
        "80",
        "*",
        "&a ",
        "!t ",
        "---\n",
        "?",
        "(",
        "<!--",
        "-->",
        "/*",
        "<![CDATA[",
        "&amp;",
        "\u{feff}",
        "\r\n",
        ";",
    ];
    collection::vec(sample::select(words.to_vec()), 0..40).prop_map(|it| it.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn other_parsers_see_the_same_tree_with_other_values_only(tree in tree()) {
        for (name, text) in [
            ("a.json", serde_json::to_string(&tree).unwrap()),
            ("a.json", serde_json::to_string_pretty(&tree).unwrap()),
            ("a.yaml", serde_saphyr::to_string(&tree).unwrap()),
        ] {
            let new = under("shop", name, &text);
            let read: Value = serde_saphyr::from_str(&new).unwrap();
            let (mut before, mut after) = (Vec::new(), Vec::new());
            let was: Value = serde_saphyr::from_str(&text).unwrap();
            leaves(&was, String::new(), &mut before);
            leaves(&read, String::new(), &mut after);
            prop_assert_eq!(before.len(), after.len());
            for ((at, old), (now, new)) in before.iter().zip(&after) {
                let key = at.rsplit('/').find(|it| it.parse::<usize>().is_err());
                let (old, new) = (old.as_str().unwrap_or_default(), new.as_str().unwrap_or_default());
                prop_assert_eq!(at.replace("/shop", "/stg"), now.replace("/shop", "/stg"));
                // A bare word changes only under a name that says what it is.
                if old == "shop" && new != "shop" {
                    prop_assert!(["namespace", "namespaces", "name", "value"].contains(&key.unwrap_or_default()), "{} {}", at, text);
                }
                if old == "db.shop.svc" {
                    prop_assert_eq!(new, "db.stg.svc");
                }
            }
        }
    }

    #[test]
    fn any_text_is_read_and_only_the_name_is_replaced(
        text in texts(),
        name in sample::select(vec!["", "a.yaml", "a.json", "a.toml", "a.xml", "a.ini", "namespace"]),
    ) {
        let services = BTreeSet::from(SERVICES);
        let place = Place { named: name, objects: true, ..Place::default() };
        let all = edits(&names("shop", &services), &place, &text);
        let mut end = 0;
        for it in &all {
            let name = &text[it.name.clone()];
            prop_assert!(it.name.start >= end);
            prop_assert!(name.eq_ignore_ascii_case("shop") || name.starts_with('$'));
            prop_assert!(it.word.start <= it.name.start && it.name.end <= it.word.end);
            end = it.name.end;
        }
        let once = apply(&text, &all, "stg");
        let again = edits(&names("shop", &services), &place, &once);
        prop_assert!(again.is_empty(), "{:?} {:?}", once, again);
    }
}

#[test]
fn the_time_is_linear_in_the_text() {
    let services = BTreeSet::from(SERVICES);
    let names = names("shop", &services);
    let mut yaml = String::new();
    for at in 0..600 {
        let _ = writeln!(yaml, "k{at}: {{ namespace: shop, url: 'http://web.shop/{at}' }} # shop");
    }
    let repeat = |text: &str| text.repeat((1 << 15) / text.len());
    for (what, text) in [
        ("yaml", yaml),
        ("words", repeat("shop ")),
        ("dots", repeat("shop.")),
        ("flags", repeat("kubectl -n shop ")),
        ("lists", repeat("shop,")),
        ("keys", repeat("namespace: shop ")),
        ("brackets", repeat("[shop")),
        ("elements", repeat("<shop>")),
        ("dashes", repeat("- shop\n")),
        ("indented", (0..250).fold(String::new(), |all, at| all + &" ".repeat(at) + "shop:\n")),
        ("quotes", repeat("\"shop")),
        ("escapes", format!("{{\"a\":\"{}\"}}", repeat("\\\"shop\\\"\\n"))),
        ("lines", repeat("a=shop\n")),
        ("comments", repeat("# shop\na # shop\n")),
        ("templates", repeat("{{ shop }}")),
        ("open", repeat("{{ shop")),
        ("hosts", repeat("web.shop,")),
        ("nested", repeat("{\"shop\":")),
        ("pipes", repeat("shop|")),
        ("base64", repeat("c2hv")),
    ] {
        for name in ["", "a.yaml", "a.toml", "a.xml", "a.properties"] {
            let begun = Instant::now();
            let place = Place { named: name, ..Place::default() };
            mentions(&names, &place, &text);
            encoded(&names, &text);
            let took = begun.elapsed();
            // What were quadratic would take much longer.
            assert!(took.as_secs() < 10, "{what} as {name:?} took {took:?}");
        }
    }
}
