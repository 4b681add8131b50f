# shellcheck shell=bash
cp "$work/www/download.freesoft.example/eicar.com" "$work/eicar.com"
lookup pc1 mail.provider.example A >/dev/null
on pc1 swaks --silent 3 --server 203.0.113.20 --helo KEIRI-PC --from keiri@takehara.example --to shop@provider.example \
  --header 'Subject: invoice' --attach-type application/octet-stream --attach-name invoice.com --attach "@$work/eicar.com" || true
