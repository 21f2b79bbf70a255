//! Laws of verdicts: each rule, and its nearest wrong neighbour.

mod any;
mod blind;
mod exits;
mod host;
mod masters;
mod memory;
mod namespace;
mod outside;
mod timeouts;

use super::judge;
use crate::triage::{Confidence, Death, Material, Verdict};

/// The only death of this material.
fn only(material: &Material) -> Death {
    let [death] = &judge(material).deaths[..] else { panic!("{:#?}", judge(material).deaths) };
    death.clone()
}

/// Its verdict, and how sure that is.
fn verdict(material: &Material) -> (Verdict, Confidence) {
    let death = only(material);
    (death.verdict, death.confidence)
}

/// All it advises, in one text.
fn advice(material: &Material) -> String {
    only(material).advice.join("\n")
}

/// What could not be seen, in one text.
fn spots(material: &Material) -> String {
    judge(material).blind_spots.join("\n")
}
