//! Which way bytes travel inside a flow.

use serde::{Deserialize, Serialize};

/// Direction of a packet, stream or transaction relative to the flow's client.
///
/// The client is the side that opened the flow: the sender of the SYN for TCP, of the first
/// packet seen for everything else.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    ToServer,
    ToClient,
}

impl Direction {
    pub const BOTH: [Direction; 2] = [Direction::ToServer, Direction::ToClient];

    #[must_use]
    pub const fn reverse(self) -> Self {
        match self {
            Direction::ToServer => Direction::ToClient,
            Direction::ToClient => Direction::ToServer,
        }
    }

    /// 0 for to-server, 1 for to-client: for `[T; 2]` kept per direction.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Direction::ToServer => 0,
            Direction::ToClient => 1,
        }
    }

    /// The one of two things kept per direction that is this direction's.
    #[must_use]
    pub const fn of<T>(self, [to_server, to_client]: &[T; 2]) -> &T {
        match self {
            Direction::ToServer => to_server,
            Direction::ToClient => to_client,
        }
    }

    /// The same, to change it.
    #[must_use]
    pub const fn of_mut<T>(self, [to_server, to_client]: &mut [T; 2]) -> &mut T {
        match self {
            Direction::ToServer => to_server,
            Direction::ToClient => to_client,
        }
    }
}
