//! `labelled`: how far our names for flows agree with labels that others gave.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use mimamori_catalogue::Catalogue;

use crate::labelled::{Difference, Score, measure};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder with `pcap/NAME` and `result/NAME.out` (nDPI's layout).
    folder: PathBuf,
    /// Application catalogue; without it, the built-in one.
    #[arg(long, value_name = "FILE")]
    applications: Option<PathBuf>,
    /// Print every flow of which we say something else: host, ja4, kind or all.
    #[arg(long, value_name = "WHAT")]
    differences: Option<String>,
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let text = match &args.applications {
        Some(file) => {
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?
        }
        None => crate::definitions::STARTER_APPLICATIONS.to_owned(),
    };
    let (catalogue, bad) = Catalogue::read(&text);
    for line in &bad {
        eprintln!("catalogue, {line}");
    }
    let wanted = args.differences.unwrap_or_default();
    let figures = measure(&args.folder, &catalogue, &mut |d| {
        if wanted == "all" || wanted == d.what {
            println!("{}", told(&d));
        }
    })?;
    let (applications, protocols) = catalogue.len();
    println!("catalogue: {applications} applications, {protocols} protocols");
    println!(
        "{} captures, {} labelled flows, {} not found as flows here, {} with a label not in the catalogue",
        figures.captures, figures.flows, figures.missing, figures.not_in_catalogue
    );
    for (name, score) in [
        ("host name", figures.host),
        ("JA4", figures.ja4),
        ("as defined", figures.ja4_as_defined),
        ("kind", figures.kind),
    ] {
        println!("{}", line(name, score));
    }
    Ok(ExitCode::SUCCESS)
}

fn line(name: &str, score: Score) -> String {
    format!("{name:<10} {:>6} of {:>6}  {:.2} %", score.right, score.of, score.percent())
}

fn told(d: &Difference) -> String {
    let label = &d.label;
    let seen = d.seen.as_ref().map_or_else(
        || "no such flow".to_owned(),
        |s| {
            let start = |head: &[u8]| head.iter().take(24).map(|b| format!("{b:02x}")).collect::<String>();
            let [client, server] = &s.first_bytes;
            format!(
                "{} hosts {:?} ja4 {:?} apps {:?} protocols {:?} client {} server {}",
                s.app_proto,
                s.hosts,
                s.ja4,
                s.applications,
                s.protocols,
                start(client),
                start(server)
            )
        },
    );
    format!(
        "{}\t{}\t{} {}>{}\t{}\t{}\t{}\t{seen}",
        d.what,
        d.capture,
        label.protocol,
        label.ends.0,
        label.ends.1,
        label.name,
        label.host.as_deref().unwrap_or("-"),
        label.ja4.as_deref().unwrap_or("-")
    )
}
