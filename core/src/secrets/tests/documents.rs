//! What of a document is a credential, and what beside it stays.

use super::*;

/// Every row: name, value, what becomes of it.
fn all_become(rows: &[(&str, &str, &str)]) {
    for (name, value, expected) in rows {
        assert_eq!(shape_of(name, value), *expected, "{name}: {value}");
    }
}

/// Every row: name and value, of which all stays.
fn all_stay(rows: &[(&str, &str)]) {
    for (name, value) in rows {
        assert_eq!(shape_of(name, value), *value, "{name}");
    }
}

const UNREADABLE: &str = "! text in a format that cannot be taken apart safely";

#[test]
fn a_text_in_lines_is_read_as_what_most_of_its_lines_are() {
    all_become(&[
        // Without a name that tells: assignments, YAML.
        (
            "settings",
            "# one\n# two\n\n# three\nmode=x\nmail=y\nlevel=z\nPASSWORD=hunter2\n",
            "# one\n# two\n\n# three\nmode=x\nmail=y\nlevel=z\nPASSWORD=<7>\n",
        ),
        (
            "settings",
            "---\nuser: shop\nmail: y\nlevel: z\npassword: hunter2\n",
            "---\nuser: shop\nmail: y\nlevel: z\npassword: <7>\n",
        ),
        // A half of the lines is not most of them.
        ("settings", "mode=x\nlevel=z\nfoo!\nbar!\n", UNREADABLE),
        // With such a name one line is enough, but not none.
        (".env", "foo!\nbar!\nbaz!\nPASSWORD=hunter2\n", "foo!\nbar!\nbaz!\nPASSWORD=<7>\n"),
        ("app.conf", "foo!\nbar!\n", UNREADABLE),
        ("app.conf", "mode=x\nrequirepass hunter2\nport 1\n", "mode=x\nrequirepass <7>\nport 1\n"),
        // A single line.
        (".env", "password=hunter2", "password=<7>"),
        ("whatever", "DB_PASSWORD=hunter2", "DB_PASSWORD=<7>"),
        ("whatever", "password=hunter2", "<16>"),
    ]);
}

