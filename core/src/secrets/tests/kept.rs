//! What is kept of a value, and holds no credential.

use super::*;

/// The token of these tests.
const TOKEN: &str = "aB3dE5gH7jK9mN1pQ2rS4tU6";

#[test]
fn fields_in_braces_are_taken_apart() {
    for (name, value, expected) in [
        (
            "auth.conf",
            "authorization {\n  users = [\n    {user: app, password: hunter2},\n    {user: b, password: \"x y\"}\n  ]\n}\n",
            "authorization {\n  users = [\n    {user: app, password: <7>},\n    {user: b, password: \"<3>\"}\n  ]\n}\n",
        ),
        (
            "application.conf",
            "db {\n  default { user: shop, password: hunter2 }\n  other { user = shop, password = hunter2 }\n}\n",
            "db {\n  default { user: shop, password: <7> }\n  other { user = shop, password = <7> }\n}\n",
        ),
        (
            "app.yaml",
            "a:\n- {name: DB_PASSWORD, value: correct-horse}\n- {name: DB_HOST, value: db}\n- {key: x, value: y}\n",
            "a:\n- {name: DB_PASSWORD, value: <13>}\n- {name: DB_HOST, value: db}\n- {key: x, value: y}\n",
        ),
        (
            "proxysql.cnf",
            "admin = on\nmysql_users = (\n  { username = \"shop\" , password = \"hunter2\" , active = 1 }\n)\n",
            "admin = on\nmysql_users = (\n  { username = \"shop\" , password = \"<7>\" , active = 1 }\n)\n",
        ),
        (
            "nginx.conf",
            "events { worker_connections 64; }\nserver { location / { proxy_pass http://a:80; } }\nmap $a $b { default: x }\n",
            "events { worker_connections 64; }\nserver { location / { proxy_pass http://a:80; } }\nmap $a $b { default: x }\n",
        ),
        ("config", "{user: shop, password: x}", "<25>"),
        ("passwords.yaml", "passwords: [abc==, def=]\n", "passwords: [<5>, <4>]\n"),
    ] {
        assert_eq!(shape_of(name, value), expected, "{name}");
    }
}

#[test]
fn a_text_says_that_a_credential_is_kept_of_it() {
    for (name, value) in [
        (".env", "DB_PASSWORD=x1\nCMD=mysqldump -uroot -phunter2 shop\n"),
        ("fluent.conf", "<match **>\n  @type http\n  password hunter2\n</match>\nx = y\n"),
        ("app.yaml", "a: b\nrun: |\n  if x; then\n    redis-cli -a hunter2 ping\n  fi\n"),
        ("app.yaml", "a: b\nusers: |\n  bob $2a$14$012345678901234567890123456789012345\n  x\n"),
    ] {
        assert!(speaks(name, &shape_of(name, value)), "{name} {value}");
    }
}

#[test]
fn what_only_speaks_of_a_credential_is_kept() {
    for (name, value) in [
        ("app.yaml", "a: &pw x1\npassword: *pw\ntoken: !ENV ${TOKEN}\nsecret: !!null ~\n"),
        ("app.yaml", "a: 1 # token: see the handbook\nb: 2\n"),
        ("app.yaml", "db:\n  password: ${DB_PASSWORD:-}\n  token: ${TOKEN:}\n"),
        (
            "app.ini",
            "password = %(DB_PASSWORD)s\ntoken = $__env{TOKEN}\nsecret = #{ENV['SECRET']}\n",
        ),
        ("app.yaml", "secret: '%env(APP_SECRET)%'\npassword: <%= ENV['PASSWORD'] %>\n"),
        ("app.yaml", "token: {{ .Values.token }}\npassword: \"${secrets:shop/db:password}\"\n"),
        ("app.json", "{\"tokens\": 4096, \"password\": \"/run/secrets/db\", \"pin\": null}"),
        ("app.json", "{\"kms_key\": \"arn:aws:kms:eu-central-1:123456789012:key/a-b\"}"),
        ("app.env", "TOKEN=os.environ['TOKEN']\nSECRET=process.env.SECRET\n"),
        (
            "nginx.conf",
            "server {\n  listen 80;\n  proxy_set_header Authorization $http_authorization;\n}\n",
        ),
        ("app.yaml", "probe: curl -u \"$USER:$PASSWORD\" http://auth:8080/\n"),
        ("app.yaml", "headers:\n  Authorization: ApiKey ${API_KEY}\nx: y\n"),
        ("STRIPE_PUBLISHABLE_KEY", "pk_live_0123456789abcdefABCD"),
        (".env", "A=b\nSTRIPE_PUBLISHABLE_KEY=pk_live_0123456789abcdefABCD\n"),
    ] {
        assert_eq!(shape_of(name, value), value, "{name}");
    }
    for (name, value, expected) in [
        (
            "app.env",
            "STRIPE_SECRET_KEY=sk_live_0123456789abcdef\nA=b\n",
            "STRIPE_SECRET_KEY=sk_live_<16>\nA=b\n",
        ),
        (
            "app.yaml",
            "auth: bob:hunter2\nb: c\nAuthorization: Token hunter22\n",
            "auth: bob:<7>\nb: c\nAuthorization: Token <8>\n",
        ),
        ("app.yaml", "password: !!str hunter2\na: b\n", "password: !!str <7>\na: b\n"),
    ] {
        assert_eq!(shape_of(name, value), expected, "{name}");
    }
}

