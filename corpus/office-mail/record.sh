# shellcheck shell=bash
lookup pc1 mail.provider.example A >/dev/null
on pc1 swaks --silent 3 --server 203.0.113.20 --helo KEIRI-PC --from keiri@takehara.example --to shop@provider.example \
  --header 'Subject: =?UTF-8?B?6KaL56mN5pu444Gu5Lu2?=' --body 'いつもお世話になっております。' || true
printf '%%PDF-1.7\nmitsumori\n%%%%EOF\n' > "$work/mitsumori.pdf"
on pc1 swaks --silent 3 --server 203.0.113.20 --helo KEIRI-PC --from keiri@takehara.example --to shop@provider.example \
  --header 'Subject: estimate' --attach-type application/pdf --attach-name mitsumori.pdf --attach "@$work/mitsumori.pdf" || true
