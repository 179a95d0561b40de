//! Credentials that stand outside Secrets, where everybody can read them. They come along as they
//! are: what they are is never shown, only where and how long.

use crate::{
    api::staging_plan::Severity,
    plan::{log::Log, texts::Text},
    secrets::{Exposed, exposed},
};

/// Reports every text that holds a credential.
pub(super) fn literals(texts: &[Text], log: &mut Log) {
    for text in texts.iter().filter(|it| !it.secret && !it.encoded) {
        let found = exposed(&text.named, &text.value);
        let Some(first) = found.first() else { continue };
        log.find(
            Severity::Warns,
            &text.object,
            &text.path,
            "credential-literal",
            format!(
                "outside a Secret stands {}{}: it is production's, and comes along as it is",
                first.what,
                places(&found, text.value.contains('\n'))
            ),
            "put it into a Secret in production, where it is invented anew for the clone; it can be read there by more people than should",
        );
    }
}

/// Where in its text, and how long.
fn places(found: &[Exposed], lines: bool) -> String {
    let one = |it: &Exposed| {
        let line = if lines { format!("line {}, ", it.line) } else { String::new() };
        format!("{line}{} characters", it.length)
    };
    let shown: Vec<String> = found.iter().take(3).map(one).collect();
    let more = match found.len().saturating_sub(3) {
        0 => String::new(),
        more => format!("; {more} more"),
    };
    format!(" ({}{more})", shown.join("; "))
}
