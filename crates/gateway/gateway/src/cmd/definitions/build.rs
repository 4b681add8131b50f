//! `definitions build`: sources in, one signed set out; bad lines named, none of them fatal.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use mimamori_base::{Clock, SystemClock, SystemRng};
use mimamori_definitions::SigningKey;
use mimamori_definitions::build::Problem;

use super::read;
use crate::definitions::recipe::{Cooked, Kitchen, Recipe, RecipeSource, SourceFile, SourceFormat, cook};

/// Largest source file that is read.
const MAX_SOURCE_BYTES: u64 = 2 << 30;
/// Refused lines shown on the terminal unless all are asked for.
const SHOWN_PROBLEMS: usize = 50;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A recipe (TOML); its paths are relative to it.
    #[arg(long, value_name = "FILE")]
    recipe: Option<PathBuf>,
    /// A source, FORMAT[:KIND[:FAMILY]]=PATH. May be repeated. Formats: rules, mimamori, plain,
    /// hosts, urlhaus, misp, stix, maltrail, ut1 (file or folder), hashes, yara, applications,
    /// rule-file. Kinds: phishing, malware, c2, other.
    #[arg(long = "source", value_name = "SOURCE")]
    sources: Vec<String>,
    /// Whose sets these are.
    #[arg(long)]
    channel: Option<String>,
    /// The set's version; it has to grow. Without it, the seconds since 1970.
    #[arg(long = "set-version", value_name = "NUMBER")]
    version: Option<u64>,
    /// The secret key to sign with.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The set to write.
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Write every refused line to this file; without it, the first ones are shown.
    #[arg(long, value_name = "FILE")]
    problems: Option<PathBuf>,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let key = SigningKey::parse(&read(&args.key)?).with_context(|| args.key.display().to_string())?;
    let recipe = recipe(args)?;
    let folder = args.recipe.as_deref().and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
    let cooked = cook(&recipe, &Files { folder }, &SystemRng, SystemClock.now())?;
    eprint!("\r\x1b[K");
    let manifest = cooked.writer.write(&args.out, &key)?;
    tell_problems(&cooked, args.problems.as_deref())?;
    let mut out = io::stdout().lock();
    super::show::describe(&mut out, &manifest)?;
    for (kind, count) in &cooked.by_kind {
        writeln!(out, "  {kind}: {count} entries read")?;
    }
    let bytes = std::fs::metadata(&args.out).map(|m| m.len()).unwrap_or(0);
    writeln!(out, "{} written, {bytes} bytes; {} lines refused", args.out.display(), cooked.refused)?;
    Ok(ExitCode::SUCCESS)
}

fn recipe(args: &Args) -> anyhow::Result<Recipe> {
    let mut recipe = match &args.recipe {
        Some(path) => Recipe::parse(&read(path)?).with_context(|| path.display().to_string())?,
        None => Recipe { channel: "own".to_owned(), version: 0, sources: Vec::new() },
    };
    for text in &args.sources {
        let mut source = RecipeSource::parse(text).with_context(|| format!("--source {text}"))?;
        // Relative to where the command runs, not to the recipe.
        source.path = std::path::absolute(&source.path)?.to_string_lossy().into_owned();
        recipe.sources.push(source);
    }
    if let Some(channel) = &args.channel {
        recipe.channel.clone_from(channel);
    }
    recipe.version = args.version.unwrap_or(recipe.version);
    anyhow::ensure!(!recipe.sources.is_empty(), "no sources: give --recipe or --source");
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    anyhow::ensure!(
        !recipe.channel.is_empty() && recipe.channel.len() <= 32 && recipe.channel.chars().all(fine),
        "channel {:?}: 1 to 32 of a-z, A-Z, 0-9, '-', '_', '.'",
        recipe.channel
    );
    Ok(recipe)
}

fn tell_problems(cooked: &Cooked, file: Option<&Path>) -> anyhow::Result<()> {
    if let Some(path) = file {
        let text: String = cooked.problems.iter().map(|p| format!("{p}\n")).collect();
        return std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()));
    }
    let mut err = io::stderr().lock();
    for problem in cooked.problems.iter().take(SHOWN_PROBLEMS) {
        writeln!(err, "{problem}")?;
    }
    let hidden = cooked.refused.saturating_sub(SHOWN_PROBLEMS.min(cooked.problems.len()) as u64);
    if hidden > 0 {
        writeln!(err, "… and {hidden} more refused lines (--problems FILE for all)")?;
    }
    Ok(())
}

/// Sources from this machine's disk.
struct Files {
    folder: PathBuf,
}

impl Kitchen for Files {
    fn files(&self, source: &RecipeSource) -> io::Result<Vec<SourceFile>> {
        let path = self.folder.join(&source.path);
        if !path.is_dir() {
            return Ok(vec![file(&path, None)?]);
        }
        let mut files = Vec::new();
        let ut1 = source.format == SourceFormat::List(mimamori_definitions::build::Format::Ut1);
        for entry in sorted(&path)? {
            if ut1 && entry.is_dir() {
                // UT1: one folder a category, with `domains` and `urls` in it.
                let category = entry.file_name().map(|n| n.to_string_lossy().into_owned());
                for name in ["domains", "urls"] {
                    let list = entry.join(name);
                    if list.is_file() {
                        let mut list = file(&list, category.clone())?;
                        list.name = format!("{}/{}", category.as_deref().unwrap_or_default(), list.name);
                        files.push(list);
                    }
                }
            } else if !ut1 && entry.is_file() {
                files.push(file(&entry, None)?);
            }
        }
        Ok(files)
    }

    fn tell(&self, name: &str, lines: u64) {
        if io::stderr().is_terminal() {
            eprint!("\r\x1b[K{name}: {lines} lines");
        }
    }

    fn yara(&self, sources: &[(String, String)]) -> Option<(Vec<u8>, u64, Vec<Problem>)> {
        let (bytes, rules, refused) = mimamori_scan::compile_yara(sources);
        let problem = |(source, line, reason)| Problem { source, line, reason };
        Some((bytes, rules, refused.into_iter().map(problem).collect()))
    }
}

fn file(path: &Path, category: Option<String>) -> io::Result<SourceFile> {
    let length = std::fs::metadata(path)?.len();
    if length > MAX_SOURCE_BYTES {
        return Err(io::Error::other(format!("{length} bytes are more than {MAX_SOURCE_BYTES}")));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(SourceFile { name, category, bytes: std::fs::read(path)? })
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
    paths.sort();
    Ok(paths)
}
