//! Whose consent there is to take a Secret of the source as it is.

use globset::GlobMatcher;

use crate::{
    api::names::USABLE_LABEL,
    plan::{context::Context, pattern},
};

/// Types of Secrets that nodes pull images with, and the key that they read. It needs the grant alone: no
/// Pod reads it.
const PULL: [(&str, &str); 2] = [
    ("kubernetes.io/dockerconfigjson", ".dockerconfigjson"),
    ("kubernetes.io/dockercfg", ".dockercfg"),
];

/// The lists of the source's grants and of the class.
#[derive(Debug)]
pub(in crate::plan) struct Consent {
    /// Whether manifests are cloned: nothing is taken out of a namespace that is not read.
    unread: bool,
    granted: Vec<GlobMatcher>,
    allowed: Vec<GlobMatcher>,
}

/// Who has not consented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plan) enum Missing {
    /// The owners of the source, in a grant.
    Grant,
    /// The owners of the source, by letting the operator read Secrets.
    Reading,
    /// The class.
    Class,
    /// Anybody's: the namespace itself is not read.
    Source,
}

impl Consent {
    pub(in crate::plan) fn of(context: &Context) -> Self {
        // What is no glob consents to nothing.
        let compiled = |globs: &[String]| {
            globs.iter().filter_map(|glob| pattern::glob("", glob).ok()).collect()
        };
        Self {
            unread: context.request.spec.source.manifests.is_some(),
            granted: compiled(&context.request.granted_secrets),
            allowed: compiled(&context.request.class.secrets.allow_copy),
        }
    }

    /// Whether a pull secret may come along.
    pub(in crate::plan) fn grants(&self, name: &str) -> bool {
        !self.unread && self.granted.iter().any(|glob| glob.is_match(name))
    }

    /// Whether a value of a Secret of that type may come along as it is.
    pub(super) fn copies(&self, name: &str, kind: &str, key: &str) -> Result<(), Missing> {
        if self.unread {
            return Err(Missing::Source);
        }
        if !self.grants(name) {
            return Err(Missing::Grant);
        }
        let allowed = pulls(kind, key) || self.allowed.iter().any(|glob| glob.is_match(name));
        if allowed { Ok(()) } else { Err(Missing::Class) }
    }
}

/// Whether a Secret of this type is what images are pulled with.
pub(in crate::plan) fn is_pull(kind: &str) -> bool {
    PULL.iter().any(|(of, _)| *of == kind)
}

/// Whether it is that key of it by which images are pulled.
pub(in crate::plan) fn pulls(kind: &str, key: &str) -> bool {
    PULL.contains(&(kind, key))
}

impl Missing {
    /// What is missing of the consent to copy a Secret, and what gives it.
    pub(super) fn told(self, secret: &str, context: &Context) -> (&'static str, String, String) {
        let source = context.source();
        let asker = &context.request.environment.namespace;
        match self {
            Self::Grant => (
                "copy-not-granted",
                format!("policy Copy: the owners of {source} have not granted it to {asker}"),
                format!(
                    "# in the StagingGrant in {source} that names {asker}\nspec:\n  secrets: [{secret}]"
                ),
            ),
            Self::Reading => (
                "copy-not-granted",
                format!("policy Copy: the operator may not read the Secrets of {source}"),
                format!(
                    "its owners type «{}»",
                    context.request.cluster.operator.grant(source, asker.as_str())
                ),
            ),
            Self::Source => (
                "copy-not-granted",
                format!("policy Copy: of manifests nothing is taken out of {source}"),
                format!(
                    "# of a Secret in {asker} with the label {USABLE_LABEL}: \"true\"\nspec:\n  secrets:\n    rules:\n      - {{ name: {secret}, policy: From, from: {{ name: <Secret> }} }}"
                ),
            ),
            Self::Class => (
                "copy-not-allowed",
                "policy Copy: the class of the environment does not allow it".to_owned(),
                format!("# in the StagingClass\nspec:\n  secrets:\n    allowCopy: [{secret}]"),
            ),
        }
    }
}
