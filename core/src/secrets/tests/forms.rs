//! Which part of a value is a credential, by its name and its form.

use super::*;

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn values_are_taken_apart_by_name_and_shape() {
    for (name, value, expected) in [
        // The trap: one word is user, database and password.
        (
            "DATABASE_URL",
            "postgres://shop:shop@shop:5432/shop",
            "postgres://shop:<4>@shop:5432/shop",
        ),
        ("POSTGRES_USER", "shop", "shop"),
        ("POSTGRES_DB", "shop", "shop"),
        ("POSTGRES_PASSWORD", "shop", "<4>"),
        ("POSTGRES_PASSWORD", "shop\n", "<4>\n"),
        ("POSTGRES_PASSWORD", "", ""),
        // Several users with a password each.
        ("FLOWER_BASIC_AUTH", "user1:password1,user2:password2", "user1:<9>,user2:<9>"),
        ("BASIC_AUTH_CREDENTIALS", "alice:pw-one,bob:pw-two", "alice:<6>,bob:<6>"),
        ("BASIC_AUTH", "alice:pw,one", "alice:<6>"),
        // Several, with whatever stands between them.
        ("custom-passwords", "c0mmonPw77;rEp0rtPw55", "<10>;<10>"),
        ("client-passwords", "aaa, bbbb,", "<3>, <4>,"),
        ("client-passwords", "aaa,\t bbbb, ,", "<3>,\t <4>, ,"),
        ("api-tokens", "Bearer aaa", "Bearer <3>"),
        (
            "url",
            "https://acme.com/x?primary_key=aB3dE5gH7jK9mN1p",
            "https://acme.com/x?primary_key=<16>",
        ),
        ("connectionString", "jdbc:h2:mem:shop", "jdbc:h2:mem:shop"),
        ("password", "<%= ENV.fetch \"X\" %>", "<%= ENV.fetch \"X\" %>"),
        ("redis-password", "aaa;bbbb", "<8>"),
        ("mongodb-usernames", "app,report", "app,report"),
        ("PGPOOL_POSTGRES_CUSTOM_USERS", "app;report", "app;report"),
        ("users", "shop", "shop"),
        ("PROFILE", "shop", "<4>"),
        ("users", "shop:hunter2,admin:hunter3", "<26>"),
        ("logins", "aB3dE5gH7jK9mN1p", "<16>"),
        ("SPRING_PROFILES_ACTIVE", "prod,kubernetes", "prod,kubernetes"),
        ("ACCESS_KEY_IDS", "first,second", "<12>"),
        // Of two keys that a cloud gives out, or of Rails: no column of a table.
        ("COSMOS_PRIMARY_KEY", "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nD==", "<50>"),
        ("CACHE_KEY", "aB3dE5gH7jK9mN1pQ2rS4tU6", "<24>"),
        ("RECAPTCHA_SITE_KEY", "aB3dE5gH7jK9mN1pQ2rS4tU6", "aB3dE5gH7jK9mN1pQ2rS4tU6"),
        (
            "secrets.yml",
            "encryption:\n  primary_key: aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA\ntable:\n  primary_key: order_id\n  sort_key: created_at\n",
            "encryption:\n  primary_key: <32>\ntable:\n  primary_key: order_id\n  sort_key: created_at\n",
        ),
        // Settings of several parts, under names that say nothing.
        ("OPTS", "-Xms512m -Xmx1g -XX:+UseG1GC", "-Xms512m -Xmx1g -XX:+UseG1GC"),
        ("OPTS", "-uroot -phunter2", "<16>"),
        ("OPTS", "-Durl=postgres://shop:hunter2@db/shop", "<37>"),
        (
            "DSN",
            "host=db port=5432 user=shop dbname=shop",
            "host=db port=5432 user=shop dbname=shop",
        ),
        ("DSN", "host=db user=shop pin=1234", "host=db user=shop pin=<4>"),
        ("CIDRS", "10.0.0.0/8,192.168.0.0/16", "10.0.0.0/8,192.168.0.0/16"),
        ("FEATURED", "correct,horse", "<13>"),
        ("BIND_DN", "cn=admin,dc=acme,dc=com", "cn=admin,dc=acme,dc=com"),
        (
            "connectionString",
            "jdbc:oracle:thin:@oracle.acme.svc:1521:PROD",
            "jdbc:oracle:thin:@oracle.acme.svc:1521:PROD",
        ),
        (
            "connectionString",
            "jdbc:oracle:thin:@oracle.acme.svc:1521",
            "jdbc:oracle:thin:@oracle.acme.svc:1521",
        ),
        ("KMS_KEY", "alias/vault-prod", "alias/vault-prod"),
        // Words written in one.
        (
            ".env",
            "DBUSER=shop\nDBPASS=hunter2\nBYPASS=never\n",
            "DBUSER=shop\nDBPASS=<7>\nBYPASS=never\n",
        ),
        ("smtppass", "hunter2", "<7>"),
        // Of whoever is on call, and of a queue.
        (
            "alertmanager.yaml",
            "receivers:\n- routing_key: 0123456789abcdef0123456789abcdef\n- routing_key: orders.created\n",
            "receivers:\n- routing_key: <32>\n- routing_key: orders.created\n",
        ),
        // A SecretID of Vault, beside what names its role.
        (
            "application.yml",
            "role-id: 675a50e7-cfe0-be76-e35f-49ec009731ea\nsecret-id: 6a174c20-f6de-a53c-74d2-6018fcceff64\n",
            "role-id: 675a50e7-cfe0-be76-e35f-49ec009731ea\nsecret-id: <36>\n",
        ),
        // npm: what looks like a comment is for one registry.
        (
            ".npmrc",
            "registry=https://npm.acme.com/\n//npm.acme.com/:_authToken=hunter2hunter2\n",
            "registry=https://npm.acme.com/\n//npm.acme.com/:_authToken=<14>\n",
        ),
        (
            "app.conf",
            "mode=http\n//password=hunter2\n// see https://acme.com/a:b=c\n",
            "mode=http\n//password=<7>\n// see https://acme.com/a:b=c\n",
        ),
        // Lines without a file's name.
        ("master", "port 6379\nrequirepass hunter2\n", "port 6379\nrequirepass <7>\n"),
        // PHP.
        (
            "config.php",
            "<?php\n$CONFIG = array (\n  'dbhost' => 'db',\n  'dbpassword' => 'hunter2',\n  'dbuser' => 'shop',\n);\n",
            "! text in a format that cannot be taken apart safely",
        ),
        (
            "config.conf",
            "'dbhost' => 'db',\n'dbpassword' => 'hunter2',\n",
            "'dbhost' => 'db',\n'dbpassword' => '<7>',\n",
        ),
        // What only points at a credential.
        (
            "app.conf",
            "proxy_pass http://api.shop.svc:8080;\nproxy_set_header X-Auth-Token $http_x_auth_token;\nbindpw hunter2\nupstream shop-auth {\n",
            "proxy_pass http://api.shop.svc:8080;\nproxy_set_header X-Auth-Token $http_x_auth_token;\nbindpw <7>\nupstream shop-auth {\n",
        ),
        (
            "otel.yaml",
            "api_key: ${env:API_KEY}\nsecret_key: $__file{/etc/key}\npassword: ${DB_PASSWORD:hunter2}\ntoken: Bearer ${API_TOKEN}\npasswd: ${?PW}\n",
            "api_key: ${env:API_KEY}\nsecret_key: $__file{/etc/key}\npassword: ${DB_PASSWORD:<7>}\ntoken: Bearer ${API_TOKEN}\npasswd: ${?PW}\n",
        ),
        // A script is more than its lines.
        (
            "start.sh",
            "#!/bin/bash\nset -e\nexport DB_PASSWORD=hunter2\nif true; then\n  touch /x\nfi\nredis-cli -a hunter3 ping\nexec app\n",
            "! text in a format that cannot be taken apart safely",
        ),
        // The second word says what the last one is.
        (
            "sentinel.conf",
            "port 26379\nsentinel monitor mymaster redis 6379 2\nsentinel auth-pass mymaster hunter2\nsentinel auth-user mymaster shop\n",
            "port 26379\nsentinel monitor mymaster redis 6379 2\nsentinel auth-pass mymaster <7>\nsentinel auth-user mymaster shop\n",
        ),
        (
            "haproxy.cfg",
            "backend auth\n  server srv-auth 10.0.0.1:8080 check\n  acl is-auth path_beg /auth\n  use_backend be-auth if is-auth\nlisten stats\n  stats auth admin:hunter2\n  stats auth admin:${PW}\n",
            "backend auth\n  server srv-auth 10.0.0.1:8080 check\n  acl is-auth path_beg /auth\n  use_backend be-auth if is-auth\nlisten stats\n  stats auth admin:<7>\n  stats auth admin:${PW}\n",
        ),
        (
            "users.acl",
            "user default off\nuser shop on >hunter2 >hunter22 ~* &* +@all\n",
            "user default off\nuser shop on ><7> ><8> ~* &* +@all\n",
        ),
        (
            "users.acl",
            "user shop on #5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8 ~*\n",
            "! a hash of a password, which only that password fits",
        ),
        (
            "haproxy.cfg",
            "userlist u\n  user admin insecure-password hunter2\n  user = Ops <ops@acme.com>\nlisten stats\n  stats auth \"admin:hunter2\" # ops\n",
            "userlist u\n  user admin insecure-password <7>\n  user = Ops <ops@acme.com>\nlisten stats\n  stats auth \"admin:<7>\" # ops\n",
        ),
        (
            "site.conf",
            "listen 80;\nserver_name shop;\nproxy_pass ${API_URL};\nproxy_pass http://api; # v2\nfastcgi_pass [::1]:9000;\nProxyPass /api http://api:8080/\n",
            "listen 80;\nserver_name shop;\nproxy_pass ${API_URL};\nproxy_pass http://api; # v2\nfastcgi_pass [::1]:9000;\nProxyPass /api http://api:8080/\n",
        ),
        (
            "site",
            "listen 80;\nset $apikey hunter2;\nproxy_pass http://api:8080;\n",
            "! text in a format that cannot be taken apart safely",
        ),
        (
            "setup.conf",
            "#!/bin/sh\nset -e\nredis-cli -a hunter3 ping\n",
            "! text in a format that cannot be taken apart safely",
        ),
        (
            "config.hcl",
            "api_tokens = [\n  \"abcdef\", // old\n  \"ghijkl\",\n]\n",
            "api_tokens = [\n  \"<6>\", // old\n  \"<6>\",\n]\n",
        ),
        (
            "app.toml",
            "api_keys = [\n  { name = \"shop\", key = \"hunter2\" },\n]\n",
            "! text that holds a credential where it cannot be taken out safely",
        ),
        (".pgpass", "db:5432:shop:shop:$UMMER2024\n", "db:5432:shop:shop:<10>\n"),
        // Of no known form, so nothing of it is sure.
        (
            "begin",
            "auth-tool set-password admin hunter2\ncreateuser shop hunter3\nlogin shop hunter4\n",
            "! text in a format that cannot be taken apart safely",
        ),
        (
            "redis.conf",
            "#!/usr/local/bin/redis-server\nport 6379\nrequirepass hunter2\n",
            "#!/usr/local/bin/redis-server\nport 6379\nrequirepass <7>\n",
        ),
        (".env", "DB_PASSWORD=[Xk9secret\nB=c\nREGEX=x]\n", "DB_PASSWORD=<10>\nB=c\nREGEX=x]\n"),
        ("x.env", "PASSWORD=]x\nTOKENS=[\n", "PASSWORD=<2>\nTOKENS=<1>\n"),
        ("PROXY_PASS", "hunter2", "<7>"),
        ("DB_PASSWORD", "$uper_secret_2024", "<17>"),
        ("DB_CREDS", "shop:hunter2", "shop:<7>"),
        // A default is a credential, whatever the variable is called.
        (
            "application.yml",
            "jwt-secret: ${SECRET:hunter2}\ndb-password: ${env:DB_PASSWORD:-hunter2}\n",
            "jwt-secret: ${SECRET:<7>}\ndb-password: ${env:<20>}\n",
        ),
        (
            "settings.env",
            "PASSWORD=os.environ.get('DB_PASSWORD') or 'hunter2'\nTOKEN=os.environ['TOKEN']\n",
            "PASSWORD=<42>\nTOKEN=os.environ['TOKEN']\n",
        ),
        // A list over several lines.
        (
            "config.toml",
            "api_tokens = [\n  \"abcdef\", # the old one's\n  'ghijklmn',\n]\nhosts = [\n  \"a\",\n]\n",
            "api_tokens = [\n  \"<6>\", # the old one's\n  '<8>',\n]\nhosts = [\n  \"a\",\n]\n",
        ),
        // Nothing is known: a credential, unless it looks like a setting.
        ("whatever", "hunter2", "<7>"),
        ("whatever", "5432", "5432"),
        ("whatever", "db.shop.svc", "db.shop.svc"),
        ("SECRET_NAME", "something", "<9>"),
        ("PASSWORD_FILE", "/run/secrets/password", "/run/secrets/password"),
        ("DB_PASSWORD", "true", "true"),
        ("DB_PASSWORD", "${OTHER}", "${OTHER}"),
        // PostgreSQL, MySQL.
        ("postgres-password", "s3cr3t", "<6>"),
        ("replication-password", "s3cr3t", "<6>"),
        ("mysql-root-password", "Xy9-s3cr3t", "<10>"),
        (
            "dsn",
            "host=db user=shop password=shop dbname=shop sslmode=require",
            "host=db user=shop password=<4> dbname=shop sslmode=require",
        ),
        ("dsn", "host=db password='a b' dbname=shop", "host=db password='<3>' dbname=shop"),
        (
            "dsn",
            "shop:shop@tcp(shop:3306)/shop?parseTime=true",
            "shop:<4>@tcp(shop:3306)/shop?parseTime=true",
        ),
        ("dsn", "shop:shop@db:3306/shop", "shop:<4>@db:3306/shop"),
        (
            "url",
            "jdbc:postgresql://db/shop?user=shop&password=shop&ssl=true",
            "jdbc:postgresql://db/shop?user=shop&password=<4>&ssl=true",
        ),
        (
            "url",
            "jdbc:sqlserver://db:1433;databaseName=shop;user=sa;password=p@ss;encrypt=true",
            "jdbc:sqlserver://db:1433;databaseName=shop;user=sa;password=<4>;encrypt=true",
        ),
        (
            "url",
            "jdbc:oracle:thin:shop/shop@//db:1521/shop",
            "jdbc:oracle:thin:shop/<4>@//db:1521/shop",
        ),
        (
            "ConnectionString",
            "Server=db;Database=shop;User Id=shop;Password=sh;op1;X=1",
            "Server=db;Database=shop;User Id=shop;Password=<2>;<3>;X=1",
        ),
        (
            "ConnectionString",
            "Server=db;User Id=shop;Password=\"a;b\"",
            "Server=db;User Id=shop;Password=\"<3>\"",
        ),
        (".pgpass", "db:5432:shop:shop:shop\n", "db:5432:shop:shop:<4>\n"),
        ("userlist.txt", "\"shop\" \"shop\"\n\"a\" \"bc\"", "\"shop\" \"<4>\"\n\"a\" \"<2>\""),
        // MongoDB, RabbitMQ, Redis, Kafka.
        (
            "MONGO_URL",
            "mongodb://shop:sh%40p@a:27017,b:27017/shop?replicaSet=rs",
            "mongodb://shop:<4>@a:27017,b:27017/shop?replicaSet=rs",
        ),
        ("mongodb-keyfile", "aaaa1111bbbb2222\nAB/+CDEF12345678\n", "<16>\n<16>\n"),
        (
            "AMQP",
            "amqp://a:bb@h1:5672/v,amqp://a:bb@h2/v",
            "amqp://a:<2>@h1:5672/v,amqp://a:<2>@h2/v",
        ),
        ("rabbitmq-erlang-cookie", "COOKIE123", "<9>"),
        (
            "rabbitmq.conf",
            "default_user = shop\ndefault_pass = shop\n# default_pass = older\n",
            "default_user = shop\ndefault_pass = <4>\n# default_pass = <5>\n",
        ),
        ("redis-password", "pw", "<2>"),
        ("REDIS_URL", "redis://:shop@redis:6379/0", "redis://:<4>@redis:6379/0"),
        (
            "redis.conf",
            "maxmemory 100mb\nrequirepass foobared\n",
            "maxmemory 100mb\nrequirepass <8>\n",
        ),
        ("cache", "redis:6379,password=abc,ssl=True", "redis:6379,password=<3>,ssl=True"),
        (
            "jaas",
            "org.apache.PlainLoginModule required username=\"u\" password=\"pw\";",
            "org.apache.PlainLoginModule required username=\"u\" password=\"<2>\";",
        ),
        ("client-passwords", "aaa,bbbb", "<3>,<4>"),
        ("brokers", "kafka-0:9092,kafka-1:9092", "kafka-0:9092,kafka-1:9092"),
        (
            "JAVA_OPTS",
            "-Xmx1g -Ddb.user=shop -Ddb.password=shop",
            "-Xmx1g -Ddb.user=shop -Ddb.password=<4>",
        ),
        // Object stores, web frameworks.
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE", "AKIA<16>"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "<40>"),
        ("AWS_DEFAULT_REGION", "eu-central-1", "eu-central-1"),
        ("SECRET_KEY", "django-insecure-#x!y", "<20>"),
        ("secret_key_base", "0123456789abcdef", "<16>"),
        ("APP_KEY", "base64:AAECAwQFBgcICQoLDA0ODw==", "base64:<24>"),
        ("NEO4J_AUTH", "neo4j/secret", "neo4j/<6>"),
        ("PIN", "123456", "<6>"),
        ("DB_PASSWORD", "2024w", "<5>"),
        ("TOKEN", "7d3m9s1h5w2d8m4s", "<16>"),
        ("REQUIRED_CREDENTIALS", "shop:hunter2", "shop:<7>"),
        // Code, and passwords that look like it.
        (
            "app.yaml",
            "db: {user: shop, password: \"hun(ter)2!rest\"}\na: 1\n",
            "db: {user: shop, password: \"<14>\"}\na: 1\n",
        ),
        (
            "app.yaml",
            "db: {user: shop, password: ab(cd)-rest}\na: 1\n",
            "db: {user: shop, password: <11>}\na: 1\n",
        ),
        (
            "app.yaml",
            "db: {user: \"a(b\", password: \"c)d\"}\na: 1\n",
            "db: {user: \"a(b\", password: \"<3>\"}\na: 1\n",
        ),
        (
            "app.yaml",
            "db: {note: f(a, password: hunter2), x: y}\na: 1\n",
            "db: {note: f(a, password: <8>, x: y}\na: 1\n",
        ),
        (
            "pool.yaml",
            "entry: \"aB3dE5gH7jK9mN1p\"; // main\nhost: db\n",
            "entry: \"<16>\"; // main\nhost: db\n",
        ),
        ("stripe", "sk_live_0123456789abcdef", "sk_live_<16>"),
        (
            "SLACK_WEBHOOK_URL",
            "https://hooks.slack.com/services/T0/B0/abcdefghijABCDEFGHIJ1234",
            "https://hooks.slack.com/services/T0/B0/<24>",
        ),
        (
            "SENTRY_DSN",
            "https://0123456789abcdef0123456789abcdef@o1.ingest.sentry.io/2",
            "https://<32>@o1.ingest.sentry.io/2",
        ),
        (
            "TOKEN_URL",
            "https://login.example.com/oauth/token",
            "https://login.example.com/oauth/token",
        ),
        ("privateKeyUrl", "https://keys.example.com/a.pem", "https://keys.example.com/a.pem"),
        // Documents.
        (
            ".env",
            "# shop\nDB_USER=shop\nexport DB_PASSWORD=\"shop\"\nDEBUG=false\nURL='redis://:shop@r'\n",
            "# shop\nDB_USER=shop\nexport DB_PASSWORD=\"<4>\"\nDEBUG=false\nURL='redis://:<4>@r'\n",
        ),
        (
            "application.properties",
            "spring.datasource.username=shop\nspring.datasource.password: shop\nspring.name=shop\n",
            "spring.datasource.username=shop\nspring.datasource.password: <4>\nspring.name=shop\n",
        ),
        (
            "config.json",
            "{\n  \"user\": \"shop\",\n  \"password\" : \"shop\",\n  \"pin\": 1234, \"n\": [1, {\"a\": null}]}",
            "{\n  \"user\": \"shop\",\n  \"password\" : \"<4>\",\n  \"pin\": <4>, \"n\": [1, {\"a\": null}]}",
        ),
        (
            "env",
            "[{\"name\":\"DB_PASSWORD\",\"value\":\"x\\\"y\"}]",
            "[{\"name\":\"DB_PASSWORD\",\"value\":\"<3>\"}]",
        ),
        (
            "app.yaml",
            "db:\n  user: shop\n  password: shop # shop\n  tokens:\n  - abc\n  - 'd'\n  {x}\n",
            "db:\n  user: shop\n  password: <4> # shop\n  tokens:\n  - <3>\n  - '<1>'\n  {x}\n",
        ),
        (
            "app.yaml",
            "a:\n  - name: DB_PASSWORD\n    value: xy\nb: {user: u, password: pw}\nc: |\n  password=abc\n  user=u\nd: *x\n",
            "a:\n  - name: DB_PASSWORD\n    value: <2>\nb: {user: u, password: <2>}\nc: |\n  password=<3>\n  user=u\nd: *x\n",
        ),
        (
            "a.json",
            "{\"secretName\":\"db-tls\",\"tokenType\":\"Bearer\"}",
            "{\"secretName\":\"db-tls\",\"tokenType\":\"Bearer\"}",
        ),
        (
            "site.conf",
            "listen 80;\nssl_certificate_key /etc/tls/tls.key;\nset $token \"Bearer abcdefgh\";\n",
            "listen 80;\nssl_certificate_key /etc/tls/tls.key;\nset $token \"Bearer <8>\";\n",
        ),
        (
            "storage",
            "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=AAECAwQFBgcICQoLDA0ODw==;EndpointSuffix=core.windows.net",
            "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=<24>;EndpointSuffix=core.windows.net",
        ),
        // A password in base64, in a Secret.
        ("encoded-password", "aHVudGVyMjI=", "<8>"),
        // More than that in base64: `shop:hunter22`, alone and in a header.
        ("basic-auth", "c2hvcDpodW50ZXIyMg==", "base64(shop:<8>)"),
        ("authorization", "Basic c2hvcDpodW50ZXIyMg==", "Basic base64(shop:<8>)"),
        (
            "app.yaml",
            "headers:\n  Authorization: Basic c2hvcDpodW50ZXIyMg==\n",
            "headers:\n  Authorization: Basic base64(shop:<8>)\n",
        ),
        // `{"user":"shop","password":"hunter22"}`
        (
            "config-secret",
            "eyJ1c2VyIjoic2hvcCIsInBhc3N3b3JkIjoiaHVudGVyMjIifQ==",
            "base64({\"user\":\"shop\",\"password\":\"<8>\"})",
        ),
        (
            "mongo",
            "mongodb+srv://shop:shop@cluster0.example.net/shop?retryWrites=true",
            "mongodb+srv://shop:<4>@cluster0.example.net/shop?retryWrites=true",
        ),
    ] {
        assert_eq!(shape_of(name, value), expected, "{name}");
    }
}
