//! What of a value without an inside is a credential, and what is remembered and made of it.

use super::*;

#[test]
fn names_and_shapes_decide_together() {
    for (name, value, expected) in [
        // A path is the place of a credential in a document, and one where it stands alone.
        ("DB_PASSWORD", "/run/secrets/password", "<21>"),
        ("private_key", "/run/secrets/key", "<16>"),
        ("DB_PASSWORD", "<%= ENV[\"PW\"] %>", "<%= ENV[\"PW\"] %>"),
        ("DB_PASSWORD", "arn:aws:kms:eu-west-1:1:key/1", "arn:aws:kms:eu-west-1:1:key/1"),
        ("password_hash", "false", "false"),
        ("hash", "abcdef", "! a hash of a password, which only that password fits"),
        (
            "graylog-password-sha2",
            "5e884898da28047151d0e56f8dc62927",
            "! a hash of a password, which only that password fits",
        ),
        (
            "password_sha256_hex",
            "5e884898da28047151d0e56f8dc62927",
            "! a hash of a password, which only that password fits",
        ),
        ("page", "<a>\n<b/></a>", "! markup, which cannot be taken apart safely"),
        ("DB_PASSWORD", "<hunter2", "<8>"),
        ("DB_PASSWORD", "hunter2>", "<8>"),
        (
            "ca",
            "\n\n\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
            "! a certificate or public key, whose private half is elsewhere",
        ),
        // Blanks around it are none of it.
        ("DB_PASSWORD", "  hunter2 \n", "  <7> \n"),
        ("whatever", "correct horse", "<13>"),
        // Words that frameworks know, where no name says that it is a credential.
        ("DB_CONNECTION", "pgsql", "pgsql"),
        ("FILESYSTEM_DISK", "s3", "s3"),
        ("JWT_ALGO", "HS256", "HS256"),
        ("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor", "CeleryExecutor"),
        ("DB_PASSWORD", "pgsql", "<5>"),
        ("description", "it's ours", "it's ours"),
        ("description", "Basic hunter22 of 2", "Basic <8> of 2"),
        // One or several.
        ("DB_PASSWORD", "a,b", "<3>"),
        ("api_tokens", "a,b", "<1>,<1>"),
        ("keyfile", "  aaaa1111\n bb22\n", "  <8>\n <4>\n"),
        // What is behind the name of a scheme, and what only points elsewhere.
        ("token", "Bearer hunter2", "Bearer <7>"),
        ("token", "base64:hex:hunter2", "base64:<11>"),
        ("token", "Bearer ${TOKEN}", "Bearer ${TOKEN}"),
        // In base64: `hunter`, `shop:a:b`, `{"user":"shop","n":"x"}`.
        ("api-token", "aHVudGVy", "<6>"),
        ("api-token", "c2hvcDphOmI=", "! a text in base64 that holds more than a credential"),
        (
            "api-token",
            "eyJ1c2VyIjoic2hvcCIsIm4iOiJ4In0=",
            "! a text in base64 that holds more than a credential",
        ),
    ] {
        assert_eq!(shape_of(name, value), expected, "{name}: {value}");
    }
}

/// Whether a value of this name stays where a container of this image reads it.
fn kept_for(image: &str, name: &str) -> bool {
    let pod = crate::plan::object::Object::new(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
        "spec": {"containers": [
            {"name": "a", "image": image, "envFrom": [{"secretRef": {"name": "it"}}]},
        ]},
    }))
    .unwrap();
    let it = seal(&secret("it", "Opaque", &[(name, "shop")]), &uses(&[pod]), &key());
    it.keys[name] == SealedValue::Parts(vec![Part::Text("shop".to_owned())])
}

#[test]
fn the_first_user_of_minio_is_a_credential_and_other_users_are_none() {
    for (image, name, stays) in [
        ("quay.io/minio/minio:1", "rootUser", false),
        ("quay.io/minio/minio:1", "root-user", false),
        ("acme/web", "MINIO_ROOT_USER", false),
        ("acme/web", "rootUser", true),
        ("quay.io/minio/minio:1", "user", true),
    ] {
        assert_eq!(kept_for(image, name), stays, "{image} {name}");
    }
}

