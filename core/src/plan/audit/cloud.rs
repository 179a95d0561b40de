//! Resources of clouds, which two namespaces share whether they mean to or not: by the forms in
//! which clouds write their names.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::{
    api::staging_plan::Severity,
    plan::{
        log::Log,
        object::{Key, Object},
        places::{Place, Places, told},
        settle,
        texts::Text,
    },
    secrets::Pattern,
};

/// How clouds write names of resources: words of which one is in each, the form, and what it is.
static FORMS: [(&[&str], Pattern, &str); 7] = [
    (
        &["arn:aws"],
        Pattern::new(r#"\barn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:\d{0,12}:[^\s"'<>,;)\]}]+"#),
        "an AWS resource",
    ),
    (
        &["projects/"],
        Pattern::new(
            r#"\bprojects/[a-z][a-z0-9-]{3,28}[a-z0-9]/(?:topics|subscriptions|secrets|locations|databases|instances|buckets|datasets|serviceAccounts|global|zones|regions)/[^\s"'<>,;)\]}]+"#,
        ),
        "a Google Cloud resource",
    ),
    (
        &["://"],
        Pattern::new(
            r#"\b(?:s3|s3a|s3n|gs|oss|obs|cosn|abfss?|wasbs?)://[A-Za-z0-9][^\s"'<>,;)\]}/]*"#,
        ),
        "a bucket",
    ),
    (
        &["/subscriptions/", "/Subscriptions/", "/SUBSCRIPTIONS/"],
        Pattern::new(r#"(?i)/subscriptions/[0-9a-f]{8}-[0-9a-f-]{27}(?:/[^\s"'<>,;)\]}]*)?"#),
        "an Azure resource",
    ),
    (
        &[".gserviceaccount.com"],
        Pattern::new(r"\b[a-z0-9-]+@[a-z0-9-]+\.iam\.gserviceaccount\.com\b"),
        "a Google service account",
    ),
    (
        &["InstrumentationKey="],
        Pattern::new(r"\bInstrumentationKey=[0-9a-f-]{36}"),
        "an Azure telemetry account",
    ),
    (
        &[
            ":africa-",
            ":asia-",
            ":australia-",
            ":europe-",
            ":me-",
            ":northamerica-",
            ":southamerica-",
            ":us-",
        ],
        Pattern::new(
            r"\b[a-z][a-z0-9-]{4,28}[a-z0-9]:(?:africa|asia|australia|europe|me|northamerica|southamerica|us)-[a-z]+\d{1,2}:[a-z][a-z0-9-]*",
        ),
        "a Cloud SQL instance",
    ),
];

/// Ends of names whose values are accounts, and the form of those.
static ACCOUNTS: [(&[&str], Pattern, &str); 3] = [
    (&["account_id", "aws_account"], Pattern::new(r"^\d{12}$"), "an AWS account"),
    (
        &[
            "google_cloud_project",
            "gcp_project",
            "gcp_project_id",
            "google_project_id",
            "gcloud_project",
            "cloudsdk_core_project",
        ],
        Pattern::new(r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$"),
        "a Google Cloud project",
    ),
    (
        &["tenant_id", "subscription_id", "azure_client_id"],
        Pattern::new(r"^[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}$"),
        "an Azure identity",
    ),
];

/// Resources of the cloud provider itself, which everybody may name.
const EVERYBODYS: [&str; 2] = ["arn:aws:iam::aws:", "arn:aws:s3:::*"];

/// Reports every resource once, and answers where they stand.
pub(super) fn resources(
    texts: &[Text],
    objects: &BTreeMap<Key, &Object>,
    log: &mut Log,
) -> Vec<Place> {
    let all = texts.par_iter().flat_map_iter(|text| {
        let named = of_text(text).into_iter();
        named.map(|it| (it, text.place()))
    });
    let found: Places<_> = all.collect::<Vec<_>>().into_iter().collect();
    for ((resource, what), places) in found.whole() {
        let settle = settle::texts(places, objects, &format!("{what} of staging's own"), |text| {
            let own = text.replace(resource.as_str(), &format!("<{what} of staging's own>"));
            (own != text).then_some(own)
        });
        let Some(((object, path), also)) = told(places) else { continue };
        log.find(
            Severity::Warns,
            object,
            path,
            "cloud-resource",
            format!("{} is {what} of production's: the fence stops it, and its credentials are not here{also}", crate::secrets::redact(resource)),
            settle.unwrap_or_else(|| {
                "give staging one of its own, and let the application use that".to_owned()
            }),
        );
    }
    found.all()
}

/// The resources in a text, and what they are.
fn of_text(text: &Text) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    for (words, form, what) in &FORMS {
        if !words.iter().any(|it| text.value.contains(it)) {
            continue;
        }
        for resource in form.get().into_iter().flat_map(|it| it.find_iter(&text.value)) {
            let resource = resource.as_str();
            if !EVERYBODYS.iter().any(|it| resource.starts_with(it)) {
                found.push((resource.to_owned(), *what));
            }
        }
    }
    let name = text.named.to_ascii_lowercase().replace(['-', '.'], "_");
    for (names, form, what) in &ACCOUNTS {
        if names.iter().any(|it| name.ends_with(it)) && form.matches(text.value.trim()) {
            found.push((text.value.trim().to_owned(), *what));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::texts::Origin;

    #[test]
    fn every_pattern_compiles() {
        assert!(FORMS.iter().all(|(_, form, _)| form.get().is_some()));
        assert!(ACCOUNTS.iter().all(|(_, form, _)| form.get().is_some()));
    }

    #[test]
    fn resources_are_known_by_their_forms() {
        let known = |text: &str| {
            let has = |words: &[&str]| words.iter().any(|it| text.contains(it));
            FORMS.iter().any(|(words, form, _)| has(words) && form.matches(text))
        };
        for text in [
            "acme-prod:europe-west1:orders",
            "arn:aws:sqs:eu-west-1:123456789012:orders",
            "arn:aws:s3:::acme-uploads/x",
            "projects/acme-prod/topics/orders",
            "s3://acme-uploads/2026",
            "gs://acme-uploads",
            "/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/acme",
            "web@acme-prod.iam.gserviceaccount.com",
        ] {
            assert!(known(text), "{text}");
        }
        for text in
            ["projects/web/src/main.rs", "s3://${BUCKET}/x", "the arn: of it", "https://a/b"]
        {
            assert!(!known(text), "{text}");
        }
    }

    #[test]
    fn accounts_are_known_by_their_names_and_the_providers_own_resources_are_left_out() {
        let azure = "00000000-1111-2222-3333-444444444444";
        for (named, value, expected) in [
            (
                "",
                "arn:aws:s3:::acme/x, gs://a",
                vec![("arn:aws:s3:::acme/x", "an AWS resource"), ("gs://a", "a bucket")],
            ),
            ("", "arn:aws:s3:::*", vec![]),
            ("AWS_ACCOUNT_ID", " 123456789012\n", vec![("123456789012", "an AWS account")]),
            ("aws-account.id", "123456789012", vec![("123456789012", "an AWS account")]),
            ("ACCOUNT_ID", "12345", vec![]),
            ("ORDER", "123456789012", vec![]),
            ("GCP_PROJECT", "acme-prod", vec![("acme-prod", "a Google Cloud project")]),
            ("AZURE_TENANT_ID", azure, vec![(azure, "an Azure identity")]),
        ] {
            let object = Key { group: String::new(), kind: "Pod".to_owned(), name: String::new() };
            let text = Text {
                object,
                path: String::new(),
                named: named.to_owned(),
                value: value.to_owned(),
                secret: false,
                origin: Origin::Written,
            };
            let found = of_text(&text);
            let found: Vec<_> = found.iter().map(|(it, what)| (it.as_str(), *what)).collect();
            assert_eq!(found, expected, "{named} {value}");
        }
    }
}