/// The values of Secrets that are sealed together.
fn together(values: &[(&str, &str)]) -> Vec<String> {
    let secrets: Vec<OpenSecret> = values
        .iter()
        .enumerate()
        .map(|(at, it)| secret(&at.to_string(), "Opaque", &[*it]))
        .collect();
    let sealed = seal_all(&secrets, &Uses::default(), &key());
    let shown = |(at, (name, _)): (usize, &(&str, &str))| match &sealed[&at.to_string()].keys[*name]
    {
        SealedValue::Parts(parts) => shape(parts),
        _ => "!".to_owned(),
    };
    values.iter().enumerate().map(shown).collect()
}

#[test]
fn a_credential_of_one_place_is_one_in_all() {
    let known = ("ADMIN_PASSWORD", "correct-horse");
    for (name, value, expected) in [
        ("users.yaml", "users:\n  admin: correct-horse\n", "users:\n  admin: <13>\n"),
        ("users.yaml", "users: {shopkeeper: correct-horse}\n", "users: {shopkeeper: <13>}\n"),
        ("users.properties", "admin=correct-horse,ADMIN\n", "admin=<13>,ADMIN\n"),
        ("realm.properties", "admin: correct-horse, admin\n", "admin: <13>, admin\n"),
        (
            "users.json",
            "{\"users\":{\"admin\":\"correct-horse\"}}",
            "{\"users\":{\"admin\":\"<13>\"}}",
        ),
        ("users.toml", "[users]\nadmin = \"correct-horse\"\n", "[users]\nadmin = \"<13>\"\n"),
        (
            "jaas.conf",
            "M required\n  username=\"admin\"\n  password=\"x1\"\n  user_admin=\"correct-horse\";\n",
            "M required\n  username=\"admin\"\n  password=\"<2>\"\n  user_admin=\"<13>\";\n",
        ),
        // Within something longer it is another word.
        ("a.yaml", "admin: correct-horse-battery\n", "admin: correct-horse-battery\n"),
        ("a.yaml", "url: http://correct-horse/x\n", "url: http://correct-horse/x\n"),
    ] {
        assert_eq!(together(&[known, (name, value)])[1], expected, "{name}");
    }
}

#[test]
fn what_is_equal_to_a_credential_by_chance_is_kept() {
    for (known, value) in [
        // A user's name, too, here and there.
        (("DB_PASSWORD", "correct-horse"), "username: correct-horse\nadmin: correct-horse\n"),
        // A word that servers know, and one too short.
        (("DB_PASSWORD", "postgresql"), "kind: x\ndriver-class: postgresql\nx: postgresql\n"),
        (("DB_PASSWORD", "shop"), "app: shop\n"),
        // Nothing but the place says that this is one.
        (("APP", "shop-backend"), "app: shop-backend\n"),
    ] {
        assert_eq!(together(&[known, ("a.yaml", value)])[1], value, "{known:?}");
    }
    let it = [
        ("DB_PASSWORD", "correct-horse"),
        ("DB_USER", "correct-horse"),
        ("a.yaml", "app: correct-horse\n"),
    ];
    assert_eq!(together(&it)[1..], ["correct-horse", "app: correct-horse\n"]);
    let it = [("DB_PASSWORD", TOKEN), ("a.yaml", "app: aB3dE5gH7jK9mN1pQ2rS4tU6\n")];
    assert_eq!(together(&it)[1], "app: <24>\n");
}
