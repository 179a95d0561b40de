//! What the target may hold and use in all: the class's quota and limit range, before any Pod.

use serde_json::json;

use super::super::{object::Object, ours, request::Request};

pub(super) fn limits(request: &Request) -> Vec<Object> {
    let class = &request.class;
    let quota = class.quota.as_ref().map(|quota| {
        let spec = json!({ "spec": quota });
        ours::fence(request, "v1", "ResourceQuota", "kulisse-quota", spec)
    });
    let range = class.limit_range.as_ref().map(|range| {
        let spec = json!({ "spec": range });
        ours::fence(request, "v1", "LimitRange", "kulisse-limit-range", spec)
    });
    quota.into_iter().chain(range).collect()
}
