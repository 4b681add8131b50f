//! Rules that can never match: sizes that contradict contents.

use crate::ast::{Check, Match, NumberCmp, Selector};
use crate::error::{Result, RuleError};
use crate::parse::builder::{Builder, List};

/// Refuses contents that do not fit into what `bsize` and `dsize` allow.
pub fn check(b: &Builder<'_>) -> Result<()> {
    for list in &b.lists {
        let needed = needed_length(list);
        for item in &list.items {
            if let Match::Bsize(cmp) = item.matched {
                fits(needed, cmp, "bsize").map_err(|e| e.at(item.at))?;
            }
        }
    }
    let payload = b.lists.iter().find(|l| l.selector == Selector::Payload && l.base64_of.is_none());
    for check in &b.checks {
        if let (Check::Dsize(cmp), Some(list)) = (check, payload) {
            fits(needed_length(list), *cmp, "dsize")?;
        }
    }
    Ok(())
}

/// The least length of a buffer in which the contents that must be there can be.
fn needed_length(list: &List) -> u64 {
    let (mut longest, mut end) = (0i64, 0i64);
    for item in &list.items {
        let c = match &item.matched {
            Match::Content(c) if !c.negated => c,
            Match::Content(_) | Match::Bsize(_) | Match::Entropy(_) | Match::Dataset(_) => continue,
            // Where these end is not known: begin anew.
            _ => {
                end = 0;
                continue;
            }
        };
        let length = i64::try_from(c.pattern.len()).unwrap_or(i64::MAX);
        let from = if c.is_relative() {
            let distance = c.distance.map_or(0, |d| d.constant().unwrap_or(i64::MIN / 2));
            end.saturating_add(distance).max(0)
        } else {
            c.offset.and_then(|o| o.constant()).unwrap_or(0)
        };
        end = from.saturating_add(length);
        longest = longest.max(end);
    }
    u64::try_from(longest).unwrap_or(0)
}

fn fits(needed: u64, cmp: NumberCmp, keyword: &str) -> Result<()> {
    let most = match cmp {
        NumberCmp::Eq(n) | NumberCmp::Le(n) => n,
        NumberCmp::Lt(n) | NumberCmp::Between(_, n) => n.saturating_sub(1),
        _ => return Ok(()),
    };
    if needed > most {
        return Err(RuleError::invalid(format!(
            "the contents need {needed} bytes, but `{keyword}` allows {most} at most"
        )));
    }
    Ok(())
}
