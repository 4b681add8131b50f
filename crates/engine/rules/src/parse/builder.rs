//! A rule while its options are read.

use mimamori_applayer::{AppProto, Field, FieldKind};
use mimamori_base::Direction;

use crate::ast::{
    Absent, Check, Classification, Content, Effect, Header, Match, Reference, Selector, Target, Transform,
    VarId,
};
use crate::error::{Result, bail};
use crate::set::ParseContext;
use std::sync::Arc;

/// Variables of byte_extract and byte_math that a rule may have.
const MAX_VARS: usize = 16;
/// Matches that a rule may have; far above what real rules use.
const MAX_MATCHES: usize = 512;

/// One match and where in the rule it stands.
#[derive(Debug)]
pub struct Item {
    pub matched: Match,
    pub at: usize,
}

/// Matches on one buffer, in the making.
#[derive(Debug)]
pub struct List {
    pub selector: Selector,
    /// Holds the matches on what the base64_decode at (list, item) gave.
    pub base64_of: Option<(usize, usize)>,
    pub transforms: Vec<Transform>,
    pub items: Vec<Item>,
    pub absent: Absent,
    /// Named for a field that both sides have.
    pub side: Option<Direction>,
    pub at: usize,
}

/// What the options have said so far.
pub struct Builder<'a> {
    pub context: &'a ParseContext,
    /// The whole rule.
    pub text: &'a str,
    pub header: Header,
    /// Byte offset of the option that is being read.
    pub at: usize,
    pub gid: u32,
    pub sid: Option<u32>,
    pub rev: u32,
    pub msg: Option<Arc<str>>,
    pub class: Option<Arc<Classification>>,
    pub priority: Option<u8>,
    pub references: Vec<Reference>,
    pub metadata: Vec<(Box<str>, Box<str>)>,
    pub target: Option<Target>,
    pub checks: Vec<Check>,
    pub effects: Vec<Effect>,
    pub noalert: bool,
    pub pass_alerts: bool,
    pub prefilter: bool,
    pub vars: Vec<Box<str>>,
    pub lists: Vec<List>,
    /// The list that a sticky buffer has selected.
    pub current: Option<usize>,
    /// The content that was written last: list and item.
    pub last_content: Option<(usize, usize)>,
    /// The list that the last match went to.
    pub last_list: Option<usize>,
    /// Keywords that need an application protocol: their protocols and names.
    pub app_needs: Vec<(&'static [AppProto], &'static str)>,
    pub warnings: Vec<String>,
    pub total_matches: usize,
}

