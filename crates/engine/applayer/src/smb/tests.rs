use super::*;
use crate::AppLayerConfig;
use crate::event::AppEvent;
use mimamori_base::Timestamp;

/// Command 0, 8 or 9 with `body` behind the header.
fn message(command: u16, response: bool, id: u64, body: &[u8]) -> Vec<u8> {
    let mut m = b"\xfeSMB\x40\0\0\0\0\0\0\0".to_vec();
    m.extend(command.to_le_bytes());
    m.extend([1, 0]);
    m.extend(u32::from(response).to_le_bytes());
    m.extend([0; 4]);
    m.extend(id.to_le_bytes());
    m.extend([0; 32]);
    m.extend(body);
    let mut framed = u32::try_from(m.len()).expect("short").to_be_bytes().to_vec();
    framed.extend(m);
    framed
}

fn negotiated(read: u32, write: u32) -> Vec<u8> {
    let mut body = vec![0x41, 0, 1, 0, 0x10, 2, 0, 0];
    body.extend([7; 16]);
    body.extend([0; 8]);
    body.extend(read.to_le_bytes());
    body.extend(write.to_le_bytes());
    message(0, true, 0, &body)
}

fn write(id: u64, offset: u64, data: &[u8]) -> Vec<u8> {
    let mut body = vec![0x31, 0, 0x70, 0];
    body.extend(u32::try_from(data.len()).expect("short").to_le_bytes());
    body.extend(offset.to_le_bytes());
    body.extend([0xaa; 16]);
    body.extend([0; 16]);
    body.extend(data);
    message(9, false, id, &body)
}

fn read(id: u64, length: u32) -> Vec<u8> {
    let mut body = vec![0x31, 0, 0, 0];
    body.extend(length.to_le_bytes());
    body.extend([0; 8]);
    body.extend([0xaa; 16]);
    body.extend([0; 17]);
    message(8, false, id, &body)
}

fn events(config: &AppLayerConfig, talk: &[(Direction, Vec<u8>)]) -> Vec<AppEvent> {
    let mut parser = SmbParser::new(config);
    for (dir, bytes) in talk {
        parser.feed(*dir, Input::Data(bytes), Timestamp::EPOCH);
    }
    parser.state.txs.iter().flat_map(|tx| tx.events.clone()).collect()
}

#[test]
fn sizes_beyond_what_was_agreed_are_told() {
    use Direction::{ToClient, ToServer};
    let question = message(0, false, 0, &[0x24, 0, 1, 0, 1, 0]);
    let mut config = AppLayerConfig::default();
    let talk = [
        (ToServer, question),
        (ToClient, negotiated(100, 50)),
        (ToServer, write(1, 0, &[b'x'; 50])),
        (ToServer, read(2, 100)),
    ];
    assert_eq!(events(&config, &talk), [] as [&str; 0]);
    let beyond = [(ToServer, write(3, 50, &[b'x'; 51])), (ToServer, read(4, 101))];
    let all: Vec<_> = talk.iter().cloned().chain(beyond).collect();
    assert_eq!(events(&config, &all), ["smb.write_request_too_large", "smb.read_request_too_large"]);
    (config.smb.max_read_bytes, config.smb.max_write_bytes) = (99, 49);
    let found = events(&config, talk.get(..2).expect("two"));
    assert_eq!(found, ["smb.negotiate_max_read_size_too_large", "smb.negotiate_max_write_size_too_large"]);
}

#[test]
fn too_much_out_of_order_is_told() {
    let mut config = AppLayerConfig::default();
    let early = |n: u64| (Direction::ToServer, write(n, 100 * n, b"0123456789"));
    let talk: Vec<_> = (1..=5).map(early).collect();
    assert_eq!(events(&config, &talk), [] as [&str; 0]);
    config.smb.write_queue = (0, 4);
    assert_eq!(events(&config, &talk), ["smb.write_queue_cnt_exceeded"]);
    config.smb.write_queue = (49, 0);
    assert_eq!(events(&config, &talk), ["smb.write_queue_size_exceeded"]);
}
