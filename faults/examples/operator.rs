//! A very small operator, for the example in the README and for the tests: where there is a ConfigMap
//! `wish` it makes one whose name begins with `child`, and where there is none it removes that.
//!
//! `operator careless` repeats a POST whose answer was lost, and lets the API server make the name: the
//! mistake that the faults are to find. `operator careful` gives the name itself.
//!
//! `operator wish`, `check` and `unwish` begin, judge and end a life of it.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, Config, Error, ResourceExt,
    api::{DeleteParams, ListParams, ObjectMeta, PostParams},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| "a provider is there")?;
    let mut config = Config::infer().await?;
    config.default_retry = false;
    config.read_timeout = Some(Duration::from_secs(2));
    let api: Api<ConfigMap> = Api::namespaced(Client::try_from(config)?, "shop");
    match std::env::args().nth(1).as_deref() {
        Some("careful") => operate(&api, false).await,
        Some("careless") => operate(&api, true).await,
        Some("wish") => {
            let metadata = ObjectMeta { name: Some("wish".into()), ..ObjectMeta::default() };
            let wish = ConfigMap { metadata, ..ConfigMap::default() };
            api.create(&PostParams::default(), &wish).await?;
            Ok(())
        }
        Some("check") => {
            // One, and no second one a moment later.
            for pause in [0, 300] {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                let children = names(&api).await?.iter().filter(|it| is_child(it)).count();
                if children != 1 {
                    return Err(format!("there are {children} children").into());
                }
            }
            Ok(())
        }
        Some("unwish") => {
            match api.delete("wish", &DeleteParams::default()).await {
                // A life that failed is cleaned up once more.
                Err(Error::Api(status)) if status.code == 404 => {}
                deleted => drop(deleted?),
            }
            while !names(&api).await?.is_empty() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Ok(())
        }
        _ => Err("operator careful|careless|wish|check|unwish".into()),
    }
}

async fn operate(api: &Api<ConfigMap>, careless: bool) -> ! {
    loop {
        // Whatever goes wrong, the next round begins by looking.
        let _ = round(api, careless).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn names(api: &Api<ConfigMap>) -> Result<Vec<String>, Error> {
    Ok(api.list(&ListParams::default()).await?.iter().map(ResourceExt::name_any).collect())
}

fn is_child(name: &str) -> bool {
    name.starts_with("child")
}

async fn round(api: &Api<ConfigMap>, careless: bool) -> Result<(), Error> {
    let names = names(api).await?;
    let wished = names.iter().any(|it| it == "wish");
    let children: Vec<&String> = names.iter().filter(|it| is_child(it)).collect();
    if !wished {
        for child in children {
            api.delete(child, &DeleteParams::default()).await?;
        }
    } else if children.is_empty() {
        create(api, careless).await?;
    }
    Ok(())
}

async fn create(api: &Api<ConfigMap>, careless: bool) -> Result<(), Error> {
    let metadata = if careless {
        ObjectMeta { generate_name: Some("child-".into()), ..ObjectMeta::default() }
    } else {
        ObjectMeta { name: Some("child".into()), ..ObjectMeta::default() }
    };
    let child = ConfigMap { metadata, ..ConfigMap::default() };
    loop {
        match api.create(&PostParams::default(), &child).await {
            Ok(_) => return Ok(()),
            Err(Error::Api(status)) if status.code == 409 && !careless => return Ok(()),
            // The mistake: it may have been committed.
            Err(_) if careless => {}
            Err(error) => return Err(error),
        }
    }
}
