//! Which requests, or which events of which watches, a fault is about.

use std::fmt;

use super::{Parsed, Pattern};
use crate::request::{Request, Resource, Verb};

/// Which requests, or which events of which watches. What is not said is not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// What is asked.
    pub verb: VerbMatch,
    /// With what kind of objects.
    pub resource: Option<ResourceMatch>,
    /// `path /healthz`: of what is no object.
    pub path: Option<Pattern>,
    /// `in shop`: requests in this namespace.
    pub namespace: Option<Pattern>,
    /// `named web`: of this object.
    pub name: Option<Pattern>,
    /// `dry-run`: only requests of which nothing is kept. `no-dry-run`: only others.
    pub dry_run: Option<bool>,
    /// `event`: not the watch itself is meant, but what it says.
    pub events: Option<Events>,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerbMatch {
    /// `any`.
    Any,
    /// `read`: get, list and watch.
    Read,
    /// `write`: create, update, patch, apply, delete, deletecollection; objects only.
    Write,
    /// This.
    One(Verb),
}

/// A kind of objects: `secrets`, `deployments.apps`, `secrets.core`, `pods/log`, `*/status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceMatch {
    /// The plural.
    pub plural: Pattern,
    /// The API group; empty for the core group, written `core`. None for any group.
    pub group: Option<Pattern>,
    /// Which part.
    pub subresource: SubresourceMatch,
}

/// Which part of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubresourceMatch {
    /// The object itself.
    Itself,
    /// The object itself and all of its subresources: `/*`.
    Any,
    /// One subresource: `/status`.
    Named(String),
}

/// Which events of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Events {
    /// `event`: objects that are new, changed or gone; no bookmarks and no errors.
    Objects,
    /// `event deleted`.
    Only(EventType),
}

/// The type of an event of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// New.
    Added,
    /// Changed.
    Modified,
    /// Gone.
    Deleted,
    /// How far the watch has come.
    Bookmark,
    /// The end of the watch.
    Error,
}

impl EventType {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Added, Self::Modified, Self::Deleted, Self::Bookmark, Self::Error];

    /// As it is written in plans.
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Modified => "modified",
            Self::Deleted => "deleted",
            Self::Bookmark => "bookmark",
            Self::Error => "error",
        }
    }

    /// From the field `type` of an event: `ADDED`.
    pub fn of_field(field: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.word().eq_ignore_ascii_case(field))
    }
}

impl VerbMatch {
    /// The verb, if there is only one.
    pub fn only(self) -> Option<Verb> {
        match self {
            Self::One(verb) => Some(verb),
            Self::Any | Self::Read | Self::Write => None,
        }
    }

    fn fits(self, request: &Request) -> bool {
        match self {
            Self::Any => true,
            Self::Read => matches!(request.verb, Verb::Get | Verb::List | Verb::Watch),
            Self::Write => request.resource.is_some() && request.verb.writes(),
            Self::One(verb) => request.verb == verb,
        }
    }

    fn from_word(word: &str) -> Parsed<Self> {
        match word {
            "any" => Ok(Self::Any),
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            _ => {
                Verb::ALL.into_iter().find(|it| it.word() == word).map(Self::One).ok_or_else(|| {
                    format!(
                        "`{word}` is not a verb; allowed are any, read, write, {}",
                        Verb::ALL.map(Verb::word).join(", ")
                    )
                })
            }
        }
    }
}

impl ResourceMatch {
    fn fits(&self, it: &Resource) -> bool {
        self.plural.fits(&it.plural)
            && self.group.as_ref().is_none_or(|group| group.fits(group_word(&it.group)))
            && match &self.subresource {
                SubresourceMatch::Itself => it.subresource.is_none(),
                SubresourceMatch::Any => true,
                SubresourceMatch::Named(name) => it.subresource.as_ref() == Some(name),
            }
    }

    /// Exactly this kind.
    pub fn of(it: &Resource) -> Parsed<Self> {
        Self::from_word(&match &it.subresource {
            Some(subresource) => format!("{}.{}/{subresource}", it.plural, group_word(&it.group)),
            None => format!("{}.{}", it.plural, group_word(&it.group)),
        })
    }

