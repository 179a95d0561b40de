//! The same host and path, taken by two routes.

use std::collections::BTreeMap;

use crate::{
    api::staging_plan::Severity,
    plan::{
        kinds::{self, Shape},
        log::Log,
        object::{Key, Object},
        settle,
    },
};

pub(super) fn look(objects: &[Object], log: &mut Log) {
    let mut taken: BTreeMap<(String, String), Key> = BTreeMap::new();
    for object in objects.iter().filter(|it| kinds::shape(it) == Shape::Route) {
        for rule in object.expand("/spec/rules/*") {
            let host = object.text(&format!("{rule}/host")).to_owned();
            for entry in object.expand(&format!("{rule}/http/paths/*")) {
                let path = object.text(&format!("{entry}/path")).to_owned();
                let place = (host.clone(), path);
                match taken.get(&place) {
                    Some(other) if *other != object.key() => log.find(
                        Severity::Warns,
                        &object.key(),
                        &entry,
                        "duplicate-host",
                        format!("{other} takes {}{} already", place.0, place.1),
                        format!("# or the other one, or spec.expose for the Services that need a URL\n{}", settle::exclude(&object.key())),
                    ),
                    Some(_) => {}
                    None => {
                        taken.insert(place, object.key());
                    }
                }
            }
        }
    }
}
