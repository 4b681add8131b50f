//! The application layer of one flow.

/// What the transport hands over, in order.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// The next bytes of the stream, or one datagram.
    Data(&'a [u8]),
    /// So many bytes of the stream were lost for good.
    Gap(u64),
    /// The side has ended its stream, or the flow has ended.
    End,
}

/// Parser state of one flow. The owner of this crate fills it; see `Session::feed`.
#[derive(Debug, Default)]
pub struct Session {}
