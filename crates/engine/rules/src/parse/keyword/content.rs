//! `content` and its modifiers.

use mimamori_applayer::Field;

use crate::ast::{Content, FastPattern, Match, Selector, Value};
use crate::error::{Result, bail};
use crate::lex::RawOption;
use crate::parse::Builder;
use crate::parse::value::{bare, maybe_quoted, number, pattern, quoted, required, signed};

/// Positions beyond this cannot occur in a buffer.
const MAX_POSITION: i64 = 1 << 20;

pub fn content(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let content = parse(o)?;
    b.push(Match::Content(content))
}

fn parse(o: &RawOption<'_>) -> Result<Content> {
    let (text, negated) = quoted(o)?;
    Ok(Content { pattern: pattern(text)?, negated, ..Content::default() })
}

/// `uricontent`: a content on the normalised URI, whatever buffer is selected.
pub fn uricontent(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let content = parse(o)?;
    b.need_app(Field::HttpUri);
    let list = b.list_of(Selector::Field(Field::HttpUri));
    b.push_to(list, Match::Content(content))
}

pub fn nocase(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    bare(o)?;
    let c = b.modified("nocase")?;
    if c.nocase {
        bail!("`nocase` stands twice for one content");
    }
    c.nocase = true;
    Ok(())
}

pub fn rawbytes(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    bare(o)?;
    b.modified("rawbytes")?;
    Ok(())
}

/// A number or a variable.
fn position(b: &Builder<'_>, o: &RawOption<'_>) -> Result<Value> {
    let text = maybe_quoted(o)?.trim();
    let first = text.trim_start_matches(['-', '+']).chars().next();
    if first.is_some_and(|c| c.is_ascii_digit()) {
        let n = signed(text)?;
        if n.abs() > MAX_POSITION {
            bail!("`{}` {n} is beyond {MAX_POSITION}", o.name);
        }
        Ok(Value::Const(n))
    } else {
        Ok(Value::Var(b.var(text)?))
    }
}

fn not_below_zero(o: &RawOption<'_>, v: Value) -> Result<Value> {
    match v {
        Value::Const(n) if n < 0 => bail!("`{}` cannot be below 0", o.name),
        v => Ok(v),
    }
}

fn length(c: &Content) -> i64 {
    i64::try_from(c.pattern.len()).unwrap_or(i64::MAX)
}

pub fn depth(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let v = not_below_zero(o, position(b, o)?)?;
    let c = b.modified("depth")?;
    if c.depth.is_some() {
        bail!("`depth` stands twice for one content");
    }
    if c.is_relative() {
        bail!("`depth` cannot be used with `distance` or `within` on one content");
    }
    if c.startswith {
        bail!("`depth` cannot be used with `startswith`");
    }
    if c.negated && c.fast_pattern == FastPattern::Only {
        bail!("`depth` cannot be used with a negated `fast_pattern:only`");
    }
    if v.constant().is_some_and(|n| n < length(c)) {
        bail!("`depth` is less than the pattern is long ({})", c.pattern.len());
    }
    c.depth = Some(v);
    Ok(())
}

pub fn offset(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let v = not_below_zero(o, position(b, o)?)?;
    let c = b.modified("offset")?;
    if c.offset.is_some() {
        bail!("`offset` stands twice for one content");
    }
    if c.is_relative() {
        bail!("`offset` cannot be used with `distance` or `within` on one content");
    }
    if c.startswith {
        bail!("`offset` cannot be used with `startswith`");
    }
    c.offset = Some(v);
    Ok(())
}

pub fn distance(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let v = position(b, o)?;
    let c = b.modified("distance")?;
    if c.distance.is_some() {
        bail!("`distance` stands twice for one content");
    }
    relative_allowed(c, "distance")?;
    c.distance = Some(v);
    Ok(())
}

pub fn within(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let v = not_below_zero(o, position(b, o)?)?;
    let c = b.modified("within")?;
    if c.within.is_some() {
        bail!("`within` stands twice for one content");
    }
    relative_allowed(c, "within")?;
    if v.constant().is_some_and(|n| n < length(c)) {
        bail!("`within` is less than the pattern is long ({})", c.pattern.len());
    }
    c.within = Some(v);
    Ok(())
}

fn relative_allowed(c: &Content, keyword: &str) -> Result<()> {
    if c.depth.is_some() || c.offset.is_some() {
        bail!("`{keyword}` cannot be used with `depth` or `offset` on one content");
    }
    if c.startswith {
        bail!("`{keyword}` cannot be used with `startswith`");
    }
    if c.negated && c.fast_pattern != FastPattern::No {
        bail!("`{keyword}` cannot be used with a negated `fast_pattern`");
    }
    if c.fast_pattern == FastPattern::Only {
        bail!("`{keyword}` cannot be used with `fast_pattern:only`");
    }
    Ok(())
}

pub fn startswith(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    bare(o)?;
    let c = b.modified("startswith")?;
    if c.startswith {
        bail!("`startswith` stands twice for one content");
    }
    if c.depth.is_some() || c.offset.is_some() || c.is_relative() {
        bail!("`startswith` cannot be used with `depth`, `offset`, `distance` or `within`");
    }
    c.startswith = true;
    Ok(())
}

pub fn endswith(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    bare(o)?;
    let c = b.modified("endswith")?;
    if c.endswith {
        bail!("`endswith` stands twice for one content");
    }
    c.endswith = true;
    Ok(())
}

pub fn fast_pattern(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let others = b.lists.iter().flat_map(|l| &l.items);
    let count = others
        .filter(|i| matches!(&i.matched, Match::Content(c) if c.fast_pattern != FastPattern::No))
        .count();
    if count > 0 {
        bail!("`fast_pattern` stands twice in the rule");
    }
    let c = b.modified("fast_pattern")?;
    let placed = c.depth.is_some() || c.offset.is_some() || c.is_relative();
    if c.negated && placed {
        bail!("`fast_pattern` cannot be used on a negated content with a position");
    }
    c.fast_pattern = match o.value {
        None | Some("") => FastPattern::Yes,
        Some("only") if c.negated => bail!("`fast_pattern:only` cannot be used on a negated content"),
        Some("only") if placed => bail!("`fast_pattern:only` cannot be used with a position"),
        Some("only") => FastPattern::Only,
        Some(chop) => {
            let Some((offset, length)) = chop.split_once(',') else {
                bail!("`fast_pattern` takes `only`, or an offset and a length");
            };
            let (offset, length): (u16, u16) = (number(offset)?, number(length)?);
            if c.negated {
                bail!("`fast_pattern` with a part cannot be used on a negated content");
            }
            if length == 0 || usize::from(offset) + usize::from(length) > c.pattern.len() {
                bail!("the part `{chop}` does not lie within the pattern of {} bytes", c.pattern.len());
            }
            FastPattern::Chop { offset, length }
        }
    };
    Ok(())
}

pub fn replace(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let text = required(o)?;
    let (text_inner, negated) = quoted(&RawOption { value: Some(text), ..*o })?;
    if negated {
        bail!("`replace` cannot be negated");
    }
    let bytes = pattern(text_inner)?;
    let c = b.modified("replace")?;
    if c.negated {
        bail!("`replace` cannot be used on a negated content");
    }
    if bytes.len() != c.pattern.len() {
        bail!("`replace` must be as long as the content ({} bytes)", c.pattern.len());
    }
    c.replace = Some(bytes);
    Ok(())
}
