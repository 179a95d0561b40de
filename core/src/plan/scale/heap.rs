//! Flags that fix how much memory a process takes, whatever its limit is.

use std::{collections::BTreeMap, sync::LazyLock};

use regex::Regex;
use serde_json::json;

use super::{
    super::{
        context::Context,
        kinds,
        log::Log,
        object::{Key, Object},
        quantity::Quantity,
        settle,
    },
    texts,
};
use crate::api::staging_plan::Severity;

/// A flag: how it is written (figure, unit), and bytes of the figure without a unit.
struct Flag {
    written: Regex,
    bytes: i64,
}

/// How much a process takes with its heap, in hundredths of that.
const BESIDE_HEAP: u32 = 125;

const KIB: i64 = 1024;
const MIB: i64 = 1024 * KIB;

/// JVM, Go, Node.js, PostgreSQL, MySQL, Redis.
static FLAGS: LazyLock<Vec<Flag>> = LazyLock::new(|| {
    [
        (r"-Xmx(\d+)([kmgt]?)\b", 1),
        (r"-XX:MaxHeapSize=(\d+)([kmgt]?)\b", 1),
        (r"\bGOMEMLIMIT=(\d+)([kmgt]?)i?b?\b", 1),
        (r"--max[-_]old[-_]space[-_]size[= ](\d+)()\b", MIB),
        (r"\bshared_buffers\s*=\s*'?(\d+)([kmgt]?)b?\b", 8 * KIB),
        (r"\binnodb[-_]buffer[-_]pool[-_]size\s*=\s*(\d+)([kmgt]?)\b", 1),
        (r"\bmaxmemory[= ]\s*(\d+)([kmg]?)b?\b", 1),
    ]
    .into_iter()
    .filter_map(|(written, bytes)| {
        Some(Flag { written: Regex::new(&format!("(?i){written}")).ok()?, bytes })
    })
    .collect()
});

/// Names every container whose limit an override sets below what a flag of its own takes.
pub(super) fn fits(
    objects: &[Object],
    numbers: &BTreeMap<Key, usize>,
    context: &Context,
    log: &mut Log,
) {
    for (at, object) in objects.iter().enumerate() {
        let resources = context.scaled(&object.key()).and_then(|it| it.resources.as_ref());
        let limits = resources.and_then(|it| it.limits.as_ref());
        let limit = limits.and_then(|it| Quantity::parse(&it.get("memory")?.0));
        let Some(limit) = limit else { continue };
        let containers = kinds::containers(object);
        if containers.is_empty() {
            continue;
        }
        for (of, path) in texts::own(objects, numbers, at) {
            let told = &objects[of];
            // A flag and its value may be two arguments.
            let name = texts::flag_before(told, &path)
                .map_or_else(|| format!("{}=", texts::name(told, &path)), |it| format!("{it} "));
            let text = format!("{name}{}", told.text(&path));
            let Some((flag, heap)) = taken(&text).into_iter().find(|it| it.1 >= limit) else {
                continue;
            };
            let enough = heap.percent(BESIDE_HEAP).show("memory");
            // What stands in a ConfigMap may be for any container.
            let container = containers.iter().find(|it| path.starts_with(&format!("{it}/")));
            let container = container.or(containers.last()).cloned().unwrap_or_default();
            log.find(
                Severity::Warns,
                &object.key(),
                &format!("{container}/resources/limits/memory"),
                "heap",
                format!(
                    "{flag} ({path} of {}) takes all of the limit of {} that spec.scale.overrides gives: the process would be killed",
                    objects[of].key(),
                    limit.show("memory")
                ),
                format!(
                    "# in the place of the entry that is there, whose limit may as well go\n{}",
                    settle::environment(&json!({ "scale": { "overrides": [{
                        "target": settle::pattern(&object.key()),
                        "resources": { "limits": { "memory": enough } },
                    }] } }))
                ),
            );
        }
    }
}

/// What flags in a text take, as written and in bytes.
fn taken(text: &str) -> Vec<(String, Quantity)> {
    let found = FLAGS.iter().flat_map(|flag| {
        flag.written.captures_iter(text).filter_map(|found| {
            let figure: i64 = found.get(1)?.as_str().parse().ok()?;
            let unit = match found.get(2)?.as_str().to_ascii_lowercase().as_str() {
                "k" => KIB,
                "m" => MIB,
                "g" => KIB * MIB,
                "t" => MIB * MIB,
                _ => flag.bytes,
            };
            let written = found.get(0)?.as_str().trim().to_owned();
            Some((written, Quantity::whole(figure).times(unit)))
        })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_in_their_own_units() {
        for (text, expected) in [
            ("JAVA_OPTS=-Xms1g -Xmx2g -server", "2Gi"),
            ("=-XX:MaxHeapSize=512M", "512Mi"),
            ("=-Xmx3072k", "3Mi"),
            ("=-Xmx1t", "1Ti"),
            ("=-Xmx4096", "4Ki"),
            ("GOMEMLIMIT=1500MiB", "1500Mi"),
            ("NODE_OPTIONS=--max-old-space-size=4096", "4Gi"),
            ("postgresql.conf=shared_buffers = '1GB'", "1Gi"),
            ("=shared_buffers=16384", "128Mi"),
            ("my.cnf=[mysqld]\ninnodb_buffer_pool_size = 2G", "2Gi"),
            ("=--maxmemory 256mb", "256Mi"),
            ("redis.conf=maxmemory 1gb\nmaxmemory-policy allkeys-lru", "1Gi"),
        ] {
            let found: Vec<String> = taken(text).iter().map(|it| it.1.show("memory")).collect();
            assert_eq!(found, [expected], "{text}");
        }
        assert!(taken("-Xmx999999999999999999999g maxmemory 0x GOMEMLIMIT=off").is_empty());
    }
}
