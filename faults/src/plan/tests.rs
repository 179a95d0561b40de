//! Plans as text: what is printed is read again, and what cannot be read says what can.

use std::time::Duration;

use proptest::{option, prelude::*, sample::select};

use super::*;
use crate::request::{Request, Verb};

fn plan(text: &str) -> Plan {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_plan_is_printed_as_it_was_written() {
    for text in [
        "nothing",
        "any: pass",
        "any #30%: status 503",
        "create secrets in kulisse-system #2: kill-after",
        "write no-dry-run #7: status 429 retry-after 2s",
        "write #1: status-after 504",
        "get path /healthz: hang",
        "patch deployments.apps/scale in shop named web #2+: delay 250ms",
        "apply secrets.core: hold 2m",
        "delete */* in stg-* #1-3: truncate",
        "list #1: gone",
        "watch jobs.batch event deleted #1: drop",
        "watch event #4: reorder",
        "watch #1: freeze-watch",
        "create namespaces #1: kill-after; delete namespaces #1: kill-before TERM",
        "get clusterroles.rbac.authorization.k8s.io named system:node #1: reset",
    ] {
        assert_eq!(plan(text).to_string(), text);
    }
}

#[test]
fn a_plan_can_be_written_with_arrows_and_in_any_order_of_its_terms() {
    let expected = plan("create secrets in shop named web #2: kill-after");
    for text in [
        "create secrets in shop named web → 2 → kill-after",
        "create secrets in shop named web -> #2 -> kill-after",
        "create secrets named web in shop #2: kill-after",
        "create secrets in shop named web #2 → kill-after",
        "  create  secrets #2 in shop named web :kill-after KILL ",
    ] {
        assert_eq!(plan(text), expected, "{text}");
    }
    assert_eq!(plan("any → drip"), plan("any: drip 1s"));
}

#[test]
fn a_file_has_a_plan_on_each_line() {
    let text = "# learnt\n\nany #1: reset\n#\n   \ncreate #2: hang; any: pass\n";
    let plans = Plan::read_file(text).expect("plans");
    assert_eq!(plans, [plan("any #1: reset"), plan("create #2: hang; any: pass")]);
    let error = Plan::read_file("any: reset\nany: rest\n").expect_err("not a plan").to_string();
    assert!(error.starts_with("`any: rest`: line 2: `rest` is not an action"), "{error}");
}

#[test]
fn what_is_not_a_plan_says_what_is_allowed() {
    let table = [
        ("create secrets", "a fault is `MATCH #N: ACTION` or `MATCH → N → ACTION`"),
        ("a → b → c → d", "a fault is `MATCH #N: ACTION`"),
        (": reset", "a fault begins with a verb"),
        ("any:", "the action is missing"),
        ("make secrets: reset", "allowed are any, read, write, get, list, watch, create"),
        ("create secrets kill: reset", "after verb and kind are allowed: in NAMESPACE"),
        ("create in: reset", "`in` needs something after it"),
        ("create in a in b: reset", "`in` is said twice"),
        ("create dry-run no-dry-run: reset", "said and denied"),
        ("create pods/: reset", "`pods/` is not a kind of objects; allowed are plurals"),
        ("create .apps: reset", "`.apps` is not a kind of objects"),
        ("create pods named ä: reset", "`ä` is not a name"),
        ("get pods path /healthz: reset", "a kind of objects or a path, not both"),
        ("create pods event: drop", "`event` needs the verb `watch`"),
        ("create #0: reset", "`#0` does not say which ones; allowed are `#2` (the second)"),
        ("create #3-2: reset", "`#3-2` does not say which ones"),
        ("create #101%: reset", "`#101%` does not say which ones"),
        ("create #+2: reset", "`#+2` does not say which ones"),
        ("create: destroy", "`destroy` is not an action; allowed are pass, delay 2s"),
        ("create: reset 2s", "`reset` takes no `2s`"),
        ("create: delay", "`delay` takes a time, such as `delay 2s`"),
        ("create: delay 2h", "`2h` is not a time; allowed are whole `ms`, `s` and `m`"),
        ("create: delay 1.5s", "`1.5s` is not a time"),
        ("create: delay 99999999999999999m", "is not a time"),
        ("create: status", "`status` takes a code"),
        ("create: status 200", "`200` is not the status of an error; allowed are 400 to 599"),
        ("create: status 429 retry-after 1500ms", "`retry-after` takes whole seconds"),
        ("create: kill-after HUP", "`HUP` is not a signal; allowed are KILL, TERM, INT"),
        ("create: drop", "`drop` cannot happen to a request; allowed are pass, delay 2s, hold 2s"),
        (
            "watch pods event: hang",
            "`hang` cannot happen to an event; allowed are pass, delay 2s, dup",
        ),
        ("create #2 → 3 → reset", "which ones is said twice: `#2` and `3`"),
        ("create deployments.apps/v1: reset", "without a version: `deployments.apps`"),
        ("create deployments.v1.apps: reset", "without a version: `deployments.apps`"),
        ("create pods.v1: reset", "without a version: `pods`"),
        ("create things.v1beta2.example.org: reset", "version: `things.example.org`"),
        ("create ConfigMaps: reset", "in small letters: `configmaps`"),
        ("create deployment.Apps: reset", "in small letters: `deployment.apps`"),
        ("list pods: freeze-watch", "`freeze-watch` needs the verb `watch`"),
    ];
    for (text, expected) in table {
        let error = text.parse::<Plan>().expect_err(text).to_string();
        assert!(error.contains(expected), "{text}\n  says {error}\n  not  {expected}");
        assert!(error.starts_with('`'), "{error}");
    }
}

#[test]
fn a_match_looks_only_at_what_it_says() {
    let table = [
        ("any", "GET", "/healthz", true),
        ("read", "GET", "/healthz", true),
        ("write", "POST", "/somewhere", false),
        ("any path /health*", "GET", "/healthz", true),
        ("any path /api/*", "GET", "/api/v1/pods", false),
        ("any *", "GET", "/api/v1/pods", true),
        ("any *", "GET", "/healthz", false),
        ("any videos/v1x", "GET", "/apis/example.org/v1/videos/a/v1x", true),
        ("create pods", "POST", "/api/v1/namespaces/shop/pods", true),
        ("create pods", "POST", "/api/v1/namespaces/shop/pods/a/eviction", false),
        ("create pods/*", "POST", "/api/v1/namespaces/shop/pods/a/eviction", true),
        ("create pods/eviction", "POST", "/api/v1/namespaces/shop/pods/a/eviction", true),
        ("list pods", "GET", "/apis/metrics.k8s.io/v1/pods", true),
        ("list pods.core", "GET", "/apis/metrics.k8s.io/v1/pods", false),
        ("list pods.core", "GET", "/api/v1/pods", true),
        ("list *.apps", "GET", "/apis/apps/v1/deployments", true),
        ("list pods in *", "GET", "/api/v1/pods", false),
        ("list pods in s*p", "GET", "/api/v1/namespaces/shop/pods", true),
        ("get pods named a*b*c", "GET", "/api/v1/namespaces/shop/pods/a-b-b-c", true),
        ("get pods named a*b*c", "GET", "/api/v1/namespaces/shop/pods/a-c-b", false),
        ("get pods named ab*ba", "GET", "/api/v1/namespaces/shop/pods/aba", false),
        ("write dry-run", "POST", "/api/v1/namespaces?dryRun=All", true),
        ("write no-dry-run", "POST", "/api/v1/namespaces?dryRun=All", false),
        ("write", "POST", "/api/v1/namespaces?dryRun=All", true),
    ];
    for (matches, method, uri, expected) in table {
        let fault: Fault = format!("{matches}: pass").parse().expect(matches);
        let request = Request::new(method, uri, None);
        assert_eq!(fault.matches.fits(&request), expected, "{matches} of {method} {uri}");
    }
}

#[test]
fn a_kind_that_was_seen_is_matched_exactly() {
    for (uri, other) in [
        ("/api/v1/namespaces/shop/pods/a/log", "/api/v1/namespaces/shop/pods/a"),
        ("/apis/apps/v1/namespaces/shop/deployments/a", "/apis/x/v1/namespaces/shop/deployments/a"),
    ] {
        let it = Request::new("GET", uri, None);
        let exactly = ResourceMatch::of(it.resource.as_ref().expect("objects")).expect("a kind");
        let matches = Match { resource: Some(exactly), ..Match::any() };
        assert!(matches.fits(&it));
        assert!(!matches.fits(&Request::new("GET", other, None)));
    }
}

fn times() -> impl Strategy<Value = Duration> {
    any::<u32>().prop_map(|it| Duration::from_millis(it.into()))
}

fn actions() -> impl Strategy<Value = Action> {
    let signal = || select(Signal::ALL.as_slice());
    let status = (400_u16..600, any::<bool>(), option::of(any::<u32>()))
        .prop_map(|(code, committed, retry_after)| Action::Status { code, committed, retry_after });
    prop_oneof![
        select(vec![
            Action::Pass,
            Action::Swap,
            Action::DropBefore,
            Action::DropAfter,
            Action::Reset,
            Action::Duplicate,
            Action::Gone,
            Action::Hang,
            Action::Truncate,
            Action::FreezeWatch,
            Action::Drop,
            Action::Reorder,
            Action::Close,
        ]),
        times().prop_map(Action::Delay),
        times().prop_map(Action::Hold),
        times().prop_map(Action::Drip),
        status,
        signal().prop_map(Action::KillBefore),
        signal().prop_map(Action::KillAfter),
        signal().prop_map(Action::KillAnswered),
    ]
}

fn patterns() -> impl Strategy<Value = Pattern> {
    "[a-z*._/:%][a-z0-9*._/:%-]{0,9}".prop_map(|it| it.parse().expect("a pattern"))
}

fn kinds() -> impl Strategy<Value = ResourceMatch> {
    let part = prop_oneof![
        Just(SubresourceMatch::Itself),
        Just(SubresourceMatch::Any),
        "[a-z]{1,6}".prop_map(SubresourceMatch::Named),
    ];
    // Not among the words that may follow the verb.
    let plural = "[a-z]{1,4}s|\\*".prop_map(|it| it.parse().expect("a plural"));
    let group = "[a-z]{1,4}(\\.[a-z]{1,4}){0,2}".prop_map(|it| it.parse().expect("a group"));
    (plural, option::of(group), part).prop_map(|(plural, group, subresource)| ResourceMatch {
        plural,
        group,
        subresource,
    })
}

fn matches() -> impl Strategy<Value = Match> {
    let verb = prop_oneof![
        select(vec![VerbMatch::Any, VerbMatch::Read, VerbMatch::Write]),
        select(Verb::ALL.as_slice()).prop_map(VerbMatch::One),
    ];
    let events = prop_oneof![
        Just(Events::Objects),
        select(EventType::ALL.as_slice()).prop_map(Events::Only),
    ];
    let terms = (option::of(patterns()), option::of(patterns()), option::of(any::<bool>()));
    (verb, option::of(kinds()), option::of(patterns()), terms, option::of(events)).prop_map(
        |(verb, resource, path, (namespace, name, dry_run), events)| Match {
            verb: if events.is_some() { VerbMatch::One(Verb::Watch) } else { verb },
            path: if resource.is_some() { None } else { path },
            resource,
            namespace,
            name,
            dry_run,
            events,
        },
    )
}

fn nths() -> impl Strategy<Value = Nth> {
    let number = || 1..u64::MAX;
    prop_oneof![
        (number(), number()).prop_map(|(a, b)| Nth::Between(a.min(b), a.max(b))),
        number().prop_map(Nth::From),
        (1_u8..=100).prop_map(Nth::Share),
    ]
}

fn faults() -> impl Strategy<Value = Fault> {
    (matches(), nths(), actions())
        .prop_map(|(matches, nth, action)| Fault { matches, nth, action })
        .prop_filter("the action can happen to it", |it| it.action.fits(&it.matches).is_ok())
}

proptest! {
    #[test]
    fn every_plan_that_is_printed_is_read_as_the_same(
        faults in proptest::collection::vec(faults(), 0..4)
    ) {
        let written = Plan { faults };
        prop_assert_eq!(written.to_string().parse::<Plan>(), Ok(written));
    }

    #[test]
    fn no_text_is_too_strange_to_be_answered(text in "\\PC{0,40}") {
        let _ = text.parse::<Plan>();
    }
}
