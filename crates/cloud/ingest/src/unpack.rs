//! Compressed batches, unpacked within limits: a small body must not become a large memory.

use std::io::Read;

use mimamori_report::MAX_BATCH_BYTES;

/// Compressed bytes of a batch at most.
pub(crate) const MAX_COMPRESSED_BYTES: usize = 2 << 20;
/// Window of 8 MiB at most: what the decoder may allocate.
const MAX_WINDOW_LOG: u32 = 23;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnpackError {
    #[error("the batch is no zstd data")]
    NotZstd,
    #[error("the batch unpacks to more than {MAX_BATCH_BYTES} bytes")]
    TooLarge,
}

/// A batch as its gateway wrote it.
pub fn unpack(compressed: &[u8]) -> Result<Vec<u8>, UnpackError> {
    let mut decoder =
        zstd::stream::read::Decoder::with_buffer(compressed).map_err(|_| UnpackError::NotZstd)?;
    decoder.window_log_max(MAX_WINDOW_LOG).map_err(|_| UnpackError::NotZstd)?;
    let mut plain = Vec::new();
    let limit = u64::try_from(MAX_BATCH_BYTES).unwrap_or(u64::MAX) + 1;
    #[expect(clippy::disallowed_methods, reason = "limited by take")]
    decoder.take(limit).read_to_end(&mut plain).map_err(|_| UnpackError::NotZstd)?;
    if plain.len() > MAX_BATCH_BYTES {
        return Err(UnpackError::TooLarge);
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_is_cut_off_and_rubbish_refused() {
        let bomb = zstd::bulk::compress(&vec![0u8; 200 << 20], 19).unwrap();
        assert!(bomb.len() < 100_000, "{}", bomb.len());
        assert_eq!(unpack(&bomb), Err(UnpackError::TooLarge));
        assert_eq!(unpack(b"PK\x03\x04"), Err(UnpackError::NotZstd));
        assert_eq!(unpack(&bomb[..bomb.len() / 2]).map(|_| ()), Err(UnpackError::TooLarge));
        let fine = zstd::bulk::compress(b"hello", 3).unwrap();
        assert_eq!(unpack(&fine).unwrap(), b"hello");
        assert_eq!(unpack(&fine[..fine.len() - 1]), Err(UnpackError::NotZstd));
    }
}