    fn from_word(word: &str) -> Parsed<Self> {
        let plain = |it: &str| {
            !it.is_empty()
                && it.bytes().all(|it| it.is_ascii_alphanumeric() || b"-*.".contains(&it))
        };
        let (kind, subresource) = match word.split_once('/') {
            None => (word, SubresourceMatch::Itself),
            Some((kind, "*")) => (kind, SubresourceMatch::Any),
            Some((kind, part)) => (kind, SubresourceMatch::Named(part.to_owned())),
        };
        let (plural, group) = match kind.split_once('.') {
            None => (kind, None),
            Some((plural, group)) => (plural, Some(group)),
        };
        let parts = [Some(plural), group];
        let named = match &subresource {
            SubresourceMatch::Named(part) => plain(part) && !part.contains(['*', '.']),
            SubresourceMatch::Itself | SubresourceMatch::Any => true,
        };
        if !named || !parts.iter().flatten().all(|it| plain(it)) {
            return Err(format!(
                "`{word}` is not a kind of objects; allowed are plurals such as `secrets`, with a \
                 group `deployments.apps` (`secrets.core`), with a part `pods/log` (`pods/*`), and `*`"
            ));
        }
        if let Some(better) = usual(plural, group, &subresource) {
            return Err(format!("`{word}` is not how kinds are written: {better}"));
        }
        let group = group.map(str::parse).transpose()?;
        Ok(Self { plural: plural.parse()?, group, subresource })
    }
}

/// What is meant by what others write: `deployments.apps/v1`, `deployments.v1.apps`, `ConfigMaps`.
fn usual(plural: &str, group: Option<&str>, part: &SubresourceMatch) -> Option<String> {
    let with = |group: Option<&str>| match group.filter(|it| !it.is_empty()) {
        Some(group) => format!("{plural}.{group}"),
        None => plural.to_owned(),
    };
    if format!("{plural}{}", group.unwrap_or_default()).contains(|it: char| it.is_ascii_uppercase())
    {
        let small = with(group).to_ascii_lowercase();
        return Some(format!("as plurals in small letters: `{small}`"));
    }
    let (first, others) = group.map_or(("", ""), |it| it.split_once('.').unwrap_or((it, "")));
    let bare = match part {
        _ if is_version(first) => with(Some(others)),
        SubresourceMatch::Named(part) if is_version(part) => with(group),
        SubresourceMatch::Named(_) | SubresourceMatch::Itself | SubresourceMatch::Any => {
            return None;
        }
    };
    Some(format!("without a version: `{bare}`"))
}

/// `v1`, `v2beta1`.
fn is_version(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('v') else { return false };
    let of = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (major, stage) = rest.split_at(of(rest));
    let minor = ["alpha", "beta"].iter().find_map(|it| stage.strip_prefix(it));
    let minor_fits = minor.is_some_and(|it| !it.is_empty() && of(it) == it.len());
    !major.is_empty() && (stage.is_empty() || minor_fits)
}

/// The core group has no name of its own.
fn group_word(group: &str) -> &str {
    if group.is_empty() { "core" } else { group }
}

impl Match {
    /// Every request.
    pub fn any() -> Self {
        Self {
            verb: VerbMatch::Any,
            resource: None,
            path: None,
            namespace: None,
            name: None,
            dry_run: None,
            events: None,
        }
    }

    /// Whether a request, or the watch of an event, is meant.
    pub fn fits(&self, request: &Request) -> bool {
        let text = |pattern: &Option<Pattern>, text: Option<&str>| {
            pattern.as_ref().is_none_or(|pattern| text.is_some_and(|it| pattern.fits(it)))
        };
        let path = request.resource.is_none().then_some(request.path.as_str());
        self.verb.fits(request)
            && self
                .resource
                .as_ref()
                .is_none_or(|kind| request.resource.as_ref().is_some_and(|it| kind.fits(it)))
            && text(&self.path, path)
            && text(&self.namespace, request.namespace.as_deref())
            && text(&self.name, request.name.as_deref())
            && self.dry_run.is_none_or(|it| it == request.dry_run)
    }

