//! Credentials among the arguments of well-known clients: `mysql -uroot -phunter2`.

use super::pattern::Pattern;

/// A client's name, what stands directly before the password, and the password.
macro_rules! behind {
    ($client:literal, $flag:literal) => {
        Pattern::new(concat!(
            r"(\b",
            $client,
            r"(?:[^|;&\n]*?\s)?",
            $flag,
            r#")("[^"$]+"|'[^'$]+'|[^\s"'`$|;&<>(){}\\-][^\s"'`|;&<>()\\]*)"#
        ))
    };
}

/// A word that is in every line with a client, and what stands before its password. A variable or a
/// file's content is none.
pub(super) static CLIENTS: [(&str, Pattern); 8] = [
    ("mysql", behind!(r"(?:mysql|mysql(?:dump|admin|import|show|check|sh))\s", r"-p")),
    ("mariadb", behind!(r"mariadb(?:-(?:dump|admin|import|show|check))?\s", r"-p")),
    ("redis-cli", behind!(r"redis-cli\s", r"(?:-a|--pass)\s+")),
    ("curl", behind!(r"curl\s", r#"(?:-\w*u|--user)[\s=]*["']?[^\s:"'$]+:"#)),
    (
        "rabbitmqctl",
        behind!(r"rabbitmqctl\s", r"(?:add_user|change_password|authenticate_user)\s+\S+\s+"),
    ),
    ("mongo", behind!(r"mongo(?:sh|dump|restore|import|export)?\s", r"-p\s*")),
    ("ldap", behind!(r"ldap(?:search|add|modify|delete|whoami|passwd)\s", r"-\w*w\s+")),
    ("alias", behind!(r"mc\s", r"alias\s+set\s+\S+\s+\S+\s+\S+\s+")),
];

/// Whether an argument only stands for a password, as in a manual.
pub(super) fn is_example(argument: &str) -> bool {
    let word = argument.trim_matches(['"', '\'']).to_ascii_lowercase();
    matches!(word.as_str(), "password" | "passwd" | "pass" | "pw" | "secret")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::redact;

    #[test]
    fn every_pattern_compiles() {
        assert!(CLIENTS.iter().all(|(_, pattern)| pattern.get().is_some()));
    }

    #[test]
    fn passwords_of_clients_are_masked_wherever_they_stand() {
        for (line, masked) in [
            ("mysqldump -uroot -pZq81 shop", "mysqldump -uroot -p••• shop"),
            ("x=$(mysql -uroot -p'Z q' -e ok)", "x=$(mysql -uroot -p••• -e ok)"),
            ("mariadb-admin ping -pZq81", "mariadb-admin ping -p•••"),
            ("redis-cli -h redis -a Zq81 ping", "redis-cli -h redis -a ••• ping"),
            ("curl -su ops:Zq81 https://x", "curl -su ops:••• https://x"),
            ("curl --user \"ops:Zq81\" https://x", "curl --user \"ops:•••\" https://x"),
            ("rabbitmqctl -q add_user app Zq81", "rabbitmqctl -q add_user app •••"),
            ("mongosh -u root -p Zq81 admin", "mongosh -u root -p ••• admin"),
            ("ldapsearch -x -D cn=a -w Zq81 -b dc=x", "ldapsearch -x -D cn=a -w ••• -b dc=x"),
            (
                "mc alias set m http://minio:9000 acme Zq81",
                "mc alias set m http://minio:9000 acme •••",
            ),
        ] {
            assert_eq!(redact(line), masked);
        }
    }

    #[test]
    fn other_arguments_stay() {
        for line in [
            "mysql -uroot -p$MYSQL_PWD -e ok",
            "mysql -uroot -p\"$MYSQL_PWD\" -e ok",
            "mysql -uroot -p${MYSQL_PWD} -e ok",
            "mysql -uroot -p",
            "mysql --protocol tcp -P3306",
            "redis-cli -a \"$REDIS_AUTH\" ping",
            "redis-cli -h redis ping | grep -a PONG",
            "curl -u \"$USER:$PASS\" https://x",
            "curl -u user:password https://x",
            "curl -fsS http://auth:8080/healthz",
            "rabbitmqctl add_user \"$U\" \"$P\" 2>/dev/null || true",
            "rabbitmqctl await_startup",
            "mongosh --port 27017 --eval ok",
            "ldapsearch -x -W -b dc=x",
            "mc alias set m $URL $USER $PASS",
            "mc ls m",
        ] {
            assert_eq!(redact(line), line);
        }
    }
}
