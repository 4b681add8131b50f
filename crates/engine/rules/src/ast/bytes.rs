//! Numbers in buffers: byte_test, byte_jump, byte_extract, byte_math, isdataat, base64_decode.

use super::content::{Value, VarId};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Endian {
    #[default]
    Big,
    Little,
    /// As the DCE/RPC header of the transaction says.
    Dce,
}

/// How bytes are read as a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ByteBase {
    Binary,
    /// Text digits, base 16.
    Hex,
    Dec,
    Oct,
    /// Text, base by its prefix (`0x`, `0`, none).
    Auto,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TestOp {
    Lt,
    Gt,
    Eq,
    Le,
    Ge,
    And,
    Or,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ByteTest {
    pub nbytes: Value,
    pub op: TestOp,
    /// `!`: the result of `op` is turned round.
    pub negated: bool,
    pub value: ByteValue,
    pub offset: Value,
    pub relative: bool,
    pub endian: Endian,
    pub base: ByteBase,
    /// Applied, then shifted right by its trailing zeros.
    pub bitmask: Option<u32>,
}

/// A value to compare with: unsigned, or a variable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ByteValue {
    Const(u64),
    Var(VarId),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ByteJump {
    pub nbytes: Value,
    pub offset: Value,
    pub relative: bool,
    pub endian: Endian,
    pub base: ByteBase,
    pub multiplier: u16,
    pub align: bool,
    pub from: JumpFrom,
    pub post_offset: Value,
    pub bitmask: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum JumpFrom {
    /// After the bytes that were read.
    #[default]
    Here,
    Beginning,
    End,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ByteExtract {
    pub nbytes: u8,
    pub offset: i64,
    pub var: VarId,
    pub relative: bool,
    pub endian: Endian,
    pub base: ByteBase,
    pub multiplier: u16,
    /// 2 or 4: the value is rounded up to it.
    pub align: Option<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MathOp {
    Add,
    Sub,
    Mul,
    Div,
    Shl,
    Shr,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ByteMath {
    pub nbytes: Value,
    pub offset: i64,
    pub op: MathOp,
    pub rvalue: Value,
    pub result: VarId,
    pub relative: bool,
    pub endian: Endian,
    pub base: ByteBase,
    pub bitmask: Option<u32>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IsDataAt {
    pub at: Value,
    pub negated: bool,
    pub relative: bool,
    pub rawbytes: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Base64Mode {
    /// Skips what is not in the alphabet (RFC 2045).
    Rfc2045,
    /// Stops at what is not in the alphabet (RFC 4648).
    Rfc4648,
    /// Refuses what is not in the alphabet and wrong padding.
    Strict,
}

/// `base64_decode`, and the matches that `base64_data` puts on its result.
#[derive(Clone, PartialEq, Debug)]
pub struct Base64Decode {
    /// At most so many bytes are decoded; `None`: all.
    pub bytes: Option<u32>,
    pub offset: u32,
    pub relative: bool,
    /// On the decoded bytes. When present and met, the rest of the outer list is not asked
    /// for: the field's `base64_data` ends a list.
    pub data: Vec<super::Match>,
}
