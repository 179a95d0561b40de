use super::*;

#[test]
fn every_pattern_compiles() {
    let others = [
        &PROVIDED,
        &HASH,
        &CIPHERTEXT,
        &OPTION,
        &HASH_MD5,
        &JWT,
        &SSH_PUBLIC,
        &JWKS,
        &REGISTRY,
        &SERVICE_ACCOUNT,
        &KUBECONFIG,
        &CLASS,
        &UUID,
        &REFERENCE,
        &RESOURCE,
        &PATH,
        &BOOLEAN,
    ];
    assert!(SETTINGS.iter().chain(others).all(|pattern| pattern.get().is_some()));
}

#[test]
fn settings_are_known_by_their_shape() {
    for text in [
        "true",
        "5432",
        "30s",
        "1h30m",
        "512Mi",
        "10.0.0.1",
        "10.0.0.0/8",
        "db.shop.svc",
        "db.shop.svc.cluster.local:5432",
        "kafka-0:9092,kafka-1:9092",
        "a.b.de:1,c.d.ef:2",
        "ops@example.com",
        "/etc/ssl/ca.pem",
        "eu-central-1",
        "verify-full",
        "en_US.UTF-8",
        "Europe/Berlin",
        "2026-01-31",
        "1.27.3",
        "application/json",
        "org.postgresql.Driver",
        "*",
        "cn=admin,ou=people,dc=acme,dc=com",
    ] {
        assert!(is_setting(text), "{text}");
    }
}

#[test]
fn what_could_be_a_credential_is_no_setting() {
    for text in [
        "shop",
        "hunter2",
        "correct horse",
        "12345678",
        "aB3dE5gH7jK9mN1p",
        "P@ssw0rd!",
        "4f5c0e1b2a3948576a6b7c8d9e0f1a2b",
        "admin:12345",
        "uid=hunter2",
        "**",
    ] {
        assert!(!is_setting(text), "{text}");
    }
}

#[test]
fn tokens_are_told_from_names() {
    for token in [
        "aB3dE5gH7jK9mN1p",
        "P@ssw0rd!2023",
        "ghp_0123456789abcdefABCD",
        "-Dx=P@ssw0rd!2023",
        "Passw0rd=2023",
    ] {
        assert!(is_token(token), "{token}");
    }
    for name in [
        "org.hibernate.dialect.PostgreSQL10Dialect",
        "my-app-service-v2",
        "Hello World",
        "123e4567-e89b-12d3-a456-426614174000",
        "classpath:db/changelog.yaml",
        "-Djgroups.dns.query=keycloak-headless.stg-pr-7.svc.cluster.local",
        "--Feature2=on",
        "jdbc:oracle:thin:@oracle.stg-pr-7.svc:1521:PROD",
    ] {
        assert!(!is_token(name), "{name}");
    }
}

#[test]
fn what_nobody_can_invent_is_known() {
    for text in [
        "admin:$apr1$ab$cd",
        "$2y$10$abcdefghijklmnopqrstuv",
        "u:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
        "pbkdf2_sha256$1000$salt$hash",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_",
        "-----BEGIN RSA PRIVATE KEY-----\nMII",
        "{\"auths\":{}}",
        "{\"keys\":[{\"kty\":\"RSA\"}]}",
        "H4sIAAAAAAAAA8tIzcnJVyjPL8pJAQCFEUoNCwAAAA==",
        "{cipher}682bc583f4641835fa2db009355293665d2647da",
        "ENC(nrmZtkF7T0kjG/VodDvBw93Ct8EgjCA+)",
        "ENC[AES256_GCM,data:p673w==,iv:YY=,aad:UQ=,tag:A==]",
        "  $ANSIBLE_VAULT;1.1;AES256\n  66386439653236336462",
    ] {
        assert!(not_inventable(text).is_some(), "{text}");
    }
}

/// What a text is asked, what says yes, what says no.
type Asked = (fn(&str) -> bool, &'static [&'static str], &'static [&'static str]);

