//! What holds for every value.

use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> (String, String, Option<u16>, String, Option<String>) {
    let it = ::url::Url::parse(text).unwrap();
    (
        it.username().to_owned(),
        it.host_str().unwrap_or_default().to_owned(),
        it.port(),
        it.path().to_owned(),
        it.password().map(str::to_owned),
    )
}

proptest! {
    #[test]
    fn a_remade_url_differs_in_its_password_only(
        scheme in "(postgres|mysql|amqp|redis|https|mongodb\\+srv)",
        user in "[a-z]{1,9}",
        password in "[a-zA-Z0-9!*_.~-]{3,20}|([a-z0-9]|%40|%2F|%3A|%25|%C3%BC){3,12}",
        host in "[a-z]{1,8}(\\.[a-z]{2,8}){0,3}",
        port in proptest::option::of(1024_u16..),
        path in "(/[a-z]{1,8}){0,3}",
    ) {
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let text = format!("{scheme}://{user}:{password}@{host}{port}{path}");
        let sealed = sealed(&[("x", &text)]);
        // A password that looks like what nobody can invent makes a URL that nobody can.
        if let Some(new) = made(&sealed).get("x") {
            let (old, new) = (parsed(&text), parsed(new));
            prop_assert_eq!((&old.0, &old.1, &old.2, &old.3), (&new.0, &new.1, &new.2, &new.3));
            prop_assert_ne!(old.4, new.4);
        }
    }

    #[test]
    fn a_made_credential_has_the_length_and_alphabet_of_the_original(
        text in "[0-9]{1,9}|[0-9a-f]{1,40}|[A-Z0-9]{2,9}|[ -~]{1,40}|\\PC{1,20}",
    ) {
        let sealed = sealed(&[("password", &text)]);
        let SealedValue::Parts(parts) = &sealed.keys["password"] else { return Ok(()) };
        for part in parts {
            if let Part::Credential { length, alphabet, encoding, .. } = part {
                let one = PlannedValue::Parts(vec![Part::Credential {
                    class: CredentialClass("c".to_owned()),
                    length: *length,
                    alphabet: *alphabet,
                    encoding: Encoding::Plain,
                }]);
                let it = PlannedSecret { keys: BTreeMap::from([("k".to_owned(), one)]) };
                let made = filled(&it, &materials(&key(), "uid")).unwrap();
                let made = texts(made.values()).remove("k").unwrap();
                prop_assert_eq!(made.chars().count(), *length);
                prop_assert!(alphabet.holds(&made), "{:?} {:?} {:?}", alphabet, encoding, made);
            }
        }
    }

    #[test]
    fn sealing_has_a_result_for_all_bytes(
        name in "[a-zA-Z._-]{0,12}(password|url|\\.yaml|\\.json|\\.env|\\.conf)?",
        value in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let it = OpenSecret {
            name: "it".to_owned(),
            kind: String::new(),
            data: BTreeMap::from([(name, SecretBytes::new(value))]),
        };
        made(&seal(&it, &Uses::default(), &key()));
        Redactor::new(&[it], &Uses::default()).redact("x");
    }

    #[test]
    fn sealing_has_a_result_for_all_texts_that_look_like_documents(
        name in "(x|password|a\\.yaml|a\\.json|\\.env|a\\.conf|auth|passwords)",
        value in "([a-zé]{0,3}|password|[:=;,@/?#&%\\n \"'{}\\[\\]\\\\|>*$-]|://|: |- |\\$\\{|eyJ|--){0,30}",
    ) {
        made(&sealed(&[(&name, &value)]));
        redact(&value);
    }

    #[test]
    fn what_is_kept_is_kept_byte_for_byte(
        value in "([a-z]{1,5}(: |=| = |:)[a-z\"']{0,6} {0,2}\\n| {0,4}- [a-z]{1,3}\\n|# [a-z=]{1,9}\\n|\\n|  [a-z]{1,4}:\\n){1,12}",
        name in "(a\\.yaml|\\.env|a\\.ini)",
    ) {
        if let SealedValue::Parts(parts) = &sealed(&[(&name, &value)]).keys[&name]
            && let [Part::Text(text)] = parts.as_slice()
        {
            prop_assert_eq!(text, &value);
        }
    }
}
