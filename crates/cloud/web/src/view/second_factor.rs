//! The second step of the login: overview, authenticator app, SMS, passkeys,
//! recovery codes.

use askama::Template;

use super::{Frame, Moment};

#[derive(Debug, Template)]
#[template(path = "second_factor.html")]
pub struct Page {
    pub frame: Frame,
    pub error: Option<&'static str>,
    pub on: bool,
    /// The app's card speaks of moving to another telephone.
    pub app: bool,
    /// What is in use, in words.
    pub kind: String,
    /// Nobody has chosen yet: the page is an offer.
    pub undecided: bool,
    /// Staff cannot do without.
    pub must: bool,
    pub codes_left: u32,
    /// SMS can be chosen.
    pub sms: bool,
    pub passkeys: Vec<PasskeyLine>,
    /// There may be more passkeys.
    pub room: bool,
    /// The password was given lately: passkeys may be added and removed.
    pub proved: bool,
    /// What the page's script asks the browser for a new passkey with.
    pub request: String,
}

/// One passkey.
#[derive(Debug)]
pub struct PasskeyLine {
    pub id: String,
    pub name: String,
    pub since: Moment,
    pub used: Option<Moment>,
}

#[derive(Debug, Template)]
#[template(path = "second_factor_sms.html")]
pub struct SmsPage {
    pub frame: Frame,
    pub error: Option<&'static str>,
    pub number: String,
    /// A code went to the number: the page asks for it.
    pub sent: bool,
}

#[derive(Debug, Template)]
#[template(path = "second_factor_app.html")]
pub struct AppPage {
    pub frame: Frame,
    pub error: Option<&'static str>,
    pub qr: QrSvg,
    pub key: String,
}

#[derive(Debug, Template)]
#[template(path = "second_factor_codes.html")]
pub struct CodesPage {
    pub frame: Frame,
    pub codes: Vec<String>,
}

/// A QR code as one SVG path, with its quiet zone of four modules (ISO/IEC 18004).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QrSvg {
    pub side: usize,
    pub path: String,
}

impl QrSvg {
    pub fn of(modules: &[bool], width: usize) -> Self {
        const QUIET: usize = 4;
        let mut path = String::new();
        for (y, row) in modules.chunks(width.max(1)).enumerate() {
            let mut x = 0;
            while let Some(dark) = row.get(x) {
                let run = row.iter().skip(x).take_while(|m| *m == dark).count();
                if *dark {
                    path.push_str(&format!("M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET));
                }
                x += run;
            }
        }
        QrSvg { side: width + 2 * QUIET, path }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dark_runs_become_rectangles() {
        let qr = QrSvg::of(&[true, true, false, true], 2);
        assert_eq!(qr.side, 10);
        assert_eq!(qr.path, "M4 4h2v1h-2zM5 5h1v1h-1z");
    }
}
