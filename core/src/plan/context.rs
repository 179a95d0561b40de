//! What every pass may look at.

use std::collections::BTreeMap;

use super::{PlanError, capture::Capture, object::Key, object::Object, request::Request};

/// Clones of a plan where the class does not say.
const MAX_OBJECTS: usize = 2000;

/// What every pass may look at: the request, and the source as it was before any pass.
#[derive(Debug)]
pub(super) struct Context<'a> {
    /// What the plan is made for.
    pub(super) request: &'a Request,
    /// The source.
    pub(super) capture: &'a Capture,
    /// The source's objects by key, as captured.
    pub(super) by_key: BTreeMap<Key, &'a Object>,
}

impl<'a> Context<'a> {
    /// Looks through the request and the capture once for all passes.
    pub(super) fn new(request: &'a Request, capture: &'a Capture) -> Result<Self, PlanError> {
        let by_key = capture.objects.iter().map(|object| (object.key(), object)).collect();
        Ok(Self { request, capture, by_key })
    }

    /// The most clones a plan may have.
    pub(super) fn max_objects(&self) -> usize {
        self.request.class.limits.max_objects.map_or(MAX_OBJECTS, |most| most as usize)
    }
}
