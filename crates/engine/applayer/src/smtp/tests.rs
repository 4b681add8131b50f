use super::*;

fn events(talk: &[(Direction, &[u8])]) -> Vec<AppEvent> {
    let mut parser = SmtpParser::new(&AppLayerConfig::default());
    parser.feed(Direction::ToClient, Input::Data(b"220 mail\r\n"), Timestamp::EPOCH);
    for (dir, bytes) in talk {
        parser.feed(*dir, Input::Data(bytes), Timestamp::EPOCH);
    }
    parser.txs.iter().flat_map(|tx| tx.events.clone()).collect()
}

#[test]
fn commands_behind_data_without_its_reply_are_told() {
    use Direction::{ToClient, ToServer};
    let patient: &[(Direction, &[u8])] = &[
        (ToServer, b"EHLO a\r\n"),
        (ToClient, b"250 a\r\n"),
        (ToServer, b"MAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\n"),
        (ToClient, b"250 a\r\n250 b\r\n354 go\r\n"),
        (ToServer, b"Subject: a\r\n\r\nb\r\n.\r\n"),
        (ToClient, b"250 taken\r\n"),
    ];
    assert_eq!(events(patient), [] as [&str; 0]);
    let hasty: &[(Direction, &[u8])] = &[
        (ToServer, b"EHLO a\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\nSubject: a\r\n\r\nb\r\n.\r\n"),
        (ToClient, b"250 a\r\n250 a\r\n250 b\r\n354 go\r\n250 taken\r\n"),
    ];
    assert_eq!(events(hasty), ["smtp.invalid_pipelined_sequence"]);
}

#[test]
fn a_chunk_that_ends_within_a_line_is_told_whatever_the_cut() {
    use Direction::ToServer;
    for (chunk, told) in [(&b"a\r\nb\r\n"[..], false), (b"a\r\nbcd", true)] {
        let mut bytes = format!("EHLO a\r\nMAIL FROM:<a>\r\nBDAT {} LAST\r\n", chunk.len()).into_bytes();
        bytes.extend(chunk);
        let whole = [bytes.as_slice(), b"QUIT\r\n"].concat();
        for cut in 1..whole.len() {
            let (a, b) = whole.split_at(cut);
            let found = events(&[(ToServer, a), (ToServer, b)]);
            assert_eq!(found.contains(&"smtp.bdat_chunk_len_exceeded"), told, "{chunk:?} cut at {cut}");
        }
        assert!(!events(&[(ToServer, &bytes)]).contains(&"smtp.bdat_chunk_len_exceeded"));
    }
}