#[test]
fn of_what_cannot_be_invented_only_what_is_secret_and_long_enough_to_tell_has_a_class() {
    for (name, value, has_class) in [
        ("hash", "abcdefgh", true),
        ("hash", "abcdefg\n", false),
        ("tls.crt", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", false),
        ("password", "hunter\u{1}22", true),
    ] {
        match &sealed(&[(name, value)]).keys[name] {
            SealedValue::NotInventable { class, .. } => {
                assert_eq!(class.is_some(), has_class, "{name}: {value}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn tabs_and_breaks_are_text_and_other_control_characters_are_not() {
    assert_eq!(shape_of("description", "a\tb\r\nc"), "a\tb\r\nc");
    assert!(shape_of("description", "a\u{1b}b").starts_with("! binary data"));
}

/// A credential of this alphabet as it is made.
fn drawn(class: &str, length: usize, alphabet: Alphabet, encoding: Encoding) -> String {
    let class = CredentialClass(class.to_owned());
    let part = Part::Credential { class, length, alphabet, encoding };
    let it = one("k", PlannedValue::Parts(vec![part]));
    texts(filled(&it, &materials(&key(), "uid")).unwrap().values()).remove("k").unwrap()
}

#[test]
fn what_is_made_satisfies_rules_for_passwords() {
    for alphabet in [Alphabet::Alphanumeric, Alphabet::Token, Alphabet::Symbols] {
        for class in 0..40 {
            let made = drawn(&class.to_string(), 8, alphabet, Encoding::Plain);
            assert!(alphabet.accepts(&made), "{alphabet:?} {made}");
        }
    }
}

#[test]
fn what_is_made_is_written_as_the_original_was() {
    let of = |encoding| drawn("c", 8, Alphabet::Token, encoding);
    let plain = of(Encoding::Plain);
    assert_eq!(of(Encoding::Percent), plain);
    let base64 = STANDARD.encode(&plain);
    assert_eq!(of(Encoding::Base64), base64);
    let escaped = base64.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    assert_eq!(of(Encoding::Base64Percent), escaped);
}

#[test]
fn a_rule_for_one_key_is_not_undone_by_one_for_all() {
    let planned = PlannedSecret {
        keys: BTreeMap::from([
            ("a".to_owned(), PlannedValue::Parts(vec![Part::Text("mine".to_owned())])),
            (EVERY_KEY.to_owned(), PlannedValue::From(place(Origin::Request, EVERY_KEY))),
        ]),
    };
    let operator_key = key();
    let given = |key: &str| (place(Origin::Request, key), SecretBytes::new(b"given".to_vec()));
    let with = Materials {
        given: BTreeMap::from([given("a"), given("b")]),
        ..materials(&operator_key, "uid")
    };
    let expected = [("a", "mine"), ("b", "given")];
    let expected = expected.map(|(key, text)| (key.to_owned(), text.to_owned()));
    assert_eq!(texts(filled(&planned, &with).unwrap().values()), expected.into());
}

#[test]
fn whose_namespace_lacks_a_secret_is_said() {
    for (origin, says) in [
        (Origin::Request, "the request namespace has no Secret \"mine\" with key \"k\""),
        (Origin::Source, "the source has no Secret \"mine\" with key \"k\""),
        (Origin::Operator, "the operator's namespace has no Secret \"mine\""),
    ] {
        let why = Unmade::Missing(place(origin, "k")).to_string();
        assert!(why.starts_with(says), "{why}");
    }
}

#[test]
fn texts_and_classes_in_base64_are_among_those_of_a_value() {
    let credential = |class: &str, length: usize| Part::Credential {
        class: CredentialClass(class.to_owned()),
        length,
        alphabet: Alphabet::Lower,
        encoding: Encoding::Plain,
    };
    let parts = [
        Part::Text("Basic ".to_owned()),
        Part::Base64(vec![Part::Text("shop:".to_owned()), credential("a", 8)]),
        credential("b", 7),
        credential("c", 9),
    ];
    assert_eq!(Part::texts(&parts), ["Basic ", "shop:"]);
    let classes = Part::classes(&parts, 8);
    let classes: Vec<&str> = classes.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(classes, ["a", "c"]);
}

#[test]
fn only_a_place_outside_the_request_namespace_is_written_with_its_origin() {
    let written = |origin| serde_json::to_value(place(origin, "k")).unwrap();
    assert_eq!(written(Origin::Request), json!({"secret": "mine", "key": "k"}));
    assert_eq!(written(Origin::Source), json!({"origin": "Source", "secret": "mine", "key": "k"}));
}

#[test]
fn the_proof_of_a_secret_changes_with_its_values_and_names_of_keys() {
    let proof = |data: &[(&str, &str)]| secret("it", "Opaque", data).proof(&key());
    let it = proof(&[("a", "bc"), ("d", "e")]);
    assert_eq!(it, proof(&[("d", "e"), ("a", "bc")]));
    for other in [&[("a", "bx"), ("d", "e")][..], &[("ab", "c"), ("d", "e")], &[("a", "bc")]] {
        assert_ne!(it, proof(other));
    }
}
