//! Captures through the engine, as fast as they can be read.
//!
//! Responsible for reading a capture and handing each frame to an engine. Holds always: an
//! unreadable or cut capture is an error that says where; what came before it is inspected.

use std::path::Path;

use anyhow::Context;
use mimamori_base::Timestamp;
use mimamori_capture::{CaptureError, CaptureReader};
use mimamori_engine::{Engine, EventSink, LinkType};

/// What a replay did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Replayed {
    pub frames: u64,
    pub bytes: u64,
    pub last: Timestamp,
}

/// Runs the capture at `path` through `engine`; `progress` is told now and then.
pub fn replay_file(
    engine: &mut Engine,
    path: &Path,
    out: &mut dyn EventSink,
    progress: &mut dyn FnMut(&Replayed),
) -> anyhow::Result<Replayed> {
    let mut reader =
        CaptureReader::open(path).with_context(|| format!("cannot read the capture {}", path.display()))?;
    let mut done = Replayed::default();
    let result = loop {
        let frame = match reader.next_frame() {
            Ok(Some(frame)) => frame,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        };
        done.frames += 1;
        done.bytes += frame.bytes.len() as u64;
        // A capture's clock may step back; time in the engine does not.
        done.last = done.last.max(frame.at);
        let link = LinkType(i32::try_from(frame.link_type).unwrap_or(-1));
        engine.frame(frame.at, link, None, frame.bytes, out);
        if done.frames % 65_536 == 0 {
            progress(&done);
        }
    };
    engine.finish(done.last, out);
    match result {
        Ok(()) => Ok(done),
        Err(error) => Err(ended_early(error, path, done.frames)),
    }
}

/// Why a capture could not be read to its end.
pub(crate) fn ended_early(error: CaptureError, path: &Path, frames: u64) -> anyhow::Error {
    let path = path.display();
    let what = match error {
        CaptureError::Truncated { .. } => {
            format!("{path} is cut off after frame {frames}; everything before it was inspected")
        }
        _ => format!("cannot read {path} past frame {frames}"),
    };
    anyhow::Error::new(error).context(what)
}
