//! Files in transit on a gateway's page: how many were judged, and how many were not and why.

use mimamori_domain::{Heartbeat, jst};

use super::gateway;

/// What the last heartbeat said of files, since the gateway's start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFigure {
    pub sentence: String,
    /// Why, and how many files; only reasons that occurred.
    pub reasons: Vec<(&'static str, String)>,
}

impl FileFigure {
    pub fn new(beat: Option<&Heartbeat>) -> Self {
        let Some(beat) = beat else {
            return FileFigure {
                sentence: "まだ装置からの連絡がありません。".to_owned(), reasons: vec![]
            };
        };
        let (f, missed) = (beat.files, beat.files.not_inspected());
        let since = format!("装置が動きはじめてからの{}で、", gateway::duration(beat.uptime_secs));
        let count = |n: u64| format!("{}個", jst::thousands(n));
        let judged = match (f.judged, f.harmful) {
            (0, _) => String::new(),
            (n, 0) => format!("ファイルを{}検査し、有害なものはありませんでした。", count(n)),
            (n, harmful) => format!("ファイルを{}検査し、うち{}が有害でした。", count(n), count(harmful)),
        };
        let sentence = match (f.judged, missed) {
            (0, 0) => format!("{since}検査するファイルの通信はまだありません。"),
            (0, _) => format!("{since}検査できなかったファイルは{}です。", count(missed)),
            (_, 0) => format!("{since}{judged}検査できなかったファイルはありません。"),
            (_, _) => format!("{since}{judged}検査できなかったファイルは{}です。", count(missed)),
        };
        let reasons = [
            ("パスワードがかかっている", f.locked),
            ("圧縮ファイルの中に圧縮ファイルが何重にも入っている", f.too_deep),
            ("大きすぎる", f.too_large),
            ("壊れている、または読めない形式", f.unreadable),
            ("装置の検査が間に合わなかった、または止まっていた", f.no_scanner),
        ];
        let reasons = reasons.into_iter().filter(|(_, n)| *n > 0).map(|(why, n)| (why, count(n))).collect();
        FileFigure { sentence, reasons }
    }
}

#[cfg(test)]
mod tests {
    use mimamori_domain::gateway::FileCounts;

    use super::*;

    fn figure(files: FileCounts) -> FileFigure {
        FileFigure::new(Some(&Heartbeat { uptime_secs: 7_200, files, ..Heartbeat::default() }))
    }

    #[test]
    fn gw_03_files_that_were_not_inspected_are_told_with_every_reason() {
        let f = FileCounts {
            judged: 1_200,
            harmful: 3,
            locked: 5,
            too_deep: 4,
            too_large: 3,
            unreadable: 2,
            no_scanner: 1,
        };
        let shown = figure(f);
        assert_eq!(
            shown.sentence,
            "装置が動きはじめてからの2時間0分で、ファイルを1,200個検査し、うち3個が有害でした。検査できなかったファイルは15個です。"
        );
        let counts: Vec<&str> = shown.reasons.iter().map(|(_, n)| n.as_str()).collect();
        assert_eq!(counts, ["5個", "4個", "3個", "2個", "1個"]);
    }

    #[test]
    fn nothing_is_claimed_of_files_that_did_not_come() {
        let none = figure(FileCounts::default());
        assert!(
            none.sentence.ends_with("検査するファイルの通信はまだありません。") && none.reasons.is_empty()
        );
        assert_eq!(FileFigure::new(None).sentence, "まだ装置からの連絡がありません。");
        let all = figure(FileCounts { judged: 9, ..FileCounts::default() });
        assert!(all.sentence.ends_with("検査できなかったファイルはありません。"), "{}", all.sentence);
        let one = figure(FileCounts { locked: 1, ..FileCounts::default() });
        assert_eq!(one.reasons, [("パスワードがかかっている", "1個".to_owned())]);
        assert!(!one.sentence.contains("検査し"), "{}", one.sentence);
    }
}
