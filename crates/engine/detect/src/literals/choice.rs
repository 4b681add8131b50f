//! Which window of a literal to file it under: the rarer in traffic, the fewer false looks.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::fold;

/// What traffic is full of: windows of these are the last choice.
const COMMON: &[u8] = b"http://www. https:// .com/ .net/ .org/ HTTP/1.1 GET / POST /index.php .html .aspx .jpg .png .js .css \
Host: User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/ Safari/537.36 \
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8 Accept-Language: en-US,en;q=0.5 \
Accept-Encoding: gzip, deflate, br Connection: keep-alive Cookie: Content-Type: application/x-www-form-urlencoded \
Content-Length: Referer: Server: nginx Apache Cache-Control: max-age=0 no-cache Date: Last-Modified: ETag: Expires: \
200 OK Transfer-Encoding: chunked Vary: Set-Cookie: path=/; domain=; charset=utf-8 text/plain text/javascript \
<html><head><title></title><script type=\"text/javascript\" src=\"</script><div class=\"<a href=\"</a></div><span style=\"\
<meta name=\"content=\"<link rel=\"stylesheet\" function(){return var this.document.window.length.value true false null \
\r\n\r\n: = ; the and ing tion ment for with from that this application/json id= &v= ?id= 00000000 \0\0\0\0\0\0\0\0 \xff\xff\xff\xff    ";

/// How often each window is among what is common.
static COMMON_WINDOWS: LazyLock<HashMap<(usize, u32), u32>> = LazyLock::new(|| {
    let mut common = HashMap::new();
    for bytes in 2..=4 {
        for window in COMMON.windows(bytes) {
            *common.entry((bytes, gram(window))).or_insert(0) += 1;
        }
    }
    common
});

/// How many literals are filed under each window so far.
#[derive(Debug, Default)]
pub(super) struct Load {
    filed: HashMap<(usize, u32), u32>,
}

/// `S` neighbouring windows of `W` bytes to file `bytes` under, as (offset, folded window).
pub(super) fn rarest<const W: usize, const S: usize>(bytes: &[u8], load: &mut Load) -> Vec<(u32, u32)> {
    let costs: Vec<u32> = bytes.windows(W).map(|window| load.cost(W, window)).collect();
    let best = costs.windows(S).enumerate().min_by_key(|(_, run)| run.iter().sum::<u32>());
    let start = best.map_or(0, |(offset, _)| offset);
    let windows = bytes.windows(W).enumerate().skip(start).take(S);
    let chosen: Vec<(u32, u32)> =
        windows.map(|(offset, window)| (u32::try_from(offset).unwrap_or(u32::MAX), gram(window))).collect();
    for (_, key) in &chosen {
        *load.filed.entry((W, *key)).or_insert(0) += 1;
    }
    chosen
}

impl Load {
    /// How much it costs to file a literal under `window`, on a scale of its own.
    fn cost(&self, bytes: usize, window: &[u8]) -> u32 {
        let key = (bytes, gram(window));
        let common = COMMON_WINDOWS.get(&key).copied().unwrap_or(0);
        let filed = self.filed.get(&key).copied().unwrap_or(0);
        common * 40 + filed.min(50) * 8 + weight(window)
    }
}

/// The folded window as a little-endian number.
pub(super) fn gram(window: &[u8]) -> u32 {
    window.iter().rev().fold(0, |value, byte| (value << 8) | u32::from(fold(*byte)))
}

/// How often the bytes of a window are seen in traffic, roughly, on a scale of its own.
fn weight(window: &[u8]) -> u32 {
    let all_equal = window.windows(2).all(|pair| matches!(pair, [a, b] if a == b));
    let bytes: u32 = window
        .iter()
        .map(|byte| match fold(*byte) {
            b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' | b' ' => 9,
            b'c' | b'd' | b'l' | b'm' | b'p' | b'h' | b'u' => 7,
            b'/' | b'.' | b'-' | b'=' | b':' | b'0' | b'1' | b'2' => 6,
            b'a'..=b'z' | b'3'..=b'9' => 4,
            b'!'..=b'~' => 3,
            0x7f | 0xff => 5,
            _ => 2,
        })
        .sum();
    // Padding is made of them, and each of its places would be looked at.
    bytes + if all_equal { 2_000 } else { 0 }
}
