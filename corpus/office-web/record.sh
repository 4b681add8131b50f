# shellcheck shell=bash
shop=(--resolve www.bunbougu.example:80:203.0.113.10 --compressed
  -A 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36')
lookup pc1 www.bunbougu.example A >/dev/null
on pc1 curl -s --max-time 20 "${shop[@]}" -o /dev/null http://www.bunbougu.example/ \
  -o /dev/null http://www.bunbougu.example/logo.png -o /dev/null http://www.bunbougu.example/catalog.pdf || true
browse pc2 www.bunbougu.example https://www.bunbougu.example/catalog.pdf
lookup pc2 www.bunbougu.example AAAA >/dev/null
on pc2 curl -s --max-time 20 -o /dev/null -g -H 'Host: www.bunbougu.example' 'http://[2001:db8::10]/style.css' || true
browse pc2 download.freesoft.example http://download.freesoft.example/tool-setup.zip
browse pc1 www.bunbougu.example http://www.bunbougu.example/order -d 'item=001&count=10'
lookup pc1 provider.example MX >/dev/null
on pc1 ping -c 2 -i 0.2 203.0.113.10 >/dev/null || true
