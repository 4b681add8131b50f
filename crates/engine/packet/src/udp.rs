//! UDP header view.

/// A complete UDP header.
#[derive(Clone, Copy, Debug)]
pub struct UdpView<'a> {
    fixed: &'a [u8; 8],
}

impl<'a> UdpView<'a> {
    pub(crate) fn new(fixed: &'a [u8; 8]) -> Self {
        UdpView { fixed }
    }

    #[must_use]
    pub fn header_bytes(&self) -> &'a [u8] {
        self.fixed
    }

    #[must_use]
    pub fn src_port(&self) -> u16 {
        u16::from_be_bytes([self.fixed[0], self.fixed[1]])
    }

    #[must_use]
    pub fn dst_port(&self) -> u16 {
        u16::from_be_bytes([self.fixed[2], self.fixed[3]])
    }

    #[must_use]
    pub fn len_field(&self) -> u16 {
        u16::from_be_bytes([self.fixed[4], self.fixed[5]])
    }

    #[must_use]
    pub fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.fixed[6], self.fixed[7]])
    }
}
