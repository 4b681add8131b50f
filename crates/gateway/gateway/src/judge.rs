//! Files in transit: the scan worker behind the engine's judge.
//!
//! Responsible for what files are judged by (definitions and `[scan]`), and for the two judges:
//! a worker in a process of its own for live traffic ([`WorkerJudge`]), one in this process for
//! replays and the demo ([`OwnJudge`]). Holds always: the packet path never waits for a file.

use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::Context;
use mimamori_definitions::{DefinitionSet, FileHashesBuilder, PartKind};
use mimamori_engine::{FileId, FileJudge, Harm, JudgePolicy, Judgement, NotInspected, Opinion};
use mimamori_scan::{Answer, ClamdAddress, Finding, Knowledge, Local, Question, Remote, Setup, Why};

/// The validated `[scan]` of the configuration.
#[derive(Clone, Debug)]
pub struct ScanConfig {
    pub enabled: bool,
    /// Files with YARA rules, beside those of the definitions.
    pub yara: Vec<PathBuf>,
    /// Files with a hash and a name in each line.
    pub hashes: Vec<PathBuf>,
    pub clamd: Option<ClamdAddress>,
    /// The program that is started as the worker.
    pub program: PathBuf,
    pub policy: JudgePolicy,
}

impl Default for ScanConfig {
    fn default() -> Self {
        ScanConfig {
            enabled: true,
            yara: Vec::new(),
            hashes: Vec::new(),
            clamd: None,
            // Whatever became of its file, the program that runs is the one that is started.
            program: PathBuf::from("/proc/self/exe"),
            policy: JudgePolicy::default(),
        }
    }
}

/// What files are judged by: the rules and hash lists of a definition set, and those that
/// `[scan]` names.
pub fn setup(config: &ScanConfig, set: &DefinitionSet) -> anyhow::Result<Setup> {
    let part = |kind| set.part(kind).map(|p| p.as_ref().to_vec());
    let compiled = part(PartKind::YaraCompiled).filter(|_| config.yara.is_empty());
    let mut setup = Setup { clamd: config.clamd.clone(), ..Setup::default() };
    match compiled {
        Some(bytes) => setup.yara = bytes,
        None => setup.yara = compile(config, part(PartKind::YaraSource))?,
    }
    setup.hashes.extend(set.parts(PartKind::FileHashes).map(|(_, p)| p.as_ref().into()));
    let list = hashes(config)?;
    if !list.is_empty() {
        setup.hashes.push(list.build().into());
    }
    Ok(setup)
}

fn compile(config: &ScanConfig, of_set: Option<Vec<u8>>) -> anyhow::Result<Vec<u8>> {
    let mut sources = Vec::new();
    if let Some(text) = of_set {
        sources.push(("definitions".to_owned(), String::from_utf8_lossy(&text).into_owned()));
    }
    for path in &config.yara {
        let text = fs::read_to_string(path).with_context(|| format!("{} を読めません", path.display()))?;
        sources.push((path.display().to_string(), text));
    }
    if sources.is_empty() {
        return Ok(Vec::new());
    }
    let (bytes, rules, refused) = mimamori_scan::compile_yara(&sources);
    for (source, line, reason) in &refused {
        tracing::warn!(source, line, reason, "YARA rule refused");
    }
    anyhow::ensure!(rules > 0 || !mimamori_scan::HAS_YARA, "使える YARA ルールが一つもありません");
    Ok(bytes)
}

fn hashes(config: &ScanConfig) -> anyhow::Result<FileHashesBuilder> {
    let mut list = FileHashesBuilder::default();
    for path in &config.hashes {
        let text = fs::read_to_string(path).with_context(|| format!("{} を読めません", path.display()))?;
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
            let (hash, name) = line.split_once([' ', '\t', ',', ';']).unwrap_or((line, "listed"));
            if !list.add(hash, name.trim()) {
                tracing::warn!(path = %path.display(), line, "no hash in this line");
            }
        }
    }
    Ok(list)
}

const fn why(why: Why) -> NotInspected {
    match why {
        Why::Encrypted => NotInspected::Encrypted,
        Why::TooDeep => NotInspected::TooDeep,
        Why::TooLarge => NotInspected::TooLarge,
        Why::Unreadable => NotInspected::Unreadable,
        Why::NoClamd => NotInspected::NoClamd,
        Why::Dead => NotInspected::Dead,
        Why::Busy => NotInspected::Busy,
    }
}