    /// Whether an event of a watch that fits is meant.
    pub fn fits_event(&self, event: EventType) -> bool {
        match self.events {
            None => false,
            Some(Events::Objects) => {
                matches!(event, EventType::Added | EventType::Modified | EventType::Deleted)
            }
            Some(Events::Only(it)) => it == event,
        }
    }

    pub(super) fn from_words(words: &[&str]) -> Parsed<Self> {
        let Some((verb, mut rest)) = words.split_first() else {
            return Err("what is meant is missing: a fault begins with a verb, such as `create`, \
                        or with `any`"
                .to_owned());
        };
        let mut it = Self { verb: VerbMatch::from_word(verb)?, ..Self::any() };
        while let Some((word, more)) = rest.split_first() {
            rest = more;
            match *word {
                "in" => once(word, &mut it.namespace, argument(word, &mut rest)?.parse()?)?,
                "named" => once(word, &mut it.name, argument(word, &mut rest)?.parse()?)?,
                "path" => once(word, &mut it.path, argument(word, &mut rest)?.parse()?)?,
                "dry-run" | "no-dry-run" => once(word, &mut it.dry_run, *word == "dry-run")?,
                "event" => once(word, &mut it.events, events(&mut rest))?,
                _ if it.resource.is_none() && it.is_bare() => {
                    it.resource = Some(ResourceMatch::from_word(word)?);
                }
                _ => {
                    return Err(format!(
                        "`{word}` is not understood here; after verb and kind are allowed: in \
                         NAMESPACE, named NAME, path PATH, dry-run, no-dry-run, event [TYPE], #N"
                    ));
                }
            }
        }
        if it.path.is_some() && it.resource.is_some() {
            return Err("a fault has a kind of objects or a path, not both".to_owned());
        }
        if it.events.is_some() && it.verb.only() != Some(Verb::Watch) {
            return Err("`event` needs the verb `watch`".to_owned());
        }
        Ok(it)
    }

    /// Whether nothing but the verb has been said.
    fn is_bare(&self) -> bool {
        *self == Self { verb: self.verb, ..Self::any() }
    }
}

fn once<T>(word: &str, place: &mut Option<T>, value: T) -> Parsed<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("`{word}` is said twice, or said and denied")),
    }
}

fn argument<'a>(word: &str, rest: &mut &[&'a str]) -> Parsed<&'a str> {
    let (first, more) = rest.split_first().ok_or(format!("`{word}` needs something after it"))?;
    *rest = more;
    Ok(first)
}

fn events(rest: &mut &[&str]) -> Events {
    let found =
        rest.first().and_then(|word| EventType::ALL.into_iter().find(|it| it.word() == *word));
    match found {
        None => Events::Objects,
        Some(it) => {
            *rest = &rest[1..];
            Events::Only(it)
        }
    }
}

impl fmt::Display for VerbMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Read => f.write_str("read"),
            Self::Write => f.write_str("write"),
            Self::One(verb) => write!(f, "{verb}"),
        }
    }
}

impl fmt::Display for ResourceMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.plural)?;
        if let Some(group) = &self.group {
            write!(f, ".{group}")?;
        }
        match &self.subresource {
            SubresourceMatch::Itself => Ok(()),
            SubresourceMatch::Any => f.write_str("/*"),
            SubresourceMatch::Named(name) => write!(f, "/{name}"),
        }
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.verb)?;
        if let Some(resource) = &self.resource {
            write!(f, " {resource}")?;
        }
        for (word, pattern) in
            [("path", &self.path), ("in", &self.namespace), ("named", &self.name)]
        {
            if let Some(pattern) = pattern {
                write!(f, " {word} {pattern}")?;
            }
        }
        match self.dry_run {
            Some(true) => f.write_str(" dry-run")?,
            Some(false) => f.write_str(" no-dry-run")?,
            None => {}
        }
        match self.events {
            Some(Events::Objects) => f.write_str(" event"),
            Some(Events::Only(it)) => write!(f, " event {}", it.word()),
            None => Ok(()),
        }
    }
}
