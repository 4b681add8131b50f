//! Files that people add to inquiries and scan reports.
//!
//! Holds always: a stored file has an allowed type that its first bytes confirm, a bounded size
//! and a harmless name; it is only ever served as a download. Deliberately not here: looking for
//! malware in it (the reader's own scanner does that; the desk is told so).

use mimamori_base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{AlertId, AttachmentId, CustomerId, InquiryId};
use crate::text::Line;

/// Most bytes of one file.
pub const FILE_MAX_BYTES: usize = 5 * 1024 * 1024;
/// Most files of one message.
pub const FILES_MAX: usize = 3;
/// Most bytes that one customer's files take together.
pub const CUSTOMER_MAX_BYTES: u64 = 200 * 1024 * 1024;

/// What a file belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum About {
    Inquiry(InquiryId),
    Alert(AlertId),
}

impl About {
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            About::Inquiry(_) => "inquiry",
            About::Alert(_) => "alert",
        }
    }

    #[must_use]
    pub const fn id(self) -> [u8; 16] {
        match self {
            About::Inquiry(id) => id.0,
            About::Alert(id) => id.0,
        }
    }

    #[must_use]
    pub fn from_parts(code: &str, id: [u8; 16]) -> Option<Self> {
        match code {
            "inquiry" => Some(About::Inquiry(InquiryId(id))),
            "alert" => Some(About::Alert(AlertId(id))),
            _ => None,
        }
    }
}

/// A stored file without its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attachment {
    pub id: AttachmentId,
    pub customer: CustomerId,
    pub about: About,
    pub name: Line,
    pub file_type: FileType,
    pub size: u64,
    pub at: Timestamp,
    pub by: Line,
}

crate::coded::coded!(
    /// Types that may be uploaded, by the ending of the name.
    FileType {
        Png = "png", "画像（PNG）";
        Jpeg = "jpg", "画像（JPEG）";
        Pdf = "pdf", "PDF";
        Text = "txt", "テキスト";
        Log = "log", "記録（テキスト）";
        Csv = "csv", "CSV";
        Xlsx = "xlsx", "Excel";
        Docx = "docx", "Word";
        Zip = "zip", "ZIP";
    }
);

/// Why a file was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFile {
    #[error("the file is empty")]
    Empty,
    #[error("the file is larger than 5 MB")]
    TooLarge,
    #[error("files of this type are not taken")]
    Type,
    #[error("the content is not what the name says")]
    Content,
    #[error("too many files")]
    TooMany,
    #[error("the customer's room for files is full")]
    NoRoom,
}

impl BadFile {
    /// What a person reads.
    #[must_use]
    pub const fn for_people(self) -> &'static str {
        match self {
            BadFile::Empty => "添付ファイルが空です。ファイルを選び直してください。",
            BadFile::TooLarge => "添付ファイルは1つ5MBまでです。小さくするか、分けてお送りください。",
            BadFile::Type => {
                "この種類のファイルは添付できません。画像（PNG・JPEG）、PDF、テキスト、CSV、Excel、Word、ZIPをお使いください。"
            }
            BadFile::Content => {
                "ファイルの中身が、名前の種類とちがいます。元のソフトで保存し直してからお試しください。"
            }
            BadFile::NoRoom => {
                "添付ファイルの置き場所がいっぱいです。添付なしでお送りいただくか、相談窓口へお電話ください。"
            }
            BadFile::TooMany => "添付ファイルは3つまでです。",
        }
    }
}

/// Checks an upload: its name made harmless, its type by name and content.
pub fn check(name: &str, bytes: &[u8]) -> Result<(Line, FileType), BadFile> {
    if bytes.is_empty() {
        return Err(BadFile::Empty);
    }
    if bytes.len() > FILE_MAX_BYTES {
        return Err(BadFile::TooLarge);
    }
    let name = harmless(name);
    let ending = name.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase()).unwrap_or_default();
    let ending = if ending == "jpeg" { "jpg".to_owned() } else { ending };
    let file_type = FileType::from_code(&ending).map_err(|_| BadFile::Type)?;
    if fits(file_type, bytes) { Ok((name, file_type)) } else { Err(BadFile::Content) }
}

fn fits(file_type: FileType, bytes: &[u8]) -> bool {
    match file_type {
        FileType::Png => bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
        FileType::Jpeg => bytes.starts_with(b"\xff\xd8\xff"),
        FileType::Pdf => bytes.starts_with(b"%PDF-"),
        FileType::Xlsx | FileType::Docx | FileType::Zip => bytes.starts_with(b"PK\x03\x04"),
        FileType::Text | FileType::Log | FileType::Csv => !bytes.contains(&0),
    }
}

/// The last part of the name, without anything that a header or a file system would mind.
fn harmless(name: &str) -> Line {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '"' | ':' | '<' | '>' | '|' | '?' | '*' | ';' | '%'))
        .collect();
    let kept = kept.trim_matches(['.', ' ']);
    let skip = kept.chars().count().saturating_sub(100);
    let end: String = kept.chars().skip(skip).collect();
    Line::clip(end.trim_start_matches(['.', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_name_says_or_is_refused() {
        let png = b"\x89PNG\r\n\x1a\n....";
        assert_eq!(
            check("C:\\fake\\スキャン結果.PNG", png).map(|(n, t)| (n.to_string(), t)),
            Ok(("スキャン結果.PNG".to_owned(), FileType::Png))
        );
        assert_eq!(check("a.png", b"<html><script>"), Err(BadFile::Content));
        assert_eq!(check("a.html", b"<html>"), Err(BadFile::Type));
        assert_eq!(check("a.svg", b"<svg/>"), Err(BadFile::Type));
        assert_eq!(check("a.pdf.exe", b"MZ"), Err(BadFile::Type));
        assert_eq!(check("a.txt", b""), Err(BadFile::Empty));
        assert_eq!(check("a.txt", &vec![b'a'; FILE_MAX_BYTES + 1]), Err(BadFile::TooLarge));
        assert_eq!(check("a.txt", b"\0\x01"), Err(BadFile::Content));
    }

    #[test]
    fn the_end_of_a_long_name_begins_with_no_dot() {
        let name = format!("{}..{}.txt", "a".repeat(50), "b".repeat(94));
        let (name, _) = check(&name, b"text").expect("a text");
        assert_eq!(name.to_string(), format!("{}.txt", "b".repeat(94)));
    }

    #[test]
    fn a_name_cannot_break_a_header_or_leave_its_folder() {
        let (name, _) = check("../../etc/x\"; filename=\"y\r\n.txt", b"a").unwrap();
        assert!(!name.contains(['"', '/', '\r', '\n', ';']), "{name}");
    }
}
