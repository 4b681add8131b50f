//! Counting agreement.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;
use mimamori_catalogue::Catalogue;

use super::labels::{Label, read_labels};
use super::observe::{Observed, Seen, observe};

/// Names of labels and our identifiers for the same thing.
const NAMES: &str = include_str!("../../data/ndpi-names.tsv");

/// Right of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    pub right: u64,
    pub of: u64,
}

impl Score {
    #[must_use]
    pub fn percent(&self) -> f64 {
        if self.of == 0 { 100.0 } else { self.right as f64 * 100.0 / self.of as f64 }
    }

    fn count(&mut self, right: bool) -> bool {
        self.of += 1;
        self.right += u64::from(right);
        right
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    pub captures: u64,
    pub flows: u64,
    /// Labelled flows that the engine has no flow for.
    pub missing: u64,
    pub host: Score,
    /// JA4 as the labels' author writes it.
    pub ja4: Score,
    /// JA4 by its definition, of those labels: how often the two are the same.
    pub ja4_as_defined: Score,
    pub kind: Score,
    /// Labels that the catalogue has no entry for.
    pub not_in_catalogue: u64,
}

/// A flow of which we say something else.
#[derive(Clone, Debug)]
pub struct Difference {
    pub capture: String,
    pub what: &'static str,
    pub label: Label,
    pub seen: Option<Seen>,
}

/// Compares the captures of `folder/pcap` with the labels of `folder/result`.
pub fn measure(
    folder: &Path,
    catalogue: &Catalogue,
    tell: &mut dyn FnMut(Difference),
) -> anyhow::Result<Figures> {
    let names = names();
    let mut figures = Figures::default();
    let results = folder.join("result");
    let mut files: Vec<_> = std::fs::read_dir(&results)
        .with_context(|| format!("cannot read {}", results.display()))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".out"))
        .collect();
    files.sort();
    for file in files {
        let capture = file.trim_end_matches(".out");
        let text = std::fs::read_to_string(results.join(&file)).unwrap_or_default();
        let seen = observe(&folder.join("pcap").join(capture), catalogue)?;
        figures.captures += 1;
        for label in read_labels(&text) {
            compare(&mut figures, catalogue, &names, &seen, capture, &label, tell);
        }
    }
    Ok(figures)
}

fn names() -> HashMap<&'static str, Vec<&'static str>> {
    NAMES
        .lines()
        .filter(|l| !l.starts_with('#'))
        .filter_map(|l| l.split_once('\t'))
        .map(|(name, ids)| (name, ids.split(' ').collect()))
        .collect()
}

fn compare(
    figures: &mut Figures,
    catalogue: &Catalogue,
    names: &HashMap<&str, Vec<&str>>,
    observed: &Observed,
    capture: &str,
    label: &Label,
    tell: &mut dyn FnMut(Difference),
) {
    figures.flows += 1;
    let seen = observed.get(&(label.protocol, label.ends));
    figures.missing += u64::from(seen.is_none());
    let mut differs = |what: &'static str| {
        tell(Difference { capture: capture.to_owned(), what, label: label.clone(), seen: seen.cloned() });
    };
    if let Some(host) = &label.host {
        let right = seen.is_some_and(|s| s.hosts.iter().any(|h| same_host(h, host)));
        if !figures.host.count(right) {
            differs("host");
        }
    }
    if let Some(ja4) = &label.ja4 {
        figures.ja4_as_defined.count(seen.is_some_and(|s| s.ja4.contains(ja4)));
        let right = seen.is_some_and(|s| s.ja4_ndpi.contains(ja4));
        if !figures.ja4.count(right) {
            differs("ja4");
        }
    }
    let wanted = kinds_of_label(catalogue, names, &label.name);
    if wanted.is_empty() {
        figures.not_in_catalogue += u64::from(label.name != "Unknown");
    } else {
        let right = seen.is_some_and(|s| kinds_seen(catalogue, s).iter().any(|k| wanted.contains(k)));
        if !figures.kind.count(right) {
            differs("kind");
        }
    }
}

/// Names are cut by who wrote the labels; ports and trailing dots do not matter.
fn same_host(ours: &str, label: &str) -> bool {
    let bare = |text: &str| text.trim_end_matches('.').to_owned();
    if bare(ours) == bare(label) {
        return true;
    }
    // Some labels show what is not ASCII as question marks.
    let shown = |c: char| std::iter::repeat_n(if c.is_ascii() { c } else { '?' }, c.len_utf8());
    let ours: String = ours.chars().flat_map(shown).collect();
    let (ours, label) = (bare(&ours), bare(label));
    ours == label
        || (label.len() >= 60 && ours.starts_with(&label))
        || ours.rsplit_once(':').is_some_and(|(host, port)| host == label && port.parse::<u16>().is_ok())
        || label.rsplit_once(':').is_some_and(|(host, port)| host == ours && port.parse::<u16>().is_ok())
}

/// The kinds that a label stands for: of the application where it names one we have, else of the
/// protocol. Empty: we have neither.
fn kinds_of_label(catalogue: &Catalogue, names: &HashMap<&str, Vec<&str>>, label: &str) -> Vec<String> {
    let kinds = |name: &str| -> Vec<String> {
        let ids = names.get(name).map(Vec::as_slice).unwrap_or_default();
        let of = |id: &&str| catalogue.by_id(id).and_then(|id| catalogue.kind_of(id)).map(|k| k.id.clone());
        ids.iter().filter_map(of).collect()
    };
    match label.split_once('.') {
        Some((_, application)) => kinds(application),
        None => kinds(label),
    }
}

fn kinds_seen(catalogue: &Catalogue, seen: &Seen) -> Vec<String> {
    let ids = seen.applications.iter().chain(&seen.protocols).map(|(id, _)| id.as_str());
    ids.filter_map(|id| catalogue.by_id(id).and_then(|id| catalogue.kind_of(id)))
        .map(|k| k.id.clone())
        .collect()
}
