//! Which window of a literal to file it under: the rarer in traffic, the fewer false looks.

use std::collections::HashMap;

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

/// How many literals are filed under each window so far, with what is common in traffic.
#[derive(Debug)]
pub(super) struct Load {
    filed: HashMap<(usize, u32), u32>,
    common: HashMap<(usize, u32), u32>,
}

impl Default for Load {
    fn default() -> Self {
        let mut common = HashMap::new();
        for window in COMMON.windows(4) {
            *common.entry((4, gram(window))).or_insert(0) += 1;
        }
        for window in COMMON.windows(2) {
            *common.entry((2, gram(window))).or_insert(0) += 1;
        }
        Load {
            filed: HashMap::new(),
            common,
        }
    }
}

/// The window of `W` bytes of `bytes` to file it under, as (offset, folded window).
pub(super) fn rarest<const W: usize>(bytes: &[u8], load: &mut Load) -> (u32, u32) {
    let best = bytes
        .windows(W)
        .enumerate()
        .map(|(offset, window)| {
            let key = gram(window);
            let common = load.common.get(&(W, key)).copied().unwrap_or(0);
            let filed = load.filed.get(&(W, key)).copied().unwrap_or(0);
            (
                common * 40 + filed.min(50) * 8 + weight(window),
                offset,
                key,
            )
        })
        .min();
    let (_, offset, key) = best.unwrap_or_default();
    *load.filed.entry((W, key)).or_insert(0) += 1;
    (u32::try_from(offset).unwrap_or(u32::MAX), key)
}

/// The folded window as a little-endian number.
pub(super) fn gram(window: &[u8]) -> u32 {
    window
        .iter()
        .rev()
        .fold(0, |value, byte| (value << 8) | u32::from(fold(*byte)))
}

/// How often the bytes of a window are seen in traffic, roughly, on a scale of its own.
fn weight(window: &[u8]) -> u32 {
    let all_equal = window
        .windows(2)
        .all(|pair| matches!(pair, [a, b] if a == b));
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
    bytes + if all_equal { 60 } else { 0 }
}
