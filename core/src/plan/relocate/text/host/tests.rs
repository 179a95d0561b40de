//! What says that a word is a host.

use super::*;

/// Where `db.shop` stands in a text.
fn word(text: &str) -> Range<usize> {
    let at = text.find("db.shop").unwrap();
    at..at + "db.shop".len()
}

#[test]
fn words_have_a_dot() {
    let text = "é.a b.c-d_e,f (g.h)i.j";
    let found: Vec<&str> = words(text).into_iter().map(|it| &text[it]).collect();
    assert_eq!(found, [".a", "b.c-d_e", "g.h", "i.j"]);
}

#[test]
fn the_rest_of_an_escape_is_no_part_of_a_word() {
    for (text, start, expected) in [
        ("a%2Fdb.shop", 2, "db.shop"),
        ("a%zzdb.shop", 2, "zzdb.shop"),
        ("a%2zdb.shop", 2, "2zdb.shop"),
        ("a%2F", 2, "2F"),
        (r"a\ndb.shop", 2, "db.shop"),
        (r"a\xdb.shop", 2, "xdb.shop"),
        ("andb.shop", 1, "ndb.shop"),
        ("2Fdb.shop", 0, "2Fdb.shop"),
    ] {
        assert_eq!(&text[unescaped(text, start..text.len())], expected, "{text}");
    }
}

#[test]
fn an_option_is_no_part_of_a_word() {
    for (text, start, expected) in [
        ("-hdb.shop", 0, "db.shop"),
        ("mysql -hdb.shop", 6, "db.shop"),
        ("psql '-hdb.shop", 6, "db.shop"),
        ("a-hdb.shop", 1, "-hdb.shop"),
        ("mysql -xdb.shop", 6, "-xdb.shop"),
    ] {
        assert_eq!(&text[without_option(text, start..text.len())], expected, "{text}");
    }
}

#[test]
fn a_pod_of_a_stateful_set_has_a_number() {
    for (label, expected) in [
        ("db-0", true),
        ("db-a-10", true),
        ("db-", false),
        ("db", false),
        ("db-a", false),
        ("db-0a", false),
    ] {
        assert_eq!(numbered(label), expected, "{label}");
    }
}

#[test]
fn what_is_around_a_word_leaves_room_for_a_host() {
    for (before, expected) in [
        ("", true),
        (" ", true),
        ("=", true),
        ("@", true),
        ("é", true),
        ("//", true),
        ("/dev/udp/", true),
        ("/dns4/", true),
        ("/", false),
        ("a/", false),
        ("#", false),
        ("-", false),
        ("%", false),
    ] {
        let text = format!("{before}db.shop");
        assert_eq!(starts_as_host(&text, &word(&text)), expected, "{text}");
    }
    for (after, expected) in [
        ("", true),
        ("\n", true),
        (":80", true),
        (":a", true),
        ("/a", true),
        ("?", true),
        (":", false),
        (": a", false),
        ("=", false),
        ("(", false),
        ("é", false),
    ] {
        let text = format!("db.shop{after}");
        assert_eq!(ends_as_host(&text, &word(&text)), expected, "{text}");
    }
}

#[test]
fn a_word_is_whole_but_for_quotes_and_blanks() {
    for (text, expected) in
        [("db.shop", true), (" 'db.shop'\n", true), ("a db.shop", false), ("db.shop:80", false)]
    {
        assert_eq!(is_whole(text, &word(text)), expected, "{text}");
    }
}

#[test]
fn a_port_or_a_scheme_says_that_a_word_is_a_host() {
    for (after, expected) in [
        (":5432", true),
        (r"\:5432", true),
        ("%3A5432", true),
        ("%3a5432", true),
        (":$PORT", true),
        (":{port}", true),
        (":%d", true),
        (":<port>", true),
        (" 5432", true),
        (" 5432; b", true),
        (" 5", false),
        (" 543210", false),
        (" a", false),
        (":a", false),
        (":", false),
        ("5432", false),
        ("", false),
    ] {
        assert_eq!(has_port(after), expected, "{after}");
    }
    for (before, expected) in [
        ("http://", true),
        ("%2F%2F", true),
        ("%2f%2f", true),
        ("> /dev/tcp/", true),
        ("u@tcp(", true),
        ("a \"db://u:p@", true),
        ("db://a.b:80,", true),
        ("db://a.b/u@", false),
        ("db://a.b?c,", false),
        ("db://a.b#c,", false),
        ("db://a.b", false),
        ("db://a.b, u@", false),
        ("u@", false),
        ("", false),
    ] {
        assert_eq!(has_scheme(before), expected, "{before}");
    }
}

#[test]
fn a_list_is_of_two_dotted_names_or_more() {
    let long = "a.b,".repeat(1023);
    for (text, expected) in [
        ("a.b,c.d", true),
        ("a.b; c_d.e:80", true),
        ("a.b|c-d.e", true),
        ("a.b", false),
        ("a.b,c", false),
        ("a.b,c.d/e", false),
        ("a.b,c d.e", false),
        ("a.b,", false),
    ] {
        assert_eq!(is_list(text), expected, "{text}");
    }
    assert!(is_list(&format!("{long}a.b")) && !is_list(&format!("{long}aa.b")));
}

#[test]
fn a_name_or_a_command_before_a_word_takes_a_host() {
    for (before, expected) in [
        ("server ", true),
        ("a.host: \"", true),
        ("x=1, host=", true),
        ("nc -z ", true),
        ("ssh -v -a ", true),
        ("ping a.b ", true),
        ("ssh -a -b -c ", false),
        ("x=ssh -v ", false),
        ("ssh and ", false),
        ("ssh\n", false),
        ("ssh; echo ", false),
        ("ssh && ", false),
        ("topic ", false),
        ("", false),
    ] {
        assert_eq!(beside(before), expected, "{before}");
    }
}
