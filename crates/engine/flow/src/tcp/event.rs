//! What can be odd about a TCP packet in its session, by the names of the rule language
//! (`stream-event:`).

macro_rules! stream_events {
    ($($variant:ident => $name:literal,)*) => {
        /// One anomaly of a TCP session.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum StreamEvent { $($variant,)* }

        impl StreamEvent {
            pub const ALL: &'static [StreamEvent] = &[$(StreamEvent::$variant,)*];

            /// The name in the rule language, such as `est_packet_out_of_window`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(StreamEvent::$variant => $name,)* }
            }
        }
    };
}

stream_events! {
    HandshakeAckInWrongDir => "3whs_ack_in_wrong_dir",
    HandshakeAsyncWrongSeq => "3whs_async_wrong_seq",
    HandshakeRightSeqWrongAckEvasion => "3whs_right_seq_wrong_ack_evasion",
    HandshakeSynackInWrongDirection => "3whs_synack_in_wrong_direction",
    HandshakeSynackResendWithDifferentAck => "3whs_synack_resend_with_different_ack",
    HandshakeSynackResendWithDiffSeq => "3whs_synack_resend_with_diff_seq",
    HandshakeSynackToserverOnSynRecv => "3whs_synack_toserver_on_syn_recv",
    HandshakeSynackWithWrongAck => "3whs_synack_with_wrong_ack",
    HandshakeSynackFlood => "3whs_synack_flood",
    HandshakeSynResendDiffSeqOnSynRecv => "3whs_syn_resend_diff_seq_on_syn_recv",
    HandshakeSynToclientOnSynRecv => "3whs_syn_toclient_on_syn_recv",
    HandshakeWrongSeqWrongAck => "3whs_wrong_seq_wrong_ack",
    HandshakeAckDataInject => "3whs_ack_data_inject",
    HandshakeSynackTfoDataIgnored => "3whs_synack_tfo_data_ignored",
    HandshakeSynFlood => "3whs_syn_flood",
    SplitHandshakeSynackWithWrongAck => "4whs_synack_with_wrong_ack",
    SplitHandshakeSynackWithWrongSyn => "4whs_synack_with_wrong_syn",
    SplitHandshakeWrongSeq => "4whs_wrong_seq",
    SplitHandshakeInvalidAck => "4whs_invalid_ack",
    ClosewaitAckOutOfWindow => "closewait_ack_out_of_window",
    ClosewaitFinOutOfWindow => "closewait_fin_out_of_window",
    ClosewaitPktBeforeLastAck => "closewait_pkt_before_last_ack",
    ClosewaitInvalidAck => "closewait_invalid_ack",
    ClosingAckWrongSeq => "closing_ack_wrong_seq",
    ClosingInvalidAck => "closing_invalid_ack",
    EstPacketOutOfWindow => "est_packet_out_of_window",
    EstPktBeforeLastAck => "est_pkt_before_last_ack",
    EstSynackResend => "est_synack_resend",
    EstSynackResendWithDifferentAck => "est_synack_resend_with_different_ack",
    EstSynackResendWithDiffSeq => "est_synack_resend_with_diff_seq",
    EstSynackToserver => "est_synack_toserver",
    EstSynResend => "est_syn_resend",
    EstSynResendDiffSeq => "est_syn_resend_diff_seq",
    EstSynToclient => "est_syn_toclient",
    EstInvalidAck => "est_invalid_ack",
    FinInvalidAck => "fin_invalid_ack",
    Fin1AckWrongSeq => "fin1_ack_wrong_seq",
    Fin1FinWrongSeq => "fin1_fin_wrong_seq",
    Fin1InvalidAck => "fin1_invalid_ack",
    Fin2AckWrongSeq => "fin2_ack_wrong_seq",
    Fin2FinWrongSeq => "fin2_fin_wrong_seq",
    Fin2InvalidAck => "fin2_invalid_ack",
    FinButNoSession => "fin_but_no_session",
    FinOutOfWindow => "fin_out_of_window",
    FinSyn => "fin_syn",
    LastackAckWrongSeq => "lastack_ack_wrong_seq",
    LastackInvalidAck => "lastack_invalid_ack",
    RstButNoSession => "rst_but_no_session",
    TimewaitAckWrongSeq => "timewait_ack_wrong_seq",
    TimewaitInvalidAck => "timewait_invalid_ack",
    ShutdownSynResend => "shutdown_syn_resend",
    PktInvalidTimestamp => "pkt_invalid_timestamp",
    PktInvalidAck => "pkt_invalid_ack",
    PktBrokenAck => "pkt_broken_ack",
    PktBadWindowUpdate => "pkt_bad_window_update",
    PktRetransmission => "pkt_retransmission",
    PktSpuriousRetransmission => "pkt_spurious_retransmission",
    RstInvalidAck => "rst_invalid_ack",
    SuspectedRstInject => "suspected_rst_inject",
    WrongThread => "wrong_thread",
    ReassemblySegmentBeforeBaseSeq => "reassembly_segment_before_base_seq",
    ReassemblyNoSegment => "reassembly_no_segment",
    ReassemblySeqGap => "reassembly_seq_gap",
    ReassemblyOverlapDifferentData => "reassembly_overlap_different_data",
    ReassemblyDepthReached => "reassembly_depth_reached",
    ReassemblyInsertMemcap => "reassembly_insert_memcap",
    ReassemblyInsertLimit => "reassembly_insert_limit",
    ReassemblyInsertInvalid => "reassembly_insert_invalid",
}

impl StreamEvent {
    /// Finds an event by its name in the rule language.
    #[must_use]
    pub fn from_name(name: &str) -> Option<StreamEvent> {
        Self::ALL.iter().copied().find(|e| e.name() == name)
    }
}

/// A set of events.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct StreamEvents(u128);

impl StreamEvents {
    pub fn insert(&mut self, event: StreamEvent) {
        self.0 |= 1 << (event as u32);
    }

    #[must_use]
    pub fn contains(self, event: StreamEvent) -> bool {
        self.0 & (1 << (event as u32)) != 0
    }

    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = StreamEvent> {
        let some = if self.is_empty() { &[][..] } else { StreamEvent::ALL };
        some.iter().copied().filter(move |e| self.contains(*e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found_again() {
        for event in StreamEvent::ALL {
            assert_eq!(StreamEvent::from_name(event.name()), Some(*event));
        }
        assert!(StreamEvent::ALL.len() <= 128);
    }
}