fn judgement(answer: Answer, id: FileId) -> Judgement {
    let opinion = match answer.finding {
        Finding::Clean => Opinion::Clean,
        Finding::Harmful { family, found_by, member, sha256 } => {
            Opinion::Harmful(Box::new(Harm { family, found_by, member, sha256 }))
        }
        Finding::Unknown(reason) => Opinion::Unknown(why(reason)),
    };
    Judgement { id, bytes: answer.bytes, end: answer.end, opinion }
}

/// Numbers of one engine's files; the engine after it counts from one again.
const EPOCH_BITS: u32 = 40;

/// The scan worker, shared by the bridge, which wakes by it, and the engine.
#[derive(Clone, Debug)]
pub struct Worker(Arc<Mutex<Remote>>);

impl Worker {
    pub fn start(program: PathBuf, setup: Setup) -> anyhow::Result<Worker> {
        let remote = Remote::start(program, setup).context("ファイル検査のプロセスを始められません")?;
        Ok(Worker(Arc::new(Mutex::new(remote))))
    }

    pub fn lock(&self) -> MutexGuard<'_, Remote> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Files go to the worker.
#[derive(Debug)]
pub struct WorkerJudge {
    worker: Worker,
    epoch: u64,
}

impl WorkerJudge {
    #[must_use]
    pub fn new(worker: Worker, epoch: u64) -> Self {
        WorkerJudge { worker, epoch }
    }

    fn tell(&self, question: impl FnOnce(u64) -> Question, id: FileId) -> Result<(), NotInspected> {
        let number = self.epoch << EPOCH_BITS | id.0;
        self.worker.lock().tell(question(number)).map_err(why)
    }
}

impl FileJudge for WorkerJudge {
    fn open(&mut self, id: FileId, _name: &[u8]) -> Result<(), NotInspected> {
        self.tell(|id| Question::Open { id }, id)
    }

    fn bytes(&mut self, id: FileId, bytes: &[u8]) -> Result<(), NotInspected> {
        self.tell(|id| Question::Bytes { id, bytes: bytes.to_vec() }, id)
    }

    fn ask(&mut self, id: FileId, end: bool) -> Result<(), NotInspected> {
        self.tell(|id| Question::Ask { id, end }, id)
    }

    fn forget(&mut self, id: FileId) {
        // Refused: the worker is gone, and with it the file.
        let _ = self.tell(|id| Question::Forget { id }, id);
    }

    fn next(&mut self) -> Option<Judgement> {
        loop {
            let answer = self.worker.lock().next_answer()?;
            if answer.id >> EPOCH_BITS == self.epoch {
                let id = FileId(answer.id & ((1 << EPOCH_BITS) - 1));
                return Some(judgement(answer, id));
            }
        }
    }
}

/// Judges at once, in this process.
#[derive(Debug)]
pub struct OwnJudge {
    local: Local,
    answers: VecDeque<Judgement>,
}

impl OwnJudge {
    #[must_use]
    pub fn start(knowledge: &Arc<Knowledge>) -> Self {
        OwnJudge { local: Local::start(knowledge), answers: VecDeque::new() }
    }

    /// By the files' part of a definition set.
    pub fn of_set(set: &DefinitionSet) -> anyhow::Result<Self> {
        let knowledge = setup(&ScanConfig::default(), set)?.knowledge()?;
        Ok(OwnJudge::start(&Arc::new(knowledge)))
    }
}

impl FileJudge for OwnJudge {
    fn open(&mut self, id: FileId, _name: &[u8]) -> Result<(), NotInspected> {
        self.local.tell(Question::Open { id: id.0 });
        Ok(())
    }

    fn bytes(&mut self, id: FileId, bytes: &[u8]) -> Result<(), NotInspected> {
        self.local.tell(Question::Bytes { id: id.0, bytes: bytes.to_vec() });
        Ok(())
    }

    fn ask(&mut self, id: FileId, end: bool) -> Result<(), NotInspected> {
        let answer = self.local.ask(id.0, end);
        self.answers.push_back(judgement(answer, id));
        Ok(())
    }

    fn forget(&mut self, id: FileId) {
        self.local.tell(Question::Forget { id: id.0 });
    }

    fn next(&mut self) -> Option<Judgement> {
        self.answers.pop_front()
    }
}
