//! Which kinds the API server has, and how they are spelt in URLs.

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{
    Client,
    api::{Api, ApiResource, DynamicObject},
    core::GroupVersionKind,
    discovery::{Discovery, Scope, verbs},
};
use kulisse_core::{
    api::{condition::Reason, identity::NamespaceName},
    plan::{object::Object, request::Endpoint},
};
use tokio::{sync::Mutex, time::Instant};

use super::{call::call_list, error::Error};

/// How long an answer counts where a kind is wanted: one that is not found is looked for again at
/// once.
const FRESH: Duration = Duration::from_mins(10);

/// The addresses in the EndpointSlice of the Service `kubernetes`: where the API server listens.
pub fn endpoints(slice: &EndpointSlice) -> Vec<Endpoint> {
    let mut found = Vec::new();
    for port in slice.ports.iter().flatten().filter_map(|it| u16::try_from(it.port?).ok()) {
        let addresses = slice.endpoints.iter().flat_map(|it| &it.addresses);
        found.extend(
            addresses.filter_map(|it| it.parse().ok()).map(|address| Endpoint { address, port }),
        );
    }
    found.sort();
    found
}

/// Which kinds the API server has, as it said a while ago: when it was asked, and its answer.
#[derive(Default)]
pub struct Kinds(Mutex<Option<(Instant, Arc<Discovery>)>>);

impl Kinds {
    /// All namespaced kinds that can be listed, in the version that the server prefers. Asked anew: what
    /// is of a kind that was installed since would be left out in silence.
    pub async fn listable(&self, client: &Client) -> Result<Vec<ApiResource>, Error> {
        let discovery = self.known(client, Duration::ZERO).await?;
        let resources =
            discovery.groups().flat_map(kube::discovery::ApiGroup::recommended_resources);
        let mut kinds: Vec<ApiResource> = resources
            .filter(|(_, it)| it.scope == Scope::Namespaced && it.supports_operation(verbs::LIST))
            .map(|(resource, _)| resource)
            .collect();
        kinds.sort_by(|a, b| (&a.group, &a.kind).cmp(&(&b.group, &b.kind)));
        Ok(kinds)
    }

    /// Whether the server still has a kind, in whichever version. Asked anew.
    pub async fn has(&self, client: &Client, kind: &ApiResource) -> Result<bool, Error> {
        let known = self.known(client, Duration::ZERO).await?;
        Ok(of_group(&known, &kind.group).any(|it| it.kind == kind.kind))
    }

    /// Where objects of the kind of `object` are in that namespace.
    pub async fn api(
        &self,
        client: &Client,
        object: &Object,
        namespace: &NamespaceName,
    ) -> Result<Api<DynamicObject>, Error> {
        self.find(client, object, namespace).await?.ok_or_else(|| {
            let (version, kind) = (object.api_version(), object.kind());
            Error::problem(
                Reason::Refused,
                format!("the API server does not know the kind {version} {kind}"),
            )
        })
    }

    /// The same; `None` if the server does not know the kind: then there are none.
    pub async fn find(
        &self,
        client: &Client,
        object: &Object,
        namespace: &NamespaceName,
    ) -> Result<Option<Api<DynamicObject>>, Error> {
        let kind = GroupVersionKind::gvk(object.group(), object.version(), object.kind());
        for fresh in [FRESH, Duration::ZERO] {
            if let Some((resource, _)) = self.known(client, fresh).await?.resolve_gvk(&kind) {
                let name = namespace.as_str();
                return Ok(Some(Api::namespaced_with(client.clone(), name, &resource)));
            }
        }
        Ok(None)
    }

    /// The kind of a resource, as the server knows it: `widgets` in `example.com`.
    pub async fn resource(
        &self,
        client: &Client,
        plural: &str,
        group: &str,
    ) -> Result<Option<ApiResource>, Error> {
        for fresh in [FRESH, Duration::ZERO] {
            let known = self.known(client, fresh).await?;
            let found = of_group(&known, group).find(|it| it.plural == plural);
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    async fn known(&self, client: &Client, fresh: Duration) -> Result<Arc<Discovery>, Error> {
        let asked = Instant::now();
        let mut known = self.0.lock().await;
        // Also for whom it must be of now: of all who wait, one asks.
        if let Some((begun, discovery)) = known.as_ref()
            && *begun + fresh >= asked
        {
            return Ok(Arc::clone(discovery));
        }
        let begun = Instant::now();
        let discovery = call_list("discover the API server's kinds", || {
            Discovery::new(client.clone()).run_aggregated()
        })
        .await?;
        let discovery = Arc::new(discovery);
        *known = Some((begun, Arc::clone(&discovery)));
        Ok(discovery)
    }
}

/// The kinds of a group, in the version that the server prefers.
fn of_group(known: &Discovery, group: &str) -> impl Iterator<Item = ApiResource> {
    let groups = known.groups().filter(move |it| it.name() == group);
    let resources = groups.flat_map(kube::discovery::ApiGroup::recommended_resources);
    resources.map(|(resource, _)| resource)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;
    use http::{Request, Response};
    use kube::client::Body;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_asks_while_somebody_waits_for_the_answer_asks_once_more_and_together() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let service = tower::service_fn(move |request: Request<Body>| {
            let first = usize::from(request.uri().path() == "/apis");
            count.fetch_add(first, Ordering::Relaxed);
            async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let list = br#"{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","items":[]}"#;
                Ok::<_, tower::BoxError>(Response::new(Body::from(list.to_vec())))
            }
        });
        let (client, kinds) = (&Client::new(service, "default"), &Kinds::default());
        let one = |after: u64| async move {
            tokio::time::sleep(Duration::from_millis(after)).await;
            kinds.listable(client).await.map(|_| ())
        };
        let answers = join_all([0, 100, 200, 300].map(one)).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }
}
