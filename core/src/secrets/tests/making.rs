//! What is made, and what is refused.

use super::*;

#[test]
fn what_is_given_is_taken_and_what_is_missing_is_named() {
    let operator_key = key();
    let value = |text: &[u8]| SecretBytes::new(text.to_vec());
    let with = Materials {
        given: BTreeMap::from([
            (place(Origin::Request, "a"), value(b"1")),
            (place(Origin::Request, "b"), value(b"2")),
            (place(Origin::Source, "c"), value(b"3")),
        ]),
        ..materials(&operator_key, "uid")
    };
    let keys = |origin: Origin, key: &str| {
        filled(&one(key, PlannedValue::From(place(origin, key))), &with)
            .map(|made| made.values().keys().cloned().collect::<Vec<_>>())
    };
    assert_eq!(keys(Origin::Request, "a").unwrap(), ["a"]);
    assert_eq!(keys(Origin::Request, EVERY_KEY).unwrap(), ["a", "b"]);
    assert_eq!(keys(Origin::Source, "c").unwrap(), ["c"]);
    let missing = keys(Origin::Request, "c").unwrap_err();
    assert_eq!(missing, Unmade::Missing(place(Origin::Request, "c")));
    assert!(missing.to_string().contains("kulisse.dev/usable"));
}

#[test]
fn what_was_made_up_in_the_target_stays_and_what_is_given_follows_its_giver() {
    let value = |text: &str| SecretBytes::new(text.as_bytes().to_vec());
    let invented = PlannedValue::Parts(vec![Part::Text("new".to_owned())]);
    let planned = PlannedSecret {
        keys: BTreeMap::from([
            ("invented".to_owned(), invented.clone()),
            ("fresh".to_owned(), invented),
            ("given".to_owned(), PlannedValue::From(place(Origin::Request, "given"))),
            (
                "text".to_owned(),
                PlannedValue::Template(vec![
                    TemplatePart::Text("<".to_owned()),
                    TemplatePart::Value { secret: "it".to_owned(), key: "invented".to_owned() },
                ]),
            ),
        ]),
    };
    let there: BTreeMap<String, SecretBytes> =
        ["invented", "given", "text", "gone"].map(|key| (key.to_owned(), value("old"))).into();
    let operator_key = key();
    let with = Materials {
        given: BTreeMap::from([(place(Origin::Request, "given"), value("new"))]),
        existing: BTreeMap::from([("it".to_owned(), there.clone())]),
        ..materials(&operator_key, "uid")
    };
    let it = filled(&planned, &with).unwrap();
    let expected = [("fresh", "new"), ("given", "new"), ("invented", "old"), ("text", "<old")];
    let expected = expected.map(|(key, text)| (key.to_owned(), text.to_owned()));
    assert_eq!(texts(&it.over(&there, &operator_key)), expected.into());
}

#[test]
fn a_template_that_takes_what_no_secret_holds_is_named() {
    let part = TemplatePart::Value { secret: "db".to_owned(), key: "p".to_owned() };
    let refused =
        filled(&one("url", PlannedValue::Template(vec![part])), &materials(&key(), "uid"));
    let why = refused.err().unwrap().to_string();
    assert!(why.contains("db/p") && why.contains("key url"), "{why}");
}

/// What a source holds that nothing given may be.
fn production() -> Arc<Production> {
    let it = sealed(&[
        ("password", "correct-horse"),
        ("pin", "1234"),
        ("user", "correct-user"),
        ("token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefgh"),
    ]);
    Arc::new(Production::of(&BTreeMap::from([("other".to_owned(), it)])))
}

#[test]
fn a_credential_of_production_is_refused_wherever_it_was_given() {
    for (text, is_refused) in [
        ("correct-horse", true),
        ("redis://:correct-horse@r", true),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abcdefgh\n", true),
        ("{\"password\": \"correct-horse\"}", true),
        ("correct-user", false),
        ("1234", false),
        ("another-horse", false),
    ] {
        let operator_key = key();
        let value = SecretBytes::new(text.as_bytes().to_vec());
        let with = Materials {
            given: [Origin::Request, Origin::Source, Origin::Operator]
                .map(|origin| (place(origin, "a"), value.clone()))
                .into(),
            production: production(),
            ..materials(&operator_key, "uid")
        };
        let is = |planned: PlannedValue| filled(&one("a", planned), &with).is_err();
        assert_eq!(is(PlannedValue::From(place(Origin::Request, "a"))), is_refused, "{text}");
        assert_eq!(
            is(PlannedValue::Template(vec![TemplatePart::Text(text.to_owned())])),
            is_refused,
            "{text}"
        );
        // With consent it is what was asked for.
        assert!(!is(PlannedValue::From(place(Origin::Source, "a"))), "{text}");
        assert!(!is(PlannedValue::From(place(Origin::Operator, "a"))), "{text}");
    }
}

#[test]
fn a_user_who_is_called_like_a_password_is_not_refused() {
    let it = sealed(&[("user", "postgres"), ("password", "postgres"), ("database", "postgres")]);
    let operator_key = key();
    let with = Materials {
        production: Arc::new(Production::of(&BTreeMap::from([("it".to_owned(), it.clone())]))),
        ..materials(&operator_key, "uid")
    };
    let made = texts(filled(&planned(&it), &with).unwrap().values());
    assert_eq!((made["user"].as_str(), made["database"].as_str()), ("postgres", "postgres"));
    assert_ne!(made["password"], "postgres");
}

#[test]
fn a_copy_does_not_stay_once_nothing_is_to_be_copied() {
    let invented = one("a", PlannedValue::Parts(vec![Part::Text("invented".to_owned())]));
    let operator_key = key();
    let with = Materials { production: production(), ..materials(&operator_key, "uid") };
    let there = BTreeMap::from([("a".to_owned(), SecretBytes::new(b"correct-horse".to_vec()))]);
    let over = filled(&invented, &with).unwrap().over(&there, &operator_key);
    assert_eq!(texts(&over)["a"], "invented");
}

#[test]
fn a_drawn_value_that_is_anothers_of_production_is_drawn_again() {
    let recipe = planned(&sealed(&[("password", "correct-horse")]));
    let operator_key = key();
    let first = texts(filled(&recipe, &materials(&operator_key, "uid")).unwrap().values());
    let taken = sealed(&[("token", &first["password"])]);
    let with = Materials {
        production: Arc::new(Production::of(&BTreeMap::from([("x".to_owned(), taken)]))),
        ..materials(&operator_key, "uid")
    };
    assert_ne!(texts(filled(&recipe, &with).unwrap().values())["password"], first["password"]);
}