#[test]
fn each_question_about_a_text_has_its_answer() {
    let packed = "H4sIAAAAAAAAAAAAAAAAAAAAAA";
    assert!(is_packed(&packed[..25]) && !is_packed(&packed[..24]));
    let rows: [Asked; 7] = [
        (is_signed, &["eyabcdefgh.abc.def", "Bearer eyabcdefgh.."], &["monkey", "a.b.c"]),
        (
            is_packed,
            &["H4sIAAAAAAAAAAA\nAAAAAAAAAAA="],
            &["H4sIAAAAAAAAAAA AAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "hunter2"],
        ),
        (is_path, &["/run/secrets/db"], &["/x", "shop", "run/x", "/run/aB3dE5gH7jK9mN1p"]),
        (
            is_of_vault,
            &[
                "op://prod/shop/password",
                "ref+vault://secret/shop",
                "vault:secret/data/shop#password",
                ">>vault:secret/shop#password",
                "bao:secret/shop#password",
                "@Microsoft.KeyVault(SecretUri=https://x/y)",
            ],
            &["hunter2", "hunter#2", "x://y", "vault:1234", "ref+x", "op://a b/c"],
        ),
        (
            is_resource,
            &[
                "arn:aws:kms:eu-west-1:1:key/1",
                "projects/acme/secrets/db",
                "/subscriptions/11111111-2222-3333-4444-555555555555/x",
            ],
            &["hunter2", "arn:aws", "projects/x", "/subscriptions/x"],
        ),
        (
            is_reference,
            &["${A}", "$(A)", "$A", "{{ x }}", "%env(A)%", "getenv('A');", "process.env.A"],
            &["${A:-x}", "$1a", "#hunter", "<b>", "hunter]", "process.env.A + 'x'", ""],
        ),
        (
            is_token,
            &[
                // Of a service, signed, of three kinds, of many digits, typed.
                "glpat-abcdefghijklmnop",
                "eyabcdefgh.abc.def",
                "aB3dE5gHijkl",
                "0123456789abcdef",
                "P@ssw0rd",
            ],
            &[
                "aB3dE5gHijk",
                "0123456789abcde",
                "abcdefghijklmnopq",
                "hunter2hunter",
                "HelloWorld",
                "P@ss0rd",
                "P@ssword",
                "p@ssw0rd",
                "P@SSW0RD",
                "Passw0rd",
                "P@ss/w0rd",
                "P@ss w0rd",
            ],
        ),
    ];
    for (at, (is, yes, no)) in rows.iter().enumerate() {
        for (text, expected) in
            yes.iter().map(|it| (it, true)).chain(no.iter().map(|it| (it, false)))
        {
            assert_eq!(is(text), expected, "{at}: {text}");
        }
    }
}

#[test]
fn the_token_of_a_service_is_known_by_its_beginning_and_length() {
    for (text, expected) in [
        ("ghp_0123456789ab", Some((4, "GitHub"))),
        ("ghp_0123456789a", None),
        ("SG.0123456789ab", Some((3, "SendGrid"))),
        ("sk_live_0123456789ab", Some((8, "Stripe"))),
        ("correct-horse-battery-staple", None),
    ] {
        assert_eq!(outside(text), expected, "{text}");
    }
    assert_eq!(outside_start("sk_test_"), Some("Stripe"));
    assert_eq!(outside_start("sk_test_x"), None);
}

#[test]
fn what_nobody_can_invent_is_secret_or_for_everybody_to_see() {
    for (text, is_public) in [
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----", false),
        ("AGE-SECRET-KEY-1QQQ", false),
        ("md50123456789abcdef0123456789abcdef", false),
        ("apiVersion: v1\nkind: Config\n", false),
        ("{\"type\": \"service_account\"}", false),
        ("-----BEGIN CERTIFICATE-----", true),
        ("ops ssh-ed25519 AAAAC3Nz ops@acme", true),
    ] {
        assert_eq!(not_inventable(text).map(|it| it.public), Some(is_public), "{text}");
    }
    for text in ["MY_KEY", "a: b", "pa$s{w", "x AAAA", "PRIVATE KEY", "{\"a\": \"b\"}"] {
        assert!(not_inventable(text).is_none(), "{text}");
    }
}
