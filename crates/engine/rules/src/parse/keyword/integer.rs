//! Keywords of several numbers: `value[,index[,stretch]]`, and `count value`.

use super::enumeration;
use crate::ast::{NumberCmp, NumbersTest, Which};
use crate::error::{Result, RuleError, bail};
use crate::parse::value::{compare, compare_number, parts};

/// A test of numbers up to `max`, with names where `keyword` has any.
pub fn numbers(keyword: &str, text: &str, max: u64) -> Result<NumbersTest> {
    if let Some(rest) = text.strip_prefix("count") {
        return Ok(NumbersTest { cmp: compare_number(rest, u64::MAX)?, which: Which::Count, slice: None });
    }
    if let Some(mask) = enumeration::flags(keyword, text) {
        return Ok(NumbersTest::any(mask?));
    }
    let mut p = parts(text);
    let cmp = number(keyword, p.next().unwrap_or_default(), max)?;
    let which = p.next().map_or(Ok(Which::Any), index)?;
    let slice = p.next().map(stretch).transpose()?;
    match p.next() {
        None => Ok(NumbersTest { cmp, which, slice }),
        Some(more) => bail!("`{more}` is too much: `{keyword}` takes a value, an index and a stretch"),
    }
}

/// One number, or a name of one.
pub fn number(keyword: &str, text: &str, max: u64) -> Result<NumberCmp> {
    compare(text, max, &|name| enumeration::value(keyword, name))
}

/// Which of the numbers.
fn index(text: &str) -> Result<Which> {
    Ok(match text {
        "any" => Which::Any,
        "all" => Which::All,
        "all_or_absent" => Which::AllOrAbsent,
        "or_absent" => Which::OrAbsent,
        other => {
            if let Some(times) = other.strip_prefix("nb") {
                Which::Counted(compare_number(times, u64::MAX)?)
            } else if let Some(at) = other.strip_prefix("oob_or") {
                Which::IndexOrOutside(place(at)?)
            } else {
                Which::Index(place(other)?)
            }
        }
    })
}

/// `2:4`, `-4:-1`: begin and end of the stretch that is looked at.
fn stretch(text: &str) -> Result<(i32, i32)> {
    match text.split_once(':') {
        Some((begin, end)) => Ok((place(begin)?, place(end)?)),
        None => bail!("`{text}` is no stretch: it needs a begin and an end, `2:4`"),
    }
}

fn place(text: &str) -> Result<i32> {
    let text = text.trim();
    text.parse().map_err(|_| RuleError::invalid(format!("`{text}` is no index")))
}
