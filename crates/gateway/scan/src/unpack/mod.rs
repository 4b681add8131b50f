//! Everything that is packed in a file, one member after the other.
//!
//! Responsible for the walk and for what it may cost ([`Budget`]). Holds always: the file itself
//! comes first; a container's members come before what is packed in them; what is not looked
//! into is noted with its reason; memory stays within the limits whatever the bytes say.

mod budget;
pub(crate) mod byteranges;
mod office;
mod ovba;
mod rar;
mod sevenz;
mod stream;
mod zips;

pub use budget::Budget;
pub use ovba::decompress as decompress_vba;

use crate::scanner::Why;
use crate::sniff::{Kind, sniff};

/// Takes a member and the way to it; `false` ends the walk.
pub type Visit<'v> = dyn FnMut(&[u8], &[String]) -> bool + 'v;

/// Shows the file and all that is packed in it to `visit`.
pub fn walk(bytes: &[u8], budget: &mut Budget, visit: &mut Visit<'_>) {
    descend(bytes, &mut Vec::new(), budget, visit);
}

/// `false`: the walk has ended.
fn descend(bytes: &[u8], path: &mut Vec<String>, budget: &mut Budget, visit: &mut Visit<'_>) -> bool {
    if !visit(bytes, path) {
        return false;
    }
    let kind = sniff(bytes);
    if kind == Kind::Plain {
        return true;
    }
    if path.len() as u64 >= u64::from(budget.limits.depth) {
        budget.note(Why::TooDeep);
        return true;
    }
    let mut member = |name: String, bytes: &[u8], budget: &mut Budget| {
        path.push(name);
        let go_on = descend(bytes, path, budget, visit);
        path.pop();
        go_on
    };
    match kind {
        Kind::Zip => zips::members(bytes, budget, &mut member),
        Kind::Gzip => stream::gzip(bytes, budget, &mut member),
        Kind::Bzip2 => stream::bzip2(bytes, budget, &mut member),
        Kind::Xz => stream::xz(bytes, budget, &mut member),
        Kind::Tar => stream::tar(bytes, budget, &mut member),
        Kind::SevenZip => sevenz::members(bytes, budget, &mut member),
        Kind::Rar => rar::members(bytes, budget, &mut member),
        Kind::ByteRanges => byteranges::members(bytes, budget, &mut member),
        Kind::Ole => office::members(bytes, budget, &mut member),
        Kind::Plain => true,
    }
}

/// Takes one unpacked member; `false` ends the walk.
type Member<'m> = dyn FnMut(String, &[u8], &mut Budget) -> bool + 'm;

#[cfg(test)]
mod tests;
