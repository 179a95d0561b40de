//! Whose consent there is to take a Secret of the source as it is.

use globset::GlobMatcher;

use crate::plan::{context::Context, pattern};

/// Types of Secrets that nodes pull images with. They need the grant alone: no Pod reads them.
const PULL_TYPES: [&str; 2] = ["kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"];

/// The lists of the source's grants and of the class.
#[derive(Debug)]
pub(in crate::plan) struct Consent {
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
}

impl Consent {
    pub(in crate::plan) fn of(context: &Context) -> Self {
        // What is no glob consents to nothing.
        let compiled = |globs: &[String]| {
            globs.iter().filter_map(|glob| pattern::glob("", glob).ok()).collect()
        };
        Self {
            granted: compiled(&context.request.granted_secrets),
            allowed: compiled(&context.request.class.secrets.allow_copy),
        }
    }

    /// Whether a pull secret may come along.
    pub(in crate::plan) fn grants(&self, name: &str) -> bool {
        self.granted.iter().any(|glob| glob.is_match(name))
    }

    /// Whether a Secret may come along as it is.
    pub(super) fn copies(&self, name: &str, kind: &str) -> Result<(), Missing> {
        if !self.grants(name) {
            return Err(Missing::Grant);
        }
        let allowed = is_pull(kind) || self.allowed.iter().any(|glob| glob.is_match(name));
        if allowed { Ok(()) } else { Err(Missing::Class) }
    }
}

/// Whether a Secret of this type is what images are pulled with.
pub(in crate::plan) fn is_pull(kind: &str) -> bool {
    PULL_TYPES.contains(&kind)
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
                format!("its owners type «kulisse grant {source} --from {asker} --apply»"),
            ),
            Self::Class => (
                "copy-not-allowed",
                "policy Copy: the class of the environment does not allow it".to_owned(),
                format!("# in the StagingClass\nspec:\n  secrets:\n    allowCopy: [{secret}]"),
            ),
        }
    }
}