impl<'a> Builder<'a> {
    pub fn new(header: Header, context: &'a ParseContext, text: &'a str) -> Builder<'a> {
        Builder {
            context,
            text,
            header,
            at: 0,
            gid: 1,
            sid: None,
            rev: 0,
            msg: None,
            class: None,
            priority: None,
            references: Vec::new(),
            metadata: Vec::new(),
            target: None,
            checks: Vec::new(),
            effects: Vec::new(),
            noalert: false,
            pass_alerts: false,
            prefilter: false,
            vars: Vec::new(),
            lists: Vec::new(),
            current: None,
            last_content: None,
            last_list: None,
            app_needs: Vec::new(),
            warnings: Vec::new(),
            total_matches: 0,
        }
    }

    /// 1-based place of the option that is being read, in characters.
    pub fn column(&self) -> u32 {
        crate::set::column(self.text, self.at)
    }

    /// Makes `selector` the buffer of the matches that follow.
    pub fn select(&mut self, selector: Selector) -> Result<()> {
        self.leave_current()?;
        let multi = matches!(selector, Selector::Field(f) if f.info().kind == FieldKind::MultiBytes);
        let index = if multi { self.push_list(selector) } else { self.list_of(selector) };
        self.current = Some(index);
        if let Selector::Field(f) = selector {
            self.need_app(f);
        }
        Ok(())
    }

    /// Back to the payload.
    pub fn select_payload(&mut self) -> Result<()> {
        self.leave_current()?;
        self.current = None;
        Ok(())
    }

    fn leave_current(&self) -> Result<()> {
        match self.current.and_then(|i| self.lists.get(i)) {
            Some(list) if list.items.is_empty() && list.absent == Absent::No => {
                bail!("the buffer before has nothing to match")
            }
            _ => Ok(()),
        }
    }

    fn push_list(&mut self, selector: Selector) -> usize {
        self.lists.push(List {
            selector,
            base64_of: None,
            transforms: Vec::new(),
            items: Vec::new(),
            absent: Absent::No,
            side: None,
            at: self.at,
        });
        self.lists.len() - 1
    }

    /// The list of `selector` without transforms, made when it is not there.
    pub fn list_of(&mut self, selector: Selector) -> usize {
        let found = self
            .lists
            .iter()
            .position(|l| l.selector == selector && l.transforms.is_empty() && l.base64_of.is_none());
        found.unwrap_or_else(|| self.push_list(selector))
    }

    /// A transform: on the sticky buffer, or on a further copy of it where it has matches already.
    pub fn transform(&mut self, transform: Transform) -> Result<()> {
        let Some((index, list)) = self.current.and_then(|i| Some((i, self.lists.get(i)?))) else {
            bail!("a transform needs a sticky buffer before it");
        };
        if list.base64_of.is_some() {
            bail!("base64_data cannot be transformed");
        }
        let (selector, used) = (list.selector, !list.items.is_empty());
        let index = if used { self.push_list(selector) } else { index };
        if let Some(list) = self.lists.get_mut(index) {
            list.transforms.push(transform);
        }
        self.current = Some(index);
        Ok(())
    }

    /// The matches of base64_data belong to the last base64_decode.
    pub fn select_base64(&mut self) -> Result<()> {
        let decode = self.lists.iter().enumerate().rev().find_map(|(l, list)| {
            list.items.iter().rposition(|i| matches!(i.matched, Match::Base64Decode(_))).map(|i| (l, i))
        });
        let Some(decode) = decode else {
            bail!("base64_data needs a base64_decode before it");
        };
        self.leave_current()?;
        let index = self.push_list(Selector::Payload);
        if let Some(list) = self.lists.get_mut(index) {
            list.base64_of = Some(decode);
        }
        self.current = Some(index);
        Ok(())
    }

    /// The list that the next match goes to.
    pub fn target_list(&mut self) -> usize {
        match self.current {
            Some(i) => i,
            None => self.list_of(Selector::Payload),
        }
    }

    /// Adds a match that may be relative: without a sticky buffer it goes where the match
    /// before it went.
    pub fn push_relative(&mut self, relative: bool, matched: Match) -> Result<()> {
        match (self.current, self.last_list) {
            (None, Some(list)) if relative => self.push_to(list, matched),
            _ => self.push(matched),
        }
    }

    /// Adds a match to the current list.
    pub fn push(&mut self, matched: Match) -> Result<()> {
        let list = self.target_list();
        self.push_to(list, matched)
    }

    pub fn push_to(&mut self, list: usize, matched: Match) -> Result<()> {
        self.total_matches += 1;
        if self.total_matches > MAX_MATCHES {
            bail!("more than {MAX_MATCHES} matches in one rule");
        }
        let at = self.at;
        self.last_list = Some(list);
        let is_content = matches!(matched, Match::Content(_));
        if let Some(l) = self.lists.get_mut(list) {
            l.items.push(Item { matched, at });
            if is_content {
                self.last_content = Some((list, l.items.len() - 1));
            }
        }
        Ok(())
    }

    /// The content that a modifier belongs to.
    pub fn modified(&mut self, keyword: &str) -> Result<&mut Content> {
        let place = match self.current {
            Some(list) => self.lists.get(list).and_then(|l| {
                l.items.iter().rposition(|i| matches!(i.matched, Match::Content(_))).map(|i| (list, i))
            }),
            None => self.last_content,
        };
        let content = place.and_then(|(l, i)| self.lists.get_mut(l)?.items.get_mut(i));
        match content.map(|i| &mut i.matched) {
            Some(Match::Content(c)) => Ok(c),
            _ => bail!("`{keyword}` needs a content before it"),
        }
    }

    /// Moves the last content of the payload to `field`: what the old modifiers do.
    pub fn move_last_content(&mut self, keyword: &str, field: Field) -> Result<()> {
        if self.current.is_some() {
            bail!("`{keyword}` cannot follow a sticky buffer; write `{}`", field.info().keyword);
        }
        let payload =
            self.lists.iter().position(|l| l.selector == Selector::Payload && l.base64_of.is_none());
        let place = payload.and_then(|p| {
            let items = &self.lists.get(p)?.items;
            items.iter().rposition(|i| matches!(i.matched, Match::Content(_))).map(|i| (p, i))
        });
        let Some((list, item)) = place else {
            bail!("`{keyword}` needs a content before it");
        };
        let Some(moved) = self.lists.get_mut(list).map(|l| l.items.remove(item)) else {
            bail!("`{keyword}` needs a content before it");
        };
        let Match::Content(content) = &moved.matched else {
            bail!("`{keyword}` needs a content before it");
        };
        if content.replace.is_some() {
            bail!("`replace` and `{keyword}` cannot be together");
        }
        self.need_app(field);
        let to = self.list_of(Selector::Field(field));
        self.last_list = Some(to);
        if let Some(l) = self.lists.get_mut(to) {
            l.items.push(moved);
            self.last_content = Some((to, l.items.len() - 1));
        }
        Ok(())
    }

    pub fn need_app(&mut self, field: Field) {
        let info = field.info();
        self.app_needs.push((info.protos, info.keyword));
    }

    /// The variable of this name, which an earlier keyword must have made.
    pub fn var(&self, name: &str) -> Result<VarId> {
        match self.vars.iter().position(|v| &**v == name).and_then(|i| u8::try_from(i).ok()) {
            Some(i) => Ok(VarId(i)),
            None => bail!("the variable `{name}` is not made by an earlier byte_extract or byte_math"),
        }
    }

    /// Makes a variable.
    pub fn new_var(&mut self, name: &str) -> Result<VarId> {
        let name = crate::parse::value::name(name)?;
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            bail!("the variable `{name}` begins with a digit");
        }
        if let Some(i) = self.vars.iter().position(|v| *v == name) {
            return Ok(VarId(u8::try_from(i).unwrap_or(u8::MAX)));
        }
        if self.vars.len() >= MAX_VARS {
            bail!("more than {MAX_VARS} variables in one rule");
        }
        self.vars.push(name);
        Ok(VarId(u8::try_from(self.vars.len() - 1).unwrap_or(u8::MAX)))
    }

    pub fn check(&mut self, check: Check) {
        self.checks.push(check);
    }
}
