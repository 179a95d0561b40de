//! Code, programs and single lines in Secrets: what reads a credential elsewhere is none.

use super::*;

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn code_is_kept_and_what_it_brings_along_is_not() {
    for (name, value, expected) in [
        // Code that reads a credential, and code that holds one.
        (
            "local_settings.py",
            "DEBUG = False\nSECRET_KEY = env('SECRET_KEY')\nAPI_TOKEN = Path(\"/run/secrets/token\").read_text().strip()\nPASSWORD = get(\"db.password\", default=\"\")\nDB_PASSWORD = env('DB_PASSWORD', 'hunter2')\n",
            "DEBUG = False\nSECRET_KEY = env('SECRET_KEY')\nAPI_TOKEN = Path(\"/run/secrets/token\").read_text().strip()\nPASSWORD = get(\"db.password\", default=\"\")\nDB_PASSWORD = env('DB_PASSWORD', '<7>')\n",
        ),
        (
            "config.py",
            "import os\nSECRET_KEY = env('SECRET_KEY', 'vwIxYz12')\nDATABASES = {\"default\": {\"USER\": \"app\", \"PASSWORD\": os.environ[\"DB_PASSWORD\"]}}\nA = {'PASSWORD': os.environ.get('A', 'hunter2'), 'USER': 'x'}\n",
            "import os\nSECRET_KEY = env('SECRET_KEY', '<8>')\nDATABASES = {\"default\": {\"USER\": \"app\", \"PASSWORD\": os.environ[\"DB_PASSWORD\"]}}\nA = {'PASSWORD': os.environ.get('A', '<7>'), 'USER': 'x'}\n",
        ),
        (
            "app.env",
            "A_PASSWORD=\"${A_PASSWORD:-$POSTGRES_PASSWORD}\"\nB_PASSWORD=$(< /run/secrets/db)\nC_PASSWORD=$(openssl rand -hex 16)\nD_PASSWORD=$(echo hunter2)\nE_PASSWORD=`cat /run/e`\n",
            "A_PASSWORD=\"${A_PASSWORD:-$POSTGRES_PASSWORD}\"\nB_PASSWORD=$(< /run/secrets/db)\nC_PASSWORD=$(openssl rand -hex 16)\nD_PASSWORD=<15>\nE_PASSWORD=`cat /run/e`\n",
        ),
        (
            "tpl.yaml",
            "password: \"{{ .Env.DB_PASSWORD | toString }}\"\ntoken: {{ getv \"/db/password\" }}\npw: \"{{ lookup('env','DB_PASSWORD') }}\"\nsecret: \"{{ .Values.x | default \"hunter2\" }}\"\n",
            "password: \"{{ .Env.DB_PASSWORD | toString }}\"\ntoken: {{ getv \"/db/password\" }}\npw: \"{{ lookup('env','DB_PASSWORD') }}\"\nsecret: <37>\n",
        ),
        // A program that says nothing, and some that do.
        (
            "run.sh",
            "#!/bin/sh\nset -e\nmkdir -p /data/git\nexec app --config \"$CONFIG\" serve\n",
            "#!/bin/sh\nset -e\nmkdir -p /data/git\nexec app --config \"$CONFIG\" serve\n",
        ),
        (
            "run.sh",
            "#!/bin/sh\nexec app --url http://db/aB3dE5gH7jK9mN1p\n",
            "! text in a format that cannot be taken apart safely",
        ),
        (
            "init.sh",
            "#!/bin/sh\nsuperset init\nsuperset fab create-admin --username admin --password hunter2\n",
            "! text in a format that cannot be taken apart safely",
        ),
        (
            "backup.sh",
            "#!/bin/sh\nset -e\nPGPASSWORD=hunter2 pg_dump -h $HOST\n",
            "! text in a format that cannot be taken apart safely",
        ),
        (
            "backup.sh",
            "#!/bin/sh\nset -e\n# DB_PASSWORD=hunter2\n",
            "! text in a format that cannot be taken apart safely",
        ),
        (
            "backup.sh",
            "#!/bin/sh\nset -e\ncurl -u ops:hunter2 $URL\n",
            "! text in a format that cannot be taken apart safely",
        ),
        (
            "backup.sh",
            "#!/bin/sh\nset -e\necho shop:hunter2 | enter\n",
            "! text in a format that cannot be taken apart safely",
        ),
        ("password.sh", "#!/bin/sh\nserve\nhunter2\n", "<9>\n<5>\n<7>\n"),
        // One line of a file.
        ("metrics", "ENABLED=false", "ENABLED=false"),
        ("repository", "ROOT=/data/git/repos", "ROOT=/data/git/repos"),
        ("line", "LEVEL: info", "LEVEL: info"),
        ("line", "KEY=hunter2", "<11>"),
        ("line", "PHRASE: correct horse battery staple", "<36>"),
        ("EXTRA_HEADERS", "Authorization: Bearer Ho8s7d6f", "Authorization: Bearer <8>"),
        ("ADMIN_PASSWORD", "ABC=hunter2", "<11>"),
        ("VALUE", "aBc=hunter2", "<11>"),
        // How long and how, whatever it is called.
        ("ID_TOKENS", "24h", "24h"),
        ("JWT", "HS256", "HS256"),
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
        (
            "dex.yaml",
            "expiry:\n  idTokens: \"24h\"\n  signingKeys: 6h\noauth2:\n  passwordConnector: ldap\ncookie:\n  sameSite: lax\n  maxAge: 86415\n",
            "expiry:\n  idTokens: \"24h\"\n  signingKeys: 6h\noauth2:\n  passwordConnector: ldap\ncookie:\n  sameSite: lax\n  maxAge: 86415\n",
        ),
        (
            "realm.json",
            "{\"accessTokenLifespan\": 375, \"requiredCredentials\": [\"password\"], \"secret\": \"hunter2\"}",
            "{\"accessTokenLifespan\": 375, \"requiredCredentials\": [\"password\"], \"secret\": \"<7>\"}",
        ),
        (
            "database.yml",
            "production:\n  password: <%= Rails.application.credentials.dig(:db, :password) %>\n  token: \"<%= File.read('/run/t').strip %>\"\n  host: db\n",
            "production:\n  password: <%= Rails.application.credentials.dig(:db, :password) %>\n  token: \"<%= File.read('/run/t').strip %>\"\n  host: db\n",
        ),
        (
            "jenkins.yaml",
            "unclassified:\n  password: \"${readFile:/run/secrets/pw}\"\n  url: x\n",
            "unclassified:\n  password: \"${readFile:/run/secrets/pw}\"\n  url: x\n",
        ),
    ] {
        assert_eq!(shape_of(name, value), expected, "{name}: {value}");
    }
}
