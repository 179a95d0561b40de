//! The environment and its class as a person's file has them.

use std::path::Path;

use anyhow::{Context, Result, bail};
use kube::ResourceExt;
use kulisse_core::api::{
    class::StagingClass, environment::StagingEnvironment, identity::is_dns_label, names,
};

use super::document::{Document, typed};

/// Longest name of an environment; the definition says so, too.
const LONGEST: usize = 40;

/// What a file holds of ours.
pub struct Asked {
    /// The environment.
    pub environment: StagingEnvironment,
    /// Classes that stand beside it.
    pub classes: Vec<StagingClass>,
}

/// The one environment among documents, and the classes; other objects are not looked at.
///
/// # Errors
///
/// If there is none or more than one, or a field is unknown or wrong.
pub fn asked(documents: &[Document], file: &Path) -> Result<Asked> {
    let environments: Vec<&Document> = of_kind(documents, "StagingEnvironment").collect();
    let document = match environments[..] {
        [one] => one,
        [] => bail!("there is no StagingEnvironment in {}", file.display()),
        [one, other, ..] => {
            bail!(
                "which StagingEnvironment is meant? There is one at {} and one at {}",
                one.place,
                other.place
            )
        }
    };
    let environment: StagingEnvironment = typed(document)?;
    right_name(&environment.name_any()).with_context(|| document.place.clone())?;
    Ok(Asked { environment, classes: classes(documents)? })
}

/// Checks the name of an environment, as its definition does.
///
/// # Errors
///
/// If it is not allowed.
pub fn right_name(name: &str) -> Result<()> {
    if is_dns_label(name) && name.len() <= LONGEST {
        return Ok(());
    }
    bail!(
        "metadata.name {name:?} is not allowed: at most {LONGEST} of a-z, 0-9 and '-', starting and ending with a letter or digit"
    )
}

/// The classes among documents.
///
/// # Errors
///
/// If a field is unknown or wrong.
pub fn classes(documents: &[Document]) -> Result<Vec<StagingClass>> {
    of_kind(documents, "StagingClass").map(typed).collect()
}

/// The class that an environment has, of those in a file.
///
/// # Errors
///
/// If it names one that is not there.
pub fn class_of(
    environment: &StagingEnvironment,
    classes: &[StagingClass],
) -> Result<Option<StagingClass>> {
    let named = environment.spec.class_name.as_deref();
    let fits = |class: &StagingClass| match named {
        Some(name) => class.name_any() == name,
        None => {
            class.annotations().get(names::DEFAULT_CLASS_ANNOTATION).is_some_and(|it| it == "true")
        }
    };
    let found = classes.iter().find(|it| fits(it)).cloned();
    match named {
        Some(name) if found.is_none() => None.with_context(|| {
            format!("the environment's class is {name}: give it with --class FILE («kubectl get stagingclass {name} -o yaml»)")
        }),
        _ => Ok(found),
    }
}

/// What to say if files hold classes and none of them is the environment's.
pub fn ignored(
    environment: &StagingEnvironment,
    given: &[StagingClass],
    used: Option<&StagingClass>,
) -> Option<String> {
    let first = given.first()?.name_any();
    let used = used.map(ResourceExt::name_any);
    if given.iter().any(|it| Some(it.name_any()) == used) {
        return None;
    }
    let why = match &environment.spec.class_name {
        Some(name) => format!("the environment's class is {name}"),
        None => format!(
            "the environment names no class, and it is not marked as the default: say className: {first}"
        ),
    };
    Some(format!("StagingClass {first} of the files is not used: {why}"))
}

fn of_kind<'a>(documents: &'a [Document], kind: &'a str) -> impl Iterator<Item = &'a Document> {
    documents.iter().filter(move |it| {
        let text = |field: &str| it.value.get(field).and_then(|it| it.as_str()).unwrap_or_default();
        text("kind") == kind && text("apiVersion").starts_with(names::GROUP)
    })
}

#[cfg(test)]
mod tests {
    use super::{super::document::parse, *};

    const HEAD: &str = "apiVersion: kulisse.dev/v1alpha1\nkind: ";

    fn read(text: &str) -> Result<Asked> {
        asked(&parse(text, "env.yaml")?, Path::new("env.yaml"))
    }

    fn environment(rest: &str) -> String {
        format!(
            "{HEAD}StagingEnvironment\nmetadata: {{name: pr-1}}\nspec: {{source: {{namespace: shop}}{rest}}}\n"
        )
    }

    #[test]
    fn a_class_is_the_one_named_or_the_default_or_none() {
        let class = |name: &str, default: bool| {
            let note = if default {
                ", annotations: {kulisse.dev/is-default-class: \"true\"}"
            } else {
                ""
            };
            format!("---\n{HEAD}StagingClass\nmetadata: {{name: {name}{note}}}\nspec: {{}}\n")
        };
        let of = |text: &str| {
            let Asked { environment, classes } = read(text).unwrap();
            class_of(&environment, &classes).map(|it| it.map(|it| it.name_any()))
        };
        let (plain, named) = (environment(""), environment(", className: a"));
        assert_eq!(of(&(plain.clone() + &class("a", false))).unwrap(), None);
        assert_eq!(
            of(&(plain + &class("a", false) + &class("b", true))).unwrap().as_deref(),
            Some("b")
        );
        assert_eq!(
            of(&(named.clone() + &class("b", true) + &class("a", false))).unwrap().as_deref(),
            Some("a")
        );
        assert!(of(&named).unwrap_err().to_string().contains("--class FILE"));
    }

    #[test]
    fn a_class_that_is_given_and_not_used_is_told() {
        let said = |spec: &str, annotations: &str| {
            let text = format!(
                "apiVersion: kulisse.dev/v1alpha1\nkind: StagingEnvironment\nmetadata: {{name: x}}\nspec: {{source: {{namespace: shop}}{spec}}}\n---\napiVersion: kulisse.dev/v1alpha1\nkind: StagingClass\nmetadata: {{name: a{annotations}}}\nspec: {{}}\n"
            );
            let Asked { environment, classes } = read(&text).unwrap();
            let used = class_of(&environment, &classes).unwrap_or_default();
            ignored(&environment, &classes, used.as_ref())
        };
        let default = ", annotations: {kulisse.dev/is-default-class: \"true\"}";
        assert_eq!(said("", default), None);
        assert_eq!(said(", className: a", ""), None);
        assert!(said("", "").is_some_and(|it| it.contains("say className: a")));
        assert!(said(", className: b", "").is_some_and(|it| it.contains("class is b")));
    }

    #[test]
    fn what_is_wrong_with_an_environment_is_said_with_its_place() {
        let told = |text: &str| format!("{:#}", read(text).err().unwrap());
        assert!(told("kind: ConfigMap\n").contains("no StagingEnvironment"));
        assert!(
            told(&environment(", lifecylce: {ttl: 2h}"))
                .contains("env.yaml:1: unknown field spec.lifecylce")
        );
        assert!(told(&environment(", suspend: maybe")).contains("spec.suspend: invalid type"));
        assert!(told(&environment("").replace("pr-1", "PR_1")).contains("metadata.name \"PR_1\""));
    }
}