#[test]
fn what_a_key_of_json_holds_is_told_by_its_name_its_sibling_or_its_parent() {
    all_become(&[
        (
            "a.json",
            r#"{"secret":{"user":"shop","x":"hunter2"}}"#,
            r#"{"secret":{"user":"shop","x":"<7>"}}"#,
        ),
        (
            "a.json",
            r#"{"name":"DB_PASSWORD","color":"blue","value":"x1"}"#,
            r#"{"name":"DB_PASSWORD","color":"blue","value":"<2>"}"#,
        ),
        ("a.json", r#"{"a":[1,"x"],"password":"hunter2"}"#, r#"{"a":[1,"x"],"password":"<7>"}"#),
        ("a.json", r#"{"password":"a\"b\\c"}"#, r#"{"password":"<5>"}"#),
        ("a.json", r#"{"pin":123}"#, r#"{"pin":<3>}"#),
        // Not JSON, whatever it begins with.
        ("DB_PASSWORD", "{hunter2", "<8>"),
    ]);
    all_stay(&[
        ("a.json", r#"{"user":"password","value":"blue"}"#),
        ("a.json", r#"{"color":"blue","hash":"abc"}"#),
        // Numbers that nobody types in to be let in.
        ("a.json", r#"{"pin":12,"tokens":4096,"port":5432}"#),
        ("a.json", r#"{"password":null,"secret":true}"#),
        ("whatever", r#"["hunter2"]"#),
        ("auth", r#"{"enabled":"yes"}"#),
    ]);
}

#[test]
fn documents_in_documents_are_taken_apart_to_a_depth_and_refused_beyond() {
    let nested = |documents: usize| {
        (1..documents).fold(r#"{"password":"hunter2"}"#.to_owned(), |inner, _| {
            json!({ "a": inner }).to_string()
        })
    };
    assert!(shape_of("a.json", &nested(5)).contains("<7>"));
    assert_eq!(
        shape_of("a.json", &nested(6)),
        "! text that holds a credential where it cannot be taken out safely"
    );
}

#[test]
fn what_a_key_of_yaml_holds_is_told_by_its_name_its_sibling_or_its_parent() {
    all_become(&[
        (
            "app.yaml",
            "secret:\n  user: shop\n  x: hunter2\ncolor: blue\n",
            "secret:\n  user: shop\n  x: <7>\ncolor: blue\n",
        ),
        ("app.yaml", "password: a1\ncolor: blue\n", "password: <2>\ncolor: blue\n"),
        (
            "app.yaml",
            "a:\n  - name: DB_PASSWORD\n    color: blue\n    value: x1\n",
            "a:\n  - name: DB_PASSWORD\n    color: blue\n    value: <2>\n",
        ),
        // A comment.
        ("app.yaml", "user: shop\n# password: hunter2\n", "user: shop\n# password: <7>\n"),
        // In braces and brackets.
        ("app.yaml", "secrets: {a: hunter2, user: u}\n", "secrets: {a: <7>, user: u}\n"),
        ("app.yaml", "tokens: [abc, 'd', true]\n", "tokens: [<3>, '<1>', true]\n"),
        ("app.yaml", "a: {\"password\": \"x1\"}\nb: 2\n", "a: {\"password\": \"<2>\"}\nb: 2\n"),
    ]);
    all_stay(&[
        ("app.yaml", "a:\n  - name: DB_PASSWORD\nvalue: blue\n"),
        ("app.yaml", "password: *old\ntoken: # none yet\nuser: shop\n"),
        ("app.yaml", "password: ~\ntoken: null\nuser: shop\n"),
    ]);
}

#[test]
fn a_block_of_yaml_ends_where_its_lines_stand_less_far_in() {
    all_become(&[
        (
            "app.yaml",
            "token: |\n  hunter # 2\n  x # 3\nuser: shop\n",
            "token: |\n  <10>\n  <5>\nuser: shop\n",
        ),
        (
            "app.yaml",
            "token: |\n\n  a # 1\n    b\n  c # 2\nuser: shop\n",
            "token: |\n\n  <5>\n    <1>\n  <5>\nuser: shop\n",
        ),
        // In a list the dash is no indentation.
        (
            "app.yaml",
            "tokens:\n- |\n  hunter # 2\nuser: shop\n",
            "tokens:\n- |\n  <10>\nuser: shop\n",
        ),
    ]);
    // A block without a line.
    all_stay(&[("app.yaml", "a:\n  token: |\n  color: blue\n")]);
}

#[test]
fn quotes_and_comments_around_an_assigned_value_stay() {
    all_become(&[
        (".env", "PASSWORD=hunter2 # old\nB=c\n", "PASSWORD=<7> # old\nB=c\n"),
        (".env", "PASSWORD=hunter2\t# old\nB=c\n", "PASSWORD=<7>\t# old\nB=c\n"),
        (".env", "PASSWORD=\"p\\\"w\"\nB=c\n", "PASSWORD=\"<3>\"\nB=c\n"),
        (".env", "PASSWORD='p''w'\nB=c\n", "PASSWORD='<3>'\nB=c\n"),
        // Over two lines, and with a user of whose name a quote is part.
        (".env", "A_KEY=\"x\ny\"\nB=c\n", "A_KEY=\"<1>\n<1>\"\nB=c\n"),
        (".env", "URL=\"redis://u\\\"x:pw@h\"\nB=c\n", "URL=\"redis://u\\\"x:<2>@h\"\nB=c\n"),
        // A backslash says that the value goes on, but not behind the last line.
        ("a.properties", "c=d\nb.secret=x\\", "c=d\nb.secret=<2>"),
        (
            "a.conf",
            "# user = shop\n; db.password = older\nmode = x\n",
            "# user = shop\n; db.password = <5>\nmode = x\n",
        ),
    ]);
}

#[test]
fn fields_on_a_line_are_read_where_what_is_between_them_is_sure() {
    all_become(&[
        // With a separator.
        (
            "ConnectionString",
            "Server=db;foo;Password=x;Port=1",
            "Server=db;foo;Password=<1>;Port=1",
        ),
        ("db-secret", "Data Source=db;X=shop;Password=pw1", "Data Source=db;X=shop;Password=<3>"),
        ("whatever", "hunter;22", "<9>"),
        // With blanks: two fields, one of them a credential, or a name that says setting.
        ("whatever", "host=db password=hunter2", "host=db password=<7>"),
        ("whatever", "host=db user=shop", "host=db user=shop"),
        ("description", "password=hunter2", "password=<7>"),
        // Flags.
        ("ARGS", "--token hunter2", "--token <7>"),
        ("ARGS", "run --token hunter2 now", "run --token <7> now"),
        ("ARGS", "java -Ddb.password=hunter2", "java -Ddb.password=<7>"),
    ]);
}

#[test]
fn of_a_url_only_what_lets_somebody_in_is_replaced() {
    all_become(&[
        ("DB_SECRET", "postgres://shop:pw@db/shop", "postgres://shop:<2>@db/shop"),
        ("DB_PASSWORD", "http://host/x", "<13>"),
        ("whatever", "hunter//22", "<10>"),
        // A user who is a token, alone or of a known service.
        ("GIT_URL", "https://aB3dE5gH7jK9mN1p@git.acme.com/a", "https://<16>@git.acme.com/a"),
        (
            "GIT_URL",
            "https://glpat-abcdefghijklmnop:x@gitlab.com/a",
            "https://glpat-<16>:<1>@gitlab.com/a",
        ),
        ("url", "postgres://aB3dE5gH7jK9mN1p:pw@db/x", "postgres://aB3dE5gH7jK9mN1p:<2>@db/x"),
        // In paths of web pages.
        (
            "whatever",
            "https://api.acme.com/hooks/aB3dE5gH7jK9mN1p",
            "https://api.acme.com/hooks/<16>",
        ),
        (
            "SLACK_WEBHOOK",
            "https://hooks.acme.com/abcdefghijklmnopqrs/abcdefghijklmnopqrst",
            "https://hooks.acme.com/abcdefghijklmnopqrs/<20>",
        ),
        // In queries and fragments.
        ("url", "https://h/x?sig=aB3dE5gH7jK9mN1p&a=b", "https://h/x?sig=<16>&a=b"),
        ("url", "postgresql://db/shop?password=a%40b", "postgresql://db/shop?password=<3>"),
        ("url", "https://h/x?next=redis%3A%2F%2Fu%3Apw1%40h", "https://h/x?next=<15>"),
        ("url", "https://h/x#aB3dE5gH7jK9mN1p", "https://h/x#<16>"),
        ("url", "https://h/x#/page?token=hunter2", "https://h/x#/page?token=<7>"),
    ]);
    all_stay(&[
        ("url", "https://shop@acme.com/x"),
        ("url", "https://api.acme.com/abcdefghijklmnopqrstuvwxyz"),
        ("url", "https://h/x?color=blue&token=true&user=aB3dE5gH7jK9mN1p"),
        ("url", "https://h/x#/page?key=blue"),
        ("url", "http://a/x,http://b/y"),
    ]);
}

#[test]
fn the_ends_of_a_word_are_quotes_only_if_they_are_quotes() {
    all_become(&[
        ("db.conf", "host=db user=u password=shops", "host=db user=u password=<5>"),
        ("a.yaml", "db:\n  password: xhunterx\n", "db:\n  password: <8>\n"),
        ("a.json", r#"{"dbpass":123456}"#, r#"{"dbpass":<6>}"#),
        ("requirepass", "ab,cd", "<5>"),
        (
            ".pgpass",
            "#db:5432:a:b:hunter2\ndb:5432:shop:shop:hunter2\n",
            "#db:5432:a:b:<7>\ndb:5432:shop:shop:<7>\n",
        ),
    ]);
}
